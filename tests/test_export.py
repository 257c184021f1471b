"""The program `export`: its outputs, and exit code 2 with one line for a mistake."""

import subprocess
import sys

import pytest

from au_jax.model_file import file as model_file
from tests.prediction.models import small_model
from tests.programs import ROOT


def export(*arguments):
    command = [sys.executable, "-m", "au_jax.export", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_a_model_file_is_copied_and_converted(tmp_path):
    model = tmp_path / "model.aujax"
    model_file.save(model, small_model())
    again, program = tmp_path / "again.aujax", tmp_path / "model.stablehlo"
    page, note = tmp_path / "model.md", tmp_path / "note.txt"
    note.write_text("Credits: nobody.", encoding="utf-8-sig")
    result = export(
        *(f"--model={model}", f"--out={again}", f"--stablehlo={program}"),
        *(f"--card={page}", f"--note={note}"),
    )
    assert result.returncode == 0, result.stderr
    assert again.read_bytes() == model.read_bytes()
    assert program.stat().st_size > 10_000
    assert "Credits: nobody." in page.read_text()
    assert "\ufeff" not in page.read_text()
    assert f"{program}: " in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--workdir={0}", "--model={0}/m", "--out=x.aujax"], "give one of --workdir"),
        (["--out={0}/x", "--card={0}/x"], "--out and --card name one file twice"),
        (
            ["--model={0}/m", "--out={0}/x", "--config=configs/adld.py"],
            "--adld=DIR nee",
        ),
        (["--model={0}/page", "--card={0}/page"], "would replace the file of --model"),
        (
            ["--model={0}/page", "--stablehlo={0}/../{1}/page"],
            "would replace the file of --model",
        ),
        (
            ["--model={0}/m", "--card={0}/page", "--note={0}/page"],
            "--card={0}/page would replace the file of --note",
        ),
        (["--card={0}/x", "--note={0}/none"], "--note={0}/none: No such file or dir"),
        (["--card={0}/x", "--note=/dev/zero"], "--note=/dev/zero: "),
        (["--card={0}/x", "--note={0}/page"], "--note={0}/page: save it as text in"),
        (["--workdir={0}", "--out={0}/no/x"], "give a file in a folder that exists"),
        (["--workdir={0}", "--out=/dev/null"], "give a file in a folder that exists"),
        (["--workdir={0}", "--out={0}"], "give a file in a folder that exists"),
        (["--workdir={0}", "--out={0}/page/x"], "give a file in a folder that exists"),
        (["--workdir={0}", "--out=/proc/x"], "holds no run"),
        (["--workdir={0}", "--out={0}/" + 300 * "x"], "File name too long"),
        (["--model={0}/page", "--out={0}/x"], "not a model of au_jax"),
        (["--model={0}/page", "--out={0}/x", "--note={0}/page"], "the page of --card"),
        (["--model={0}/page", "--out={0}/x", "--path=direct"], "--path applies to"),
        (
            ["--adld={0}", "--config=configs/adld.py", "--out={0}/x"],
            "{0} holds no complete snapshot",
        ),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, arguments, message):
    (tmp_path / "page").write_text("<html>not found</html>", encoding="utf-16")
    places = tmp_path, tmp_path.name
    result = export(*(argument.format(*places) for argument in arguments))
    assert result.returncode == 2
    assert message.format(tmp_path) in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["page"]
