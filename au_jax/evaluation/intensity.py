"""Intensity of AUs, 0..5, from a detector that was trained on their presence.

Its answer rises with how strong an AU is. So for each AU a curve from its probability
to the intensity is fitted to a held-out split whose intensities are known (isotonic
regression). It is stated at some probabilities, and interpolated between them. Moved
photographs know their intensities exactly: `intensities.csv` beside their records.
"""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float
from rich.console import Console
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from au_jax.data.reader import INTENSITIES
from au_jax.data.split import FaceSplit
from au_jax.errors import UserError, printable
from au_jax.evaluation import metrics
from au_jax.evaluation.tables import table_of_aus
from au_jax.evaluation.target_model import load_target_model
from au_jax.raw.label_table import au_columns, number
from au_jax.runtime import csv_file
from au_jax.runtime.files import write_whole
from au_jax.workdir import intensities
from au_jax.workdir.intensities import STRONGEST, Intensities

REPORT = "eval-intensity.json"
KNOTS = tuple(round(float(p), 6) for p in expit(np.linspace(-7, 7, 29)))
"""The probabilities at which a curve is stated."""

FEWEST = 20
"""Images with a known intensity that a curve needs."""

_UNKNOWN = ("9", "999", "-1")  # in the tables of BP4D, EmotioNet and others

Values = Float[np.ndarray, "n a"]


def evaluate(
    workdir: Path,
    fitted_on: str,
    split: str,
    data_dir: str | None = None,
    on: str | None = None,
    file: Path | None = None,
) -> None:
    """Write `intensities.json` into a run; print how well its curves do, and keep it.

    Args:
        workdir: The work directory of the run.
        fitted_on: The split on which the curves are fitted.
        split: The split on which they are scored.
        data_dir: The prepared data; None is the folder that training used.
        on: The prepared set; None is the target.
        file: The table of intensities; None is that of the data set.

    Raises:
        UserError: the splits share an image, the run detects no AUs, or no
            intensity is known.
    """
    model = load_target_model(workdir, data_dir, on)
    fitting, data = model.open_apart(fitted_on, split)
    # Both are read and predicted before anything is written.
    known, truth = read_known(file, fitting), read_known(file, data)
    p = model.predict(data).probabilities[model.path]
    curves = fit(model.predict(fitting).probabilities[model.path], known)
    name, aus = model.config.data.target, tuple(model.config.data.aus)
    if not any(curves):
        raise UserError(f"{name}, {fitted_on}: no AU has {FEWEST} known intensities")
    stage, step = model.loaded.stage, model.loaded.step
    found = Intensities(name, fitted_on, stage, step, model.path, KNOTS, curves)
    written = intensities.write(workdir, found, aus)
    rows = _rows(aus, p, found, truth)
    title = f"Intensity on {name}, split {split}; fitted on {fitted_on}"
    report = json.dumps({"title": title, "table": rows}, indent=2)
    write_whole(workdir / REPORT, report)
    Console().print(table_of_aus(title, rows))
    print(f"intensities: {written}, used by python -m au_jax.export")


def read_known(file: Path | None, data: FaceSplit) -> Values:
    """Return the intensities of a split's images, by `read_table`.

    Args:
        file: The table; None is that of each data set.
        data: The split.
    """
    if file is not None:
        return read_table(file, data)
    own = [read_table(s.parts[0].directory / INTENSITIES, s) for s in data.each()]
    return np.concatenate(own)


def read_table(file: Path, data: FaceSplit) -> Values:
    """Return the intensities 0..5 of a split's images; NaN where they are not known.

    The table has a column `path` and columns such as AU01, AU1 or AU 1. Its values are
    from 0 to 5, or from 0 to 1 if there are fractions and none is above 1. A blank cell
    and the codes of the label tables, 9, 999 and -1, say that a value is not known.

    Raises:
        UserError: it is absent, or lacks the columns, a value is out of range, a path
            is in it twice, or it names none of the images.
    """
    try:
        table = csv_file.read_named(file)
    except OSError as error:
        raise UserError(
            f"{file}: {error.strerror}; --intensity needs a table of intensities: give"
            " --on=reenacted, or --intensities=FILE with the columns path, AU01, ..."
        ) from None
    columns = _columns(file, table.columns, data.aus)
    of: dict[str, list[float]] = {}
    for at, row in table.rows:
        if row["path"] in of:
            raise UserError(f"{file}, line {at}: {row['path']!r} is in a line above")
        try:
            of[row["path"]] = [_value(row[name] if name else "") for name in columns]
        except ValueError as error:
            raise UserError(f"{file}, line {at}: {error}") from None
    paths = [data.path(i) for i in range(len(data))]
    if not any(path in of for path in paths):
        raise UserError(
            f"{file}: no path of {data} is in it; it has {next(iter(of), 'no rows')!r},"
            f" where the set has {paths[0]!r}"
        )
    unknown = [math.nan] * len(columns)
    found = np.array([of.get(path, unknown) for path in paths])
    stated = [v for row in of.values() for v in row if not math.isnan(v)]
    is_share = max(stated, default=0) <= 1 and any(v % 1 for v in stated)
    return found * STRONGEST if is_share else found


