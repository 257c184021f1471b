"""Random trees, randomly damaged: each example carries the labels of its own file.

Expected: each picture is painted in the colour of its labels, so that what comes out
can be compared with its own pixels; and whatever is not damaged has to come out.
"""

import dataclasses
import functools
from pathlib import Path

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from au_jax.errors import UserError
from au_jax.preparation import course
from tests.raw_trees import make_finder, url, write_table

AUS = (1, 2, 12)  # painted in red, green, blue
LEVELS = {0: 40, 9: 128, 1: 215}  # 9: not coded

SPOILS_PICTURE = ("absent", "empty", "cut", "no picture", "no face")
SPOILS_ROW = ("no row", "contradicted", "bad code", "short row")
HARMLESS = ("", "row twice", "blank line before")


@dataclasses.dataclass(frozen=True)
class Face:
    """A picture to be written, with its labels and what is wrong with it."""

    codes: tuple[int, ...]
    damage: str

    @property
    def good(self) -> bool:
        """Whether it can be used."""
        return self.damage in HARMLESS

    def paint(self, file: Path) -> None:
        """Writes the picture."""
        rgb = [LEVELS[code] for code in self.codes]
        picture = np.full((60, 50, 3), rgb[::-1], np.uint8)
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[
            1
        ].tobytes()
        file.parent.mkdir(parents=True, exist_ok=True)
        if self.damage == "no face":  # which the finder says of black
            data = cv2.imencode(".jpg", picture * 0)[1].tobytes()
        changed = {"empty": b"", "cut": data[:-40], "no picture": b"GIF89a" * 9}
        if self.damage != "absent":
            file.write_bytes(changed.get(self.damage, data))

    def rows(self, first: list[object], order: tuple[int, ...]) -> list[list[object]]:
        """The lines of the label table; the columns of AUs in `order`."""
        row = [*first, *(self.codes[i] for i in order)]
        other = [*first, *(1 if self.codes[i] == 0 else 0 for i in order)]
        return {
            "no row": [],
            "row twice": [row, row],
            "contradicted": [row, other],
            "bad code": [[*row[:-1], 7]],
            "short row": [row[:-1]],
            "blank line before": [[], row],
        }.get(self.damage, [row])


def faces() -> st.SearchStrategy[list[Face]]:
    damage = st.sampled_from((*5 * HARMLESS, *SPOILS_PICTURE, *SPOILS_ROW))
    codes = st.tuples(*3 * [st.sampled_from((0, 1, 9))])
    return st.lists(st.builds(Face, codes, damage), min_size=4, max_size=14)


columns = st.permutations(range(3)).map(tuple)


def as_folder(raw: Path, some: list[Face], order: tuple[int, ...]) -> dict[str, Face]:
    """Own pictures and a table, lines from last to first."""
    names = {f"Müller & Söhne/{i} a.jpg": face for i, face in enumerate(some)}
    lines = [face.rows([name], order) for name, face in names.items()]
    header = ["path", *(f"AU{AUS[i]}" for i in order)]
    write_table(
        raw / "labels.csv", [header, *(row for rows in lines[::-1] for row in rows)]
    )
    for name, face in names.items():
        face.paint(raw / name)
    return names


def as_bp4d(raw: Path, some: list[Face], order: tuple[int, ...]) -> dict[str, Face]:
    """Two subjects in turn; frames are not padded in the tables, and have gaps."""
    names = {
        f"F00{1 + i % 2}/T1/{3 * i + 1:04}.jpg": face for i, face in enumerate(some)
    }
    header = [0, *(AUS[i] for i in order)]
    for subject in ("F001", "F002"):
        lines = [
            row
            for name, face in names.items()
            if name.startswith(subject)
            for row in face.rows([int(name[8:12])], order)
        ]
        table = raw / "AUCoding" / "AU_OCC" / f"{subject}_T1.csv"
        write_table(table, [header, *lines[::-1]])
    for name, face in names.items():
        face.paint(raw / name)
    return names


def as_emotionet(
    raw: Path, some: list[Face], order: tuple[int, ...]
) -> dict[str, Face]:
    """Two tables; 999 where BP4D has 9."""
    names = {
        f"N_0000000001/N_0000000001_{i:05}.jpg": face for i, face in enumerate(some)
    }
    header = ["URL", "URL orig", *(f"'AU {AUS[i]}'" for i in order)]
    for part, split in enumerate(("val", "test")):
        lines = [
            [cell if cell != 9 else 999 for cell in row]
            for name, face in list(names.items())[part::2]
            for row in face.rows([f"'{url(Path(name).name)}'", "x"], order)
        ]
        write_table(raw / f"labels_{split}.csv", [header, *lines])
    for name, face in names.items():
        face.paint(raw / name)
    return names


def examples(out: Path) -> list[dict]:
    builder = tfds.builder_from_directory(str(next(out.glob("*/1.0.0"))))
    sources = builder.as_data_source()
    found = [source[i] for source in sources.values() for i in range(len(source))]
    return [{**one, "path": one["path"].decode()} for one in found]


@pytest.mark.parametrize("write", [as_folder, as_bp4d, as_emotionet])
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # what fails is small enough to be read
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(some=faces(), order=columns)
def test_each_example_has_the_labels_of_its_file(tmp_path_factory, write, some, order):
    folder = tmp_path_factory.mktemp("tree")
    names = write(folder / "raw", some, order)
    (folder / "raw").mkdir(exist_ok=True)
    dataset = write.__name__.removeprefix("as_")
    wanted = {name for name, face in names.items() if face.good}
    prepare = functools.partial(course.run, dataset, folder / "raw", folder / "out")
    if not wanted:
        with pytest.raises(UserError):
            prepare(1, 0, make_finder)
        assert not list(folder.glob("out/*/1.0.0"))
        return
    prepare(1, 0, make_finder)
    found = examples(folder / "out")
    aus = tuple(json_aus(folder / "out"))
    assert {one["path"] for one in found} == wanted
    for one in found:
        level = one["image"][80:120, 80:120].mean(axis=(0, 1))
        for au, shown in zip(AUS, level, strict=True):
            code = min(LEVELS, key=lambda code: abs(LEVELS[code] - shown))
            known = au in aus and bool(one["aus_known"][aus.index(au)])
            assert known == (code != 9)
            assert not known or one["aus"][aus.index(au)] == code


def json_aus(out: Path) -> list[int]:
    builder = tfds.builder_from_directory(str(next(out.glob("*/1.0.0"))))
    return builder.info.metadata["aus"]
