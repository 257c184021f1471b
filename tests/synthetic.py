"""Drawn faces in the on-disk format of `prepare`: tests need no photographs.

Each face carries a pair of coloured patches per action unit, bright where the unit is
active, so that a network can learn the labels from the picture.
"""

import colorsys
import io
import os
import zlib
from collections.abc import Iterator, Mapping

import cv2
import numpy as np
import tensorflow_datasets as tfds

from au_jax.data.reader import ALIGNMENT

SIDE = 200
CROP_MARGIN = 26  # every random crop keeps the pixels from here to SIDE - 26
DEFAULT_SIZES = {"train": 24, "val": 8, "test": 8}


def write_prepared(
    data_dir: str | os.PathLike[str],
    name: str,
    sizes: Mapping[str, int] | None = None,
    aus: tuple[int, ...] = (1, 2, 4, 6, 12, 17),
    seed: int = 0,
    labelled_train: bool = True,
    unknown: float = 0.0,
) -> str:
    """Write the data set `name` under `data_dir`; return its version folder.

    `unknown` is the chance of each label to be missing; with `labelled_train=False` the
    train split has no label at all, as in the target domain.
    """
    sizes = DEFAULT_SIZES if sizes is None else sizes
    examples = {
        split: [
            _example(name, split, i, len(aus), seed, 1.0 if hide else unknown)
            for i in range(size)
        ]
        for split, size in sizes.items()
        for hide in [split == "train" and not labelled_train]
    }
    builder = _builder(name, aus, examples, data_dir)
    builder.download_and_prepare()
    return str(builder.data_path)


def face_points(rng: np.random.Generator) -> np.ndarray:
    """Return 49 points (49, 2), x and y in pixels, inside a 200 x 200 face."""
    points = np.concatenate(
        [
            _arc(5, (72, 66), (22, 8), 180, 360),
            _arc(5, (128, 66), (22, 8), 180, 360),
            np.stack([np.full(4, 100.0), np.linspace(80, 112, 4)], axis=-1),
            _arc(5, (100, 116), (14, 5), 180, 0),
            _arc(6, (75, 82), (11, 5), 180, 540),
            _arc(6, (125, 82), (11, 5), 180, 540),
            _arc(12, (100, 146), (24, 11), 180, 540),
            _arc(6, (100, 146), (14, 4), 200, 500),
        ]
    )
    return points + rng.normal(0, 1, points.shape) + rng.uniform(-4, 4, 2)


def _arc(n, centre, radii, start, stop):
    """Return `n` points of an ellipse; a full turn omits the repeated last one."""
    closed = abs(stop - start) == 360
    angles = np.deg2rad(np.linspace(start, stop, n, endpoint=not closed))
    unit = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    return np.array(centre) + unit * np.array(radii)


def draw_face(
    points: np.ndarray, active: np.ndarray, rng: np.random.Generator, tone: int
) -> np.ndarray:
    """Draw a noisy face, RGB uint8 (200, 200, 3), with two patches per action unit."""
    image = np.full((SIDE, SIDE, 3), tone, np.uint8)
    cv2.ellipse(image, (100, 110), (62, 84), 0, 0, 360, (150, 115, 95), -1)
    for x, y in points:
        cv2.circle(image, (round(x), round(y)), 2, (30, 20, 20), -1)
    height = (SIDE - 2 * CROP_MARGIN) // len(active)
    for unit, on in enumerate(active):
        colour = np.array(colorsys.hsv_to_rgb(unit / len(active), 1, 1))
        colour = tuple(int(v) for v in colour * (255 if on else 60))
        top = CROP_MARGIN + unit * height
        for left in (CROP_MARGIN, SIDE - CROP_MARGIN - 24):
            bottom_right = (left + 24, top + height - 3)
            cv2.rectangle(image, (left, top), bottom_right, colour, -1)
    noise = rng.normal(0, 4, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def _example(name, split, index, num_aus, seed, unknown):
    rng = np.random.default_rng([seed, zlib.crc32(f"{name}/{split}".encode()), index])
    active = rng.random(num_aus) < 0.4
    known = rng.random(num_aus) >= unknown
    points = face_points(rng)
    tone = zlib.crc32(name.encode()) % 160  # each domain has its own background
    image = draw_face(points, active, rng, tone)
    jpeg = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
    return {
        "image": io.BytesIO(jpeg.tobytes()),
        "landmarks": points.astype(np.float32),
        "aus": (active & known).astype(np.int8),
        "aus_known": known,
        "subject": f"{split}-{index // 4:03d}",
        "task": "T1",
        "frame": index % 4,
        "path": f"{split}/{index:04d}.jpg",
    }


def _builder(name, aus, examples, data_dir):
    """Return a TFDS builder of this data set."""

    class Prepared(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self) -> tfds.core.DatasetInfo:
            features = {
                "image": tfds.features.Image(
                    shape=(SIDE, SIDE, 3), encoding_format="jpeg"
                ),
                "landmarks": tfds.features.Tensor(shape=(49, 2), dtype=np.float32),
                "aus": tfds.features.Tensor(shape=(len(aus),), dtype=np.int8),
                "aus_known": tfds.features.Tensor(shape=(len(aus),), dtype=np.bool_),
                "subject": tfds.features.Text(),
                "task": tfds.features.Text(),
                "frame": tfds.features.Scalar(dtype=np.int32),
                "path": tfds.features.Text(),
            }
            return tfds.core.DatasetInfo(
                builder=self,
                features=tfds.features.FeaturesDict(features),
                metadata=tfds.core.MetadataDict(aus=list(aus), align=dict(ALIGNMENT)),
            )

        def _split_generators(self, dl_manager) -> dict[str, Iterator]:
            del dl_manager
            return {
                split: ((example["path"], example) for example in rows)
                for split, rows in examples.items()
            }

        def _generate_examples(self):
            raise NotImplementedError("the splits come with their examples")

    Prepared.name = name
    return Prepared(data_dir=os.fspath(data_dir), file_format="array_record")
