"""Published scores, to read beside ours (method.md section 7).

They hold for one split of EmotioNet and one of BP4D (`set_of`). The rows of Fab-Net,
TAE and CLP come from papers on 12 AUs; we take the columns of our six. These papers use
three folds of BP4D and pretrain on other data.
"""

from collections.abc import Sequence
from typing import NamedTuple

from au_jax.evaluation.report import (
    Answer,
    Cells,
    ModelReport,
    Report,
    answer_name,
    percent,
)
from au_jax.raw.splits import ADLD

PAPER = "arXiv:2310.05207"
AUS = (1, 2, 4, 6, 12, 17)

F1: dict[str, dict[str, tuple[float, ...]]] = {
    "emotionet": {
        "DANN": (12.8, 6.9, 18.9, 30.7, 53.1, 6.3, 21.5),
        "T2Net": (10.1, 5.6, 21.4, 31.3, 57.1, 5.3, 21.8),
        "ADDA": (13.8, 6.1, 21.4, 28.5, 57.4, 5.1, 22.1),
        "DRIT": (18.8, 9.0, 27.8, 40.6, 67.9, 5.0, 28.2),
        "ADLD": (19.8, 25.2, 31.0, 58.2, 78.3, 8.6, 36.8),
        PAPER: (20.2, 20.9, 34.7, 66.0, 79.1, 12.3, 38.9),
    },
    "bp4d": {
        "Fab-Net": (43.3, 35.7, 41.6, 72.9, 83.5, 48.2, 54.2),
        "ADLD": (50.5, 35.7, 61.8, 74.1, 75.2, 69.0, 61.0),
        "TAE": (47.0, 45.9, 50.9, 74.7, 85.6, 62.3, 61.1),
        "CLP": (47.7, 50.9, 49.5, 75.8, 84.1, 62.7, 61.8),
        PAPER: (52.0, 37.9, 61.2, 77.1, 76.0, 71.5, 62.6),
    },
}
"""Tables 1 and 2: F1 in percent by data set and method, of each of `AUS`, then their
mean."""

ABLATION = {"A": (36.5, 86.4), "B": (37.5, 87.1), "C": (38.9, 87.7)}
"""Table 3: mean F1 and mean accuracy on EmotioNet, in percent, by model."""
OF_ABLATION = "emotionet"


TEST_IMAGES = {"bp4d": 20_940, "emotionet": 10_544}
"""The images of the papers' test splits (method.md section 7)."""
TOLERANCE = 0.1
"""The share of these images that may be absent or too many."""


class Tested(NamedTuple):
    """What was tested: a split of a prepared set."""

    name: str
    """The name of the prepared set."""
    split: str
    images: int
    aus: Sequence[int]
    dataset: str = ""
    """The raw set that was read; "" in sets of older versions."""
    split_rule: str = ""
    """Who chose the images of the split; "" in sets of older versions."""


def set_of(tested: Tested) -> str:
    """Return the data set whose published scores hold for what was tested, or "".

    They hold for the test split of BP4D or EmotioNet themselves, as ADLD divides them,
    and for the six AUs. The raw set that was read counts, not the name of the prepared
    one; sets of older versions have the name alone. The number of images may be up to
    `TOLERANCE` off, because faces are not found and pictures of EmotioNet are no longer
    on the web; a set in the format of BP4D with a few thousand images is another one.
    """
    data_set = tested.dataset or tested.name
    if data_set not in F1 or tested.split != "test" or sorted(tested.aus) != list(AUS):
        return ""
    if tested.split_rule and tested.split_rule != ADLD[data_set]:
        return ""
    wanted = TEST_IMAGES[data_set]
    return data_set if abs(tested.images - wanted) <= TOLERANCE * wanted else ""


def set_of_model(model: ModelReport) -> str:
    """Return the data set whose published scores hold for a model's split, or ""."""
    return set_of(
        Tested(
            name=model.data_set,
            split=model.split,
            images=model.num_images,
            aus=model.aus,
            dataset=model.dataset,
            split_rule=model.split_rule,
        )
    )


def f1_cells(report: Report, model: ModelReport) -> Cells | None:
    """The published F1 of a model's data set, then that of each answer of the run.

    None if the data set, its split or the AUs are others than the papers'.
    """
    data_set = set_of_model(model)
    if not data_set:
        return None
    columns = [model.aus.index(au) for au in AUS]
    rows = [["F1, %", *(f"AU{au:02d}" for au in AUS), "mean"]]
    for method, values in F1[data_set].items():
        rows.append([f"{method}, published", *(f"{value:.1f}" for value in values)])
    for other in report.models:
        if other.domain != model.domain:
            continue
        for path in other.paths:
            name = answer_name(Answer(other.stage, path.path))
            values = [path.scores.f1[column] for column in columns]
            values.append(path.scores.mean("f1"))
            rows.append([f"{name}, this run", *map(percent, values)])
    trivial = [model.always_active.f1[column] for column in columns]
    trivial.append(model.always_active.mean("f1"))
    rows.append(["always active", *map(percent, trivial)])
    return rows


def ablation_cells(report: Report, model: ModelReport) -> Cells | None:
    """The published ablation, then each answer of the run; None as in `f1_cells`."""
    if set_of_model(model) != OF_ABLATION:
        return None
    rows = [["mean over AUs, %", "F1", "accuracy"]]
    for name, values in ABLATION.items():
        rows.append([f"model {name}, published", *(f"{v:.1f}" for v in values)])
    for answer, by_domain in report.summary().items():
        if model.domain in by_domain:
            means = by_domain[model.domain]
            values = (percent(means[metric]) for metric in ("f1", "accuracy"))
            label = answer_name(answer)
            rows.append([f"{label}, this run" if answer else label, *values])
    return rows
