"""What checkpoints state about their data. Expected: what the splits say."""

from pathlib import Path

import pytest

from au_jax.data.split import FaceSplit, Records
from au_jax.workdir import data_record


def records(name="bp4d", aus=(1, 2), length=24, by="dlib68", folder="prepared"):
    return Records(Path(folder) / name / "1.0.0", "train", aus, length, by)


def split(*parts):
    return FaceSplit(parts, (1, 2))


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"length": 40}, "the number of images of bp4d/train was 24, now 40"),
        ({"by": "au_jax"}, "the origin of the landmarks of bp4d/train was dlib68, now"),
        ({"aus": (1, 2, 4)}, "the list of coded AUs of bp4d/train was 1,2, now 1,2,4"),
    ],
)
def test_what_changed_is_named(changed, line):
    stored = data_record.describe([split(records())])
    (found,) = data_record.differences(stored, [split(records(**changed))])
    assert found.startswith(line)


def test_of_joined_sets_each_is_compared():
    def both(first, second):
        return [split(records("lab", length=first), records("street", length=second))]

    stored = data_record.describe(both(5, 7))
    assert len(data_record.differences(stored, both(7, 5))) == 2


def test_another_folder_and_what_is_not_stated_are_no_difference():
    stored = data_record.describe([split(records())])
    moved = [split(records(folder="elsewhere")), split(records("street"))]
    assert data_record.differences(stored, moved) == []
    assert data_record.differences({}, moved) == []
    assert data_record.differences({"bp4d/train": {}}, moved) == []
