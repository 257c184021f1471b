"""Random raw trees whose pictures are painted in the colours of their own labels."""

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from hypothesis import strategies as st

from tests.raw_trees import url, write_table

AUS = (1, 2, 12)  # painted in red, green, blue
LEVELS = {0: 40, 9: 128, 1: 215}  # 9: not coded

SPOILS_PICTURE = ("absent", "empty", "cut", "no picture", "no face")
SPOILS_ROW = ("no row", "contradicted", "bad code", "short row")
HARMLESS = ("", "row twice", "blank line before")


@dataclasses.dataclass(frozen=True)
class Face:
    """A picture to write, with its labels and its fault."""

    codes: tuple[int, ...]
    damage: str

    @property
    def good(self) -> bool:
        """Whether the picture and its labels are usable."""
        return self.damage in HARMLESS

    def picture(self) -> np.ndarray:
        """Return the picture in BGR: black if the finder is to find no face."""
        rgb = [LEVELS[code] for code in self.codes]
        seen = self.damage != "no face"
        return np.full((60, 50, 3), rgb[::-1], np.uint8) * np.uint8(seen)

    def paint(self, file: Path) -> None:
        """Write the picture with its fault."""
        picture = self.picture()
        data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[
            1
        ].tobytes()
        file.parent.mkdir(parents=True, exist_ok=True)
        changed = {"empty": b"", "cut": data[:-40], "no picture": b"GIF89a" * 9}
        if self.damage != "absent":
            file.write_bytes(changed.get(self.damage, data))

    def rows(self, first: list[Any], order: tuple[int, ...]) -> list[list[Any]]:
        """Return the lines of the label table, with the AUs in `order`."""
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
    """Write pictures and a table whose lines run from last to first."""
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
    """Write two subjects in turn; tables have unpadded frame numbers with gaps."""
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
    """Write two tables, with 999 where BP4D has 9."""
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


def as_bp4d_videos(
    raw: Path, some: list[Face], order: tuple[int, ...]
) -> dict[str, Face]:
    """Write one video; its table counts frames from 1, last line first."""
    some = in_a_video(some)
    lines = [row for k, face in enumerate(some, 1) for row in face.rows([k], order)]
    header = [0, *(AUS[i] for i in order)]
    write_table(raw / "AUCoding" / "F001_T2.csv", [header, *lines[::-1]])
    write_video(raw / "videos" / "2F01_03.avi", some)
    return {f"videos/2F01_03.avi#{k:04}": face for k, face in enumerate(some, 1)}


def as_disfa(raw: Path, some: list[Face], order: tuple[int, ...]) -> dict[str, Face]:
    """Write one video, and a file per AU with a line for each coded frame."""
    some = in_a_video(some)
    for i in order:
        lines = []
        for k, face in enumerate(some, 1):
            if face.codes[i] == 9:
                continue
            for row in dataclasses.replace(face, codes=(face.codes[i],)).rows(
                [k], (0,)
            ):
                # Active from intensity 2; 7 is no intensity.
                lines.append([*row[:1], *({0: 1, 1: 3, 7: 7}[c] for c in row[1:])])
        write_table(raw / "labels" / f"SN001_au{AUS[i]}.txt", lines)
    write_video(raw / "LeftVideoSN001_comp.avi", some)
    return {f"LeftVideoSN001_comp.avi#{k:04}": face for k, face in enumerate(some, 1)}


def as_rafau(raw: Path, some: list[Face], order: tuple[int, ...]) -> dict[str, Face]:
    """Write lines that name the active AUs; an AU of any line is coded in all."""
    some = [
        Face((1, 1, 1), ""),
        *(Face(tuple(c % 9 for c in face.codes), face.damage) for face in some),
    ]
    names = {f"aligned/{i:04}_aligned.jpg": face for i, face in enumerate(some)}
    lines = []
    for i, face in enumerate(some):
        for row in face.rows([f"{i:04}.jpg"], order):
            codes = dict(zip(order, row[1:], strict=False))
            active = "+".join(str(AUS[j]) for j, code in codes.items() if code)
            bad = row and (len(codes) < 3 or 7 in row)
            lines.append(" ".join([*row[:1], "happy" if bad else active or "null"]))
            lines[-1] *= bool(row)
    raw.mkdir()
    (raw / "RAFAU_label.txt").write_text("\n".join(lines[::-1]))
    for name, face in names.items():
        face.paint(raw / name)
    return names


def as_lists(raw: Path, some: list[Face], order: tuple[int, ...]) -> dict[str, Face]:
    """Write two files whose lines correspond; AUs are in the order of `AUS`."""
    del order
    some = [Face((1, 0, 9), ""), *some]  # the first line has all columns
    names = {f"BP4D/F00{i % 3}/T1/{i:04}.jpg": face for i, face in enumerate(some)}
    rows = [
        row or ["", *3 * [""]]
        for name, face in names.items()
        for row in face.rows([name], (0, 1, 2))
    ]
    raw.mkdir()
    paths, codes = (
        "\n".join(" ".join(map(str, cells)) for cells in column)
        for column in ([row[:1] for row in rows], [row[1:] for row in rows])
    )
    (raw / "BP4D_path.txt").write_text(paths)
    (raw / "BP4D_AUoccur.txt").write_text(codes)
    for name, face in names.items():
        face.paint(raw / name)
    return names


def in_a_video(some: list[Face]) -> list[Face]:
    """Turn faces into frames of a video: none is absent, and each has a coded AU."""
    changed = {"short row": "bad code", **dict.fromkeys(SPOILS_PICTURE[:-1], "")}
    return [
        Face(
            (0, 9, 9) if set(face.codes) == {9} else face.codes,
            changed.get(face.damage, face.damage),
        )
        for face in some
    ]


def write_video(file: Path, some: list[Face]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    codec = cv2.VideoWriter.fourcc(*"MJPG")
    writer = cv2.VideoWriter(str(file), codec, 25, (50, 60))
    for face in some:
        writer.write(face.picture())
    writer.release()