def _columns(file: Path, names: Sequence[str], aus: Sequence[int]) -> list[str]:
    """Return the column of each AU; "" where the table has none."""
    try:
        found = {au: names[at] for at, au in au_columns(names).items()}
    except ValueError as error:
        raise UserError(f"{file}: {error}") from None
    columns = [found.get(au, "") for au in aus]
    if "path" not in names or not any(columns):
        raise UserError(
            f"{file}: --intensity needs the column path, and some of"
            f" {', '.join(f'AU{au:02d}' for au in aus)}; there are"
            f" {', '.join(map(printable, names))}"
        )
    return columns


def _value(cell: str) -> float:
    """Return the intensity in a cell; NaN where it is not known.

    Raises:
        ValueError: it is none.
    """
    if not cell or number(cell) in _UNKNOWN:
        return math.nan
    value = float(cell)
    if not (0 <= value <= STRONGEST or math.isnan(value)):
        raise ValueError(f"an intensity of {cell}; they are 0 to {STRONGEST:.0f}")
    return value


def fit(p: Values, truth: Values) -> tuple[tuple[float, ...] | None, ...]:
    """Return the intensity at each of `KNOTS`, by AU; None if too few are known.

    Args:
        p: Probabilities.
        truth: Intensities 0..5; NaN where they are not known.
    """
    curves = []
    for answers, values in zip(p.T, truth.T, strict=True):
        known = np.isfinite(values)
        if known.sum() < FEWEST:
            curves.append(None)
            continue
        curve = IsotonicRegression(y_min=0, y_max=STRONGEST, out_of_bounds="clip")
        curve.fit(answers[known], values[known])
        curves.append(tuple(round(float(v), 4) for v in curve.predict(KNOTS)))
    return tuple(curves)


def pcc(x: Float[np.ndarray, "n"], y: Float[np.ndarray, "n"]) -> float:
    """Return Pearson's correlation; NaN if either is constant."""
    # Not the standard deviation: that of equal numbers is seldom exactly 0.
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return math.nan
    return float(np.corrcoef(x, y)[0, 1])


def icc(x: Float[np.ndarray, "n"], y: Float[np.ndarray, "n"]) -> float:
    """Return the intraclass correlation ICC(3,1) (Shrout and Fleiss 1979).

    It is (b - e) / (b + e), where b is the mean square between images and e that of the
    error; NaN if both are 0.
    """
    if np.ptp(x) == 0 and np.ptp(y) == 0:  # rounding would leave them a little above 0
        return math.nan
    both = np.stack([x, y], axis=1)
    mean, n = both.mean(), len(both)
    between = 2 * ((both.mean(axis=1) - mean) ** 2).sum() / (n - 1)
    rest = both - both.mean(axis=1, keepdims=True) - both.mean(axis=0) + mean
    error = (rest**2).sum() / (n - 1)
    return float((between - error) / (between + error)) if between + error else math.nan


def _rows(
    aus: Sequence[int], p: Values, found: Intensities, truth: Values
) -> list[list[str]]:
    """Return the table: the curves beside five times the probability."""
    kinds = {
        "": metrics.intensities(p, found.probabilities, found.values),
        ", 5 times the probability": STRONGEST * p,
    }
    rows = [["", *(f"AU{au:02d}" for au in aus), "mean"]]
    by_name = {
        "ICC(3,1)": icc,
        "PCC": pcc,
        "mean error": lambda x, y: float(np.abs(x - y).mean()),
    }
    for kind, values in kinds.items():
        for name, measure in by_name.items():
            scores = []
            for x, y in zip(values.T, truth.T, strict=True):
                known = np.isfinite(x) & np.isfinite(y)
                scores.append(measure(x[known], y[known]) if known.any() else math.nan)
            usable = [score for score in scores if not math.isnan(score)]
            mean = sum(usable) / len(usable) if usable else math.nan
            cells = ("-" if math.isnan(v) else f"{v:.2f}" for v in (*scores, mean))
            rows.append([name + kind, *cells])
    return rows
