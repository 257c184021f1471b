"""`python -m au_jax.benchmark`, run as a program."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import ROOT
from tests.synthetic import write_prepared


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "au_jax.benchmark", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.slow
def test_a_stage_and_its_data_are_measured(tmp_path: Path) -> None:
    write_prepared(tmp_path / "prepared", "bp4d")
    write_prepared(tmp_path / "prepared", "emotionet", labelled_train=False)
    done = benchmark(
        "--config=configs/joint.py:tiny",
        f"--config.data.data_dir={tmp_path / 'prepared'}",
        "--stage=landmarks",
        "--what=train,predict,data",
        "--repeats=2",
        f"--out={tmp_path / 'figures.json'}",
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^fraction of matrix-product rate: \d\.\d\d$", done.stdout, re.M)
    figures = json.loads((tmp_path / "figures.json").read_text())
    train = figures["train"]
    seconds = train["seconds"]
    assert 0 < seconds["fastest"] <= seconds["median"] <= seconds["slowest"]
    rate = train["operations"] / seconds["median"]
    assert train["operations_per_second"] == rate
    product = train["matrix_product_operations_per_second"]["float32"]
    assert train["fraction_of_matrix_product_rate"] == rate / product
    # XLA counts everything, not products alone.
    assert 0.7 * train["operations_by_xla"] < train["operations"]
    assert figures["data"]["images_per_second"] > 0
    assert figures["predict"]["images_per_second"] > 0


def test_mistakes_are_one_line() -> None:
    for arguments, said in (
        (["--what=trian"], "choose one or more of train, predict, data, gpu, profile"),
        (["--what=train,profile"], "profile uses a single core; run it alone"),
        (["--stage=jiont"], "the config has the stages landmarks, joint"),
        (["--what=data", "--config.data.data_dir=/nowhere"], "/nowhere"),
        (["--what=train", "--config.accumulation=3"], "config.joint.batch_size=4"),
        (["--what=gpu", "--config.accumulation=3"], "use a multiple of 3"),
        (["--config=compare"], "is it for au-jax compare?"),
    ):
        if not arguments[0].startswith("--config="):
            arguments = ["--config=configs/joint.py:tiny", *arguments]
        done = benchmark(*arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
