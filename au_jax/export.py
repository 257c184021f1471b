"""Export a trained model: one model file, StableHLO or ONNX.

    python -m au_jax.export --workdir=runs/joint --out=model.aujax

writes the networks that validated best on the target, with their AUs, alignment,
thresholds, training data and metrics, and without any code.

    python -m au_jax.export --adld=DIR --config=configs/adld.py --out=model.aujax

converts an ADLD snapshot.

    python -m au_jax.export --model=model.aujax --stablehlo=model.stablehlo

converts a model file. --workdir, --adld and --model can each be combined with any of
the outputs --out, --stablehlo, --onnx and --card, a page that describes the model.
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from absl import app, flags
from ml_collections import config_flags

from au_jax.errors import UserError, run_program
from au_jax.runtime import command_line
from au_jax.runtime.files import read_regular

if TYPE_CHECKING:
    from au_jax.model_file.file import Model

WORKDIR = flags.DEFINE_string(
    "workdir", None, "Export the model of the training run in this work directory."
)
MODEL = flags.DEFINE_string("model", None, "Export the model of this model file.")
ADLD = flags.DEFINE_string(
    "adld", None, "Export the newest ADLD snapshot in this folder; needs --config."
)
CONFIG = config_flags.DEFINE_config_file(
    "config",
    None,
    "Describe the networks of --adld by this config, such as configs/adld.py.",
    lock_config=True,
)
OUT = flags.DEFINE_string("out", None, "Write a model file, such as model.aujax.")
STABLEHLO = flags.DEFINE_string(
    "stablehlo", None, "Write a StableHLO program for CPUs and NVIDIA GPUs."
)
ONNX = flags.DEFINE_string("onnx", None, "Write an ONNX file; needs jax2onnx.")
CARD = flags.DEFINE_string(
    "card", None, "Write the model's card as a page in Markdown, such as model.md."
)
NOTE = flags.DEFINE_string(
    "note", None, "A text file that the page of --card begins with, such as credits."
)
PATH = flags.DEFINE_enum(
    "path",
    None,
    ["reconstructed", "direct"],
    "Predict AUs in StableHLO and ONNX from these features: the target's own separated"
    " features or those of the image itself; by default, as the model was chosen.",
)
DOMAIN = flags.DEFINE_enum(
    "domain",
    "target",
    ["source", "target"],
    "Take the checkpoint of --workdir that validated best on this domain.",
)

NOTE_LIMIT = 1 << 20
"""The size of the longest note in bytes."""


def main(argv: list[str]) -> None:
    """Write the files that the flags name."""
    del argv
    outputs = {
        flag.name: _output(flag) for flag in (OUT, STABLEHLO, ONNX, CARD) if flag.value
    }
    if not outputs:
        raise UserError(
            "nothing to write: give --out, --stablehlo, --onnx or --card=FILE"
        )
    if len({file.resolve() for file in outputs.values()}) < len(outputs):
        raise UserError(
            f"{' and '.join(f'--{name}' for name in outputs)} name one file twice;"
            " the second would replace the first"
        )
    _check_kept(outputs)
    note = _note()
    if PATH.value and not {"stablehlo", "onnx"} & set(outputs):
        raise UserError(
            "--path applies to --stablehlo and --onnx; a model file holds all paths"
        )
    _check_inputs()
    # Imported late: it takes seconds, for which mistakes need not wait.
    from au_jax.model_file import file as model_file
    from au_jax.model_file import page, programs
    from au_jax.runtime import console
    from au_jax.runtime.files import write_whole

    console.set_up_logging()
    if "onnx" in outputs:
        programs.check_onnx()
    model = _load_model()
    aus = " ".join(map(str, model.aus))
    step = model.card["training"].get("step", "unknown")
    print(f"AU {aus}, stage {model.card['stage']}, step {step}")
    for name, file in outputs.items():
        if name == "out":
            model_file.save(file, model)
        elif name == "stablehlo":
            programs.save_stablehlo(file, model, PATH.value)
        elif name == "card":
            complete = model_file.with_digest(model).card
            write_whole(file, page.to_markdown(complete, note))
        else:
            programs.save_onnx(file, model, PATH.value)
        print(f"{file}: {file.stat().st_size / 1e3:,.0f} kB")


def _check_kept(outputs: Mapping[str, Path]) -> None:
    """Raise a `UserError` if an output would replace an input by something else."""
    for flag, name in itertools.product((MODEL, NOTE), outputs):
        if not flag.value or (flag.name, name) == ("model", "out"):
            continue  # a model file that is written again holds the same model
        file = outputs[name]
        if file.resolve() == Path(flag.value).resolve():
            raise UserError(
                f"--{name}={file} would replace the file of --{flag.name}; give another"
            )


def _check_inputs() -> None:
    """Raise a `UserError` unless the flags name one model."""
    given = [flag for flag in (WORKDIR, MODEL, ADLD) if flag.value]
    if len(given) != 1:
        raise UserError("give one of --workdir=RUN, --model=FILE and --adld=DIR")
    if (ADLD.value is None) != (CONFIG.value is None):
        raise UserError("--adld=DIR needs --config=configs/adld.py, and vice versa")


def _load_model() -> "Model":
    """Load the one model that the flags name."""
    from au_jax.model_file import file as model_file
    from au_jax.model_file import from_adld, from_run
    from au_jax.training.config_checks import check_values

    if MODEL.value:
        return model_file.load(Path(MODEL.value))
    if ADLD.value:
        check_values(CONFIG.value)
        return from_adld.load(Path(ADLD.value), CONFIG.value)
    assert WORKDIR.value is not None
    assert DOMAIN.value is not None
    return from_run.load(Path(WORKDIR.value), DOMAIN.value)


def _note() -> str:
    """Return the text that the card's page begins with."""
    if not NOTE.value:
        return ""
    if not CARD.value:
        raise UserError("--note is for the page of --card=FILE")
    try:
        return read_regular(Path(NOTE.value), NOTE_LIMIT).decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"--note={NOTE.value}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"--note={NOTE.value}: save it as text in UTF-8") from None


def _output(flag: flags.FlagHolder[str | None]) -> Path:
    """Return the file to write; raise a `UserError` if its folder does not exist."""
    file = Path(flag.value or "")
    if not file.parent.is_dir() or (file.exists() and not file.is_file()):
        raise UserError(f"--{flag.name}={file}: give a file in a folder that exists")
    return file


if __name__ == "__main__":
    run_program(lambda: app.run(main, flags_parser=command_line.parse))
