"""Packs the model of a run in one file.

    python -m au_jax.export --workdir=runs/joint --out=model.aujax

The file holds the networks that validated best on the target, their AUs, alignment,
thresholds, training data and metrics; no code (au_jax/model_file/file.py).

    python -m au_jax.export --adld=DIR --config=configs/adld.py --out=model.aujax

makes one of an ADLD snapshot (au_jax/model_file/from_adld.py), and

    python -m au_jax.export --model=model.aujax --stablehlo=model.stablehlo

writes a model as a StableHLO program (au_jax/model_file/stablehlo.py), --onnx=FILE in
ONNX (au_jax/model_file/onnx_file.py). Any output can be made of any input.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from absl import app, flags
from ml_collections import config_flags

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line

if TYPE_CHECKING:
    from au_jax.model_file.file import Model

WORKDIR = flags.DEFINE_string("workdir", None, "the work directory of a training run")
MODEL = flags.DEFINE_string("model", None, "or a model file that was written before")
ADLD = flags.DEFINE_string("adld", None, "or a folder of an ADLD snapshot")
CONFIG = config_flags.DEFINE_config_file(
    "config", None, "with --adld: its networks, configs/adld.py", lock_config=True
)
OUT = flags.DEFINE_string("out", None, "the model file to write, such as model.aujax")
STABLEHLO = flags.DEFINE_string("stablehlo", None, "a StableHLO program to write")
ONNX = flags.DEFINE_string("onnx", None, "an ONNX file to write")
PATH = flags.DEFINE_enum(
    "path", None, ["reconstructed", "direct"], "of StableHLO and ONNX"
)
DOMAIN = flags.DEFINE_enum(
    "domain", "target", ["source", "target"], "on which the networks validated best"
)


def main(argv: list[str]) -> None:
    """Writes the files of the flags."""
    del argv
    from au_jax.model_file import file as model_file
    from au_jax.model_file import onnx_file, stablehlo
    from au_jax.runtime import console

    console.set_up_logging()
    files = {flag.name: _file(flag) for flag in (OUT, STABLEHLO, ONNX) if flag.value}
    if not files:
        raise UserError("nothing to write: give --out, --stablehlo or --onnx=FILE")
    if PATH.value and set(files) == {"out"}:
        raise UserError(
            "--path is of --stablehlo and --onnx; a model file has all paths"
        )
    model = _model()
    aus = " ".join(map(str, model.aus))
    print(f"AU {aus}, stage {model.card['stage']}, step", end=" ")
    print(model.card["training"].get("step", "unknown"))
    for kind, file in files.items():
        if kind == "out":
            model_file.save(file, model)
        elif kind == "stablehlo":
            stablehlo.save(file, model, PATH.value)
        else:
            onnx_file.save(file, model, PATH.value)
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def _model() -> "Model":
    from au_jax.model_file import file as model_file
    from au_jax.model_file import from_adld, from_run

    given = [flag for flag in (WORKDIR, MODEL, ADLD) if flag.value]
    if len(given) != 1:
        raise UserError("give one of --workdir=RUN, --model=FILE and --adld=DIR")
    if MODEL.value:
        return model_file.load(Path(MODEL.value))
    if (ADLD.value is None) != (CONFIG.value is None):
        raise UserError("--adld=DIR and --config=configs/adld.py belong together")
    if ADLD.value:
        return from_adld.read(Path(ADLD.value), CONFIG.value)
    assert WORKDIR.value is not None
    assert DOMAIN.value is not None
    return from_run.pack(Path(WORKDIR.value), DOMAIN.value)


def _file(flag: flags.FlagHolder[str | None]) -> Path:
    file = Path(flag.value or "")
    if file.is_dir() or not file.parent.is_dir():
        raise UserError(f"--{flag.name}={file}: give a file in a folder that exists")
    return file


if __name__ == "__main__":
    run_program(lambda: app.run(main, flags_parser=command_line.parse))
