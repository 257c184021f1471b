"""The model file: a zip archive of card.json and arrays.bin, without any code.

arrays.bin holds the arrays one after another, as little-endian float32 in row-major
order. The card gives the shape and offset of each array, and the SHA-256 of arrays.bin.

Model files come from strangers. Reading one unpickles nothing, executes nothing and
writes nothing to disk, and every size is compared with the size that the networks of
the card need before any memory is allocated for it.
"""

import dataclasses
import hashlib
import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from au_jax.errors import UserError
from au_jax.model_file import card as cards
from au_jax.runtime.files import open_regular, write_whole
from au_jax.stages import STAGES
from au_jax.types import Params, Variables

CARD, ARRAYS = "card.json", "arrays.bin"
_CARD_LIMIT = 1 << 20  # bytes
_LARGEST_WEIGHT = 1e9
"""Larger ones overflow within a few layers, and every answer is NaN."""
_DATE = (1980, 1, 1, 0, 0, 0)  # fixed, so that equal models give equal files

# The networks that predict; the discriminators and projectors only train.
_NETWORKS = (
    "feature_encoder",
    "landmark_encoder",
    "landmark_detector",
    "au_detector",
    "patch_detector",
    "background_generator",
    "feature_generator",
    "embedder",
    "probe",
)


@dataclasses.dataclass(frozen=True)
class Model:
    """A trained model: everything that prediction needs."""

    card: dict[str, Any]
    """The description of the model (`au_jax.model_file.card`)."""
    variables: Variables
    """The networks that predict, without those that only train."""

    @property
    def aus(self) -> tuple[int, ...]:
        """The numbers of the AUs, in the order of the outputs."""
        return tuple(self.card["networks"]["data"]["aus"])

    @property
    def crop(self) -> int:
        """Side of the square image that the networks take, in pixels."""
        return self.card["networks"]["data"]["crop"]


def prune(variables: Variables) -> Variables:
    """Return the variables without the networks that only train."""

    def keep(groups: dict[str, Params]) -> dict[str, Params]:
        kept = {
            group: {name: tree for name, tree in trees.items() if name in _NETWORKS}
            for group, trees in groups.items()
        }
        return {group: trees for group, trees in kept.items() if trees}

    return Variables(keep(variables.params), keep(variables.batch_stats))


def with_digest(model: Model) -> Model:
    """Return the model with the index and SHA-256 of its arrays in the card."""
    return _encode(model)[0]


def save(path: Path, model: Model) -> None:
    """Write a model file; if that fails, `path` is left as it was."""
    model, blob = _encode(model)
    text = json.dumps(model.card, indent=1, allow_nan=False)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in ((CARD, text.encode()), (ARRAYS, blob)):
            archive.writestr(zipfile.ZipInfo(name, _DATE), data)
    write_whole(path, packed.getvalue())


def _encode(model: Model) -> tuple[Model, bytes]:
    """Return the model with its complete card, and the bytes of arrays.bin."""
    index, parts, offset = {}, [], 0
    for name, array in sorted(_flatten(model.variables).items()):
        data = np.ascontiguousarray(array, "<f4").tobytes()
        index[name] = {"shape": list(np.shape(array)), "offset": offset}
        parts.append(data)
        offset += len(data)
    blob = b"".join(parts)
    digest = hashlib.sha256(blob).hexdigest()
    card = model.card | {"arrays": index, "sha256": digest}
    return dataclasses.replace(model, card=card), blob


SHIPPED = Path(__file__).with_name("shipped.aujax")
"""The model that comes with au_jax (docs/model.md)."""


