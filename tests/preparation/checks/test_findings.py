"""Findings of a check. Expected: the shares that findings.py names, by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from au_jax.data.metadata import Metadata
from au_jax.preparation.checks.dataset import Prepared
from au_jax.preparation.checks.findings import Finding, findings
from au_jax.preparation.checks.statistics import Repeated, SplitStatistics, empty


def split(images: int, active: int) -> SplitStatistics:
    """Return the statistics of a split with one AU, known in every image."""
    statistics = empty(1)
    statistics.images = images
    statistics.known, statistics.active = np.array([images]), np.array([active])
    return statistics


def found(train: SplitStatistics, shared: int = 0, **counts: Any) -> list[Finding]:
    """Return what is found about `train`; the other splits are in order."""
    splits = {"train": train, "val": split(100, 50), "test": split(100, 50)}
    report = None
    if counts:
        report = counts | {
            "splits": {
                name: {"images": s.images, "aus": {"1": {"active": int(s.active[0])}}}
                for name, s in splits.items()
            }
        }
    prepared = Prepared(Path("nowhere"), Metadata("lab", (1,), "file"), {}, report)
    return findings(prepared, splits, Repeated([], 0, {"train": shared}))


@pytest.mark.parametrize(
    ("images", "active", "text"),
    [
        (100, 9, "train: AU 1 is active in 9 of 100 images only"),
        (100, 91, "train: AU 1 is inactive in 9 of 100 images only"),
        (100, 10, ""),
        (100, 90, ""),
    ],
)
def test_few_labels_of_a_kind_are_named(images, active, text):
    texts = [finding.text for finding in found(split(images, active))]
    assert texts == ([text] if text else [])


@pytest.mark.parametrize(("shared", "error"), [(1, False), (2, True)])
def test_more_than_a_thousandth_of_shared_images_is_an_error(shared, error):
    (finding,) = found(split(1000, 500), shared)
    assert finding.error == error
    assert f"{shared} of train (0.{shared}%)" in finding.text


@pytest.mark.parametrize(("faults", "error"), [(50, False), (51, True)])
def test_more_than_a_twentieth_of_bad_landmarks_is_an_error(faults, error):
    train = split(1000, 500)
    for number in range(faults):
        train.note("landmarks outside the image", f"{number}.jpg")
    (finding,) = found(train)
    assert finding.error == error
    assert len(finding.where) == 20


@pytest.mark.parametrize(("rejected", "named"), [(20, False), (21, True)])
def test_more_than_a_fifth_of_rejected_files_is_named(rejected, named):
    reasons = {"no_face": rejected - 5, "no_label": 5}
    texts = [f.text for f in found(split(100, 50), read=100, rejected=reasons)]
    expected = f"{rejected} of 100 files were rejected, {rejected - 5} as no_face"
    assert [expected in text for text in texts] == [True] * named
