"""Packs the model of a run in one file.

    python -m au_jax.export --workdir=runs/joint --out=model.aujax

The file holds the networks that validated best on the target, their AUs, alignment,
thresholds, training data and metrics; no code (au_jax/prediction/model_file.py).
"""

import functools
from pathlib import Path

from absl import app, flags

from au_jax import command_line, console
from au_jax.errors import UserError, run_program

WORKDIR = flags.DEFINE_string("workdir", None, "the work directory of a training run")
OUT = flags.DEFINE_string("out", None, "the file to write, such as model.aujax")
DOMAIN = flags.DEFINE_enum(
    "domain", "target", ["source", "target"], "on which the networks validated best"
)


def main(argv: list[str]) -> None:
    """Writes the file of the flags."""
    del argv
    from au_jax.prediction import model_file, packing

    assert WORKDIR.value is not None
    assert OUT.value is not None
    assert DOMAIN.value is not None
    console.set_up_logging()
    out = Path(OUT.value)
    if out.is_dir() or not out.parent.is_dir():
        raise UserError(f"--out={out}: give a file in a folder that exists")
    model = packing.pack(Path(WORKDIR.value), DOMAIN.value)
    model_file.save(out, model)
    aus = " ".join(map(str, model.aus))
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB, AU {aus}, stage", end=" ")
    print(f"{model.card['stage']}, step {model.card['training']['step']}")


if __name__ == "__main__":
    parse = functools.partial(command_line.parse, required=("workdir", "out"))
    run_program(lambda: app.run(main, flags_parser=parse))
