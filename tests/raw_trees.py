"""Small raw trees of drawn pictures, and a finder that needs no photographs."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from tests.synthetic import face_points

FACE = face_points(np.random.default_rng(0)).astype(np.float32)  # of a 200 x 200 face


def make_finder():
    """Return a finder that takes any picture for a face, unless it is black."""

    def find(image: np.ndarray) -> np.ndarray | None:
        height, width, _ = image.shape
        scale = np.array([width / 200, height / 200], np.float32)
        return FACE * scale if image.any() else None

    return find


def picture(seed: int, height: int = 60, width: int = 50) -> np.ndarray:
    """Draw a BGR picture, smooth enough for JPEG, different for each seed."""
    coarse = np.random.default_rng(seed).integers(40, 255, (4, 4, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height))


def write_picture(file: Path, seed: int = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(file), picture(seed))


def write_table(file: Path, rows: Sequence[Sequence[object]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)


def write_bp4d(
    raw: Path,
    subjects: Sequence[str] = ("F001", "F002", "M001"),
    tasks: Sequence[str] = ("T1",),
    frames: Sequence[int] = (7, 8, 9),
    digits: int = 4,
) -> Path:
    """Write a faultless tree: AUs 1, 2 and 12 are coded, 3 and 13 never."""
    header = [0, *range(1, 14)]
    for s, subject in enumerate(subjects):
        for t, task in enumerate(tasks):
            rows = []
            for frame in frames:
                seed = 1000 * s + 100 * t + frame
                write_picture(raw / subject / task / f"{frame:0{digits}}.jpg", seed)
                codes = {1: seed % 2, 2: 9 if frame == 7 else 0, 12: 1}
                rows.append([frame, *(codes.get(au, 9) for au in range(1, 14))])
            table = raw / "AUCoding" / "AU_OCC" / f"{subject}_{task}.csv"
            write_table(table, [header, *rows])
    return raw


def write_disfa(raw: Path) -> Path:
    """Write labels of five frames of three people; the videos are empty files."""
    for s, subject in enumerate(("SN001", "SN002", "SN003")):
        (raw / "videos").mkdir(parents=True, exist_ok=True)
        (raw / "videos" / f"LeftVideo{subject}_comp.avi").write_bytes(b"")
        for au in (1, 12):
            rows = [(frame, (frame + au + s) % 6) for frame in range(1, 6)]
            labels = raw / "ActionUnit_Labels" / subject
            write_table(labels / f"{subject}_au{au}.txt", rows)
    return raw


def write_rafau(raw: Path) -> Path:
    """Write four pictures."""
    lines = ["0001.jpg 1+4+L12", "0002.jpg null", "0003.jpg 12B", "0004.jpg 1"]
    for i, line in enumerate(lines):
        write_picture(raw / "aligned" / line[:8].replace(".", "_aligned."), i)
    (raw / "RAFAU_label.txt").write_text("\n".join(lines) + "\n")
    return raw


def write_lists(raw: Path) -> Path:
    """Write four pictures of one person; AUs 1 and 12."""
    paths = [f"BP4D/F001/T1/{frame:04}.jpg" for frame in range(4)]
    for i, path in enumerate(paths):
        write_picture(raw / path, i)
    (raw / "BP4D_path.txt").write_text("\n".join(paths) + "\n")
    (raw / "BP4D_AUoccur.txt").write_text("1 0\n0 1\n9 0\n1 1\n")
    return raw


def write_folder(raw: Path) -> Path:
    """Write four pictures and their table."""
    names = [f"a/{i}.jpg" for i in range(4)]
    for i, name in enumerate(names):
        write_picture(raw / name, i)
    rows = [[name, i % 2, 1] for i, name in enumerate(names)]
    write_table(raw / "labels.csv", [["path", "AU1", "AU12"], *rows])
    return raw


def url(name: str) -> str:
    """Return the address in EmotioNet's tables of a name, N_0000000001_00002.jpg."""
    return f"http://host.example/{name.rpartition('_')[0]}/{name}"


def emotionet_table(file: Path, codes: Mapping[str, Mapping[int, int]]) -> None:
    """Return a label table with the quotes of the real one; AUs 1, 3 and 12."""
    header = ["URL", "URL orig", "'AU 1'", "'AU 3'", "'AU 12'"]
    rows = [
        [f"'{url(name)}'", "'http://gone.example/1.jpg'"]
        + [aus.get(au, 999) for au in (1, 3, 12)]
        for name, aus in codes.items()
    ]
    write_table(file, [header, *rows])


def write_emotionet(raw: Path, images: int = 4) -> Path:
    """Write a faultless tree, with equally many images in val, test and the list."""
    names = [f"N_0000000001_{i:05}.jpg" for i in range(1, 3 * images + 1)]
    for i, name in enumerate(names):
        write_picture(raw / "images" / "N_0000000001" / name, i)
    for split, some in (("val", names[:images]), ("test", names[images : 2 * images])):
        codes = {name: {1: i % 2, 12: 1} for i, name in enumerate(some)}
        emotionet_table(raw / f"EmotioNet_FACS_{split}.csv", codes)
    lines = ["\t".join([url(n), url(n), *60 * ["1"]]) for n in names[2 * images :]]
    (raw / "dataFile_1001.txt").write_text("\n".join(lines) + "\n")
    return raw