def load(path: Path) -> Model:
    """Read a model file.

    Raises:
        UserError: the file is absent, damaged, malicious, or not a model file.
    """
    where = str(path)
    if path.is_dir():
        raise UserError(
            f"{where} is a folder; if it is that of a run, make a model file of it:"
            f" python -m au_jax.export --workdir={where} --out=model.aujax"
        )
    if not path.is_file():
        hint = "make one with python -m au_jax.export --workdir=RUN --out=model.aujax"
        raise UserError(f"there is no model file {where}; {hint}")
    try:
        file = open_regular(path)
    except OSError as error:
        raise UserError(f"cannot read {where}: {error.strerror}") from None
    try:
        with file, zipfile.ZipFile(file) as archive:
            return _read(archive, where)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,  # JSON and Unicode
        NotImplementedError,  # encryption, or an unknown compression method
        RuntimeError,
        RecursionError,
        OSError,
    ) as error:
        text = " ".join(str(error).split())[:100]
        raise UserError(
            f"{where} is damaged or not a model of au_jax ({text});"
            " export or copy it again"
        ) from None


def _refuse_constant(name: str) -> Any:
    """Refuse NaN and infinity, which are no JSON, though Python reads them."""
    raise ValueError(f"its card holds {name}")


def _read(archive: zipfile.ZipFile, where: str) -> Model:
    members = {member.filename: member for member in archive.infolist()}
    if set(members) != {CARD, ARRAYS} or len(archive.infolist()) != 2:
        raise UserError(f"{where} is not a model of au_jax: it contains other files")
    # The size of a compressed member is only what its header claims.
    if any(
        member.compress_type != zipfile.ZIP_STORED
        or member.compress_size != member.file_size
        for member in members.values()
    ):
        raise UserError(f"{where} is not a model of au_jax: it is compressed")
    if members[CARD].file_size > _CARD_LIMIT:
        raise UserError(f"{where} is not a model of au_jax: its card is too large")
    card = json.loads(archive.read(CARD), parse_constant=_refuse_constant)
    cards.check(card, where)
    try:
        shapes = _shapes(card)
    except (AttributeError, KeyError, TypeError):
        raise UserError(
            f"{where} is not a usable model file: its card does not describe the"
            " networks"
        ) from None
    expected = {name: tuple(x.shape) for name, x in _flatten(shapes).items()}
    index = card.get("arrays")
    if not isinstance(index, dict) or expected != {
        name: tuple(entry["shape"])
        for name, entry in index.items()
        if isinstance(entry, dict) and isinstance(entry.get("shape"), list)
    }:
        raise UserError(
            f"{where}: its arrays do not match the networks that its card describes"
        )
    sizes = {name: 4 * int(np.prod(shape)) for name, shape in expected.items()}
    total, stored = sum(sizes.values()), members[ARRAYS]
    if stored.file_size != total:
        size = stored.file_size
        raise UserError(f"{where}: its arrays take {size} bytes, not {total}")
    blob = archive.read(ARRAYS)
    if hashlib.sha256(blob).hexdigest() != card.get("sha256"):
        raise UserError(
            f"{where} is damaged: the SHA-256 of its arrays does not match its card;"
            " export or copy it again"
        )
    offset, arrays = 0, {}
    for name in sorted(expected):
        if index[name].get("offset") != offset:
            raise UserError(f"{where}: array {name} is not at the offset in its card")
        array = np.frombuffer(blob, "<f4", sizes[name] // 4, offset)
        if not np.isfinite(array).all():
            raise UserError(f"{where}: array {name} has values that are not finite")
        low = 0.0 if name.endswith("/norm/var") else -_LARGEST_WEIGHT
        if array.size and not low <= array.min() <= array.max() <= _LARGEST_WEIGHT:
            raise UserError(
                f"{where}: array {name} has values that no trained network has"
                f" ({array.min():g} to {array.max():g}); they have diverged"
            )
        arrays[name] = array.reshape(expected[name])
        offset += sizes[name]
    tree = unflatten_dict(arrays, sep="/")
    return Model(card, Variables(tree["params"], tree.get("batch_stats", {})))


def _shapes(card: dict[str, Any]) -> Variables:
    """Return the shapes of the arrays that the networks of a card need."""
    init, config = STAGES[card["stage"]].init, cards.network_config(card)
    return prune(jax.eval_shape(lambda: init(config, jax.random.key(0))))


def _flatten(variables: Variables) -> dict[str, Any]:
    """Return the arrays by name, such as "params/task/au_detector/...kernel"."""
    return flatten_dict(variables._asdict(), sep="/")
