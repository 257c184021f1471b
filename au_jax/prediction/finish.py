"""What frames a run: the model it opens, the other tables, the words at its end."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from au_jax.errors import UserError
from au_jax.model_file import file
from au_jax.prediction import openface, rows, run

FORMATS = ("csv", "parquet", "openface")


def check_formats(names: Sequence[str]) -> set[str]:
    """The wanted tables; raises a `UserError` for an unknown one."""
    for name in names:
        if name not in FORMATS:
            raise UserError(f"--format={name}: give some of {', '.join(FORMATS)}")
    return set(names)


def open_model(path: Path) -> file.Model:
    """A model file, or the networks of a run that validated best on the target."""
    if not path.is_dir():
        return file.load(path)
    from au_jax.model_file import from_run  # imports orbax, which files do not need

    return file.with_digest(from_run.pack(path, "target"))


def write_tables(out: Path, aus: Sequence[int], formats: set[str]) -> None:
    """The tables besides aus.csv, made of it."""
    table = out / run.TABLE
    if "parquet" in formats:
        rows.write_parquet(table, out / "aus.parquet", aus)
    if "openface" in formats:
        openface.write(table, out / "openface", aus)


def told(summary: run.Summary, out: Path) -> str:
    """The end of a run in a few lines."""
    counts = ", ".join(f"{n} {status}" for status, n in sorted(summary.rows.items()))
    lines = [f"{out / run.TABLE}: {counts} rows"]
    if summary.frames:
        rate = summary.frames / summary.wall
        parts = dataclasses.asdict(summary.seconds)
        each = ", ".join(
            f"{name} {1000 * part / summary.frames:.1f}" for name, part in parts.items()
        )
        lines.append(
            f"{summary.frames} frames in {summary.wall:.1f} s, {rate:.1f} per second;"
            f" milliseconds per frame: {each}"
        )
    return "\n".join(lines)
