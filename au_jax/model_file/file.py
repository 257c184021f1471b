"""A model in one file without code: a zip with card.json and arrays.bin.

The card names every array with its shape and place in arrays.bin (float32, little
endian, row by row) and holds the SHA-256 of arrays.bin. Nothing in it is unpickled,
executed or written to disk, and no size is believed before it is compared with what
the networks of the card need.
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

from au_jax.errors import UserError
from au_jax.model_file import card as cards
from au_jax.runtime.files import write_whole
from au_jax.stages import STAGES
from au_jax.types import Params

CARD, ARRAYS = "card.json", "arrays.bin"
_CARD_LIMIT = 1 << 20  # bytes
_DATE = (1980, 1, 1, 0, 0, 0)  # the same model makes the same file

# The networks that predict; the discriminators and projectors only train.
_NETWORKS = (
    "feature_encoder",
    "landmark_encoder",
    "landmark_detector",
    "au_detector",
    "background_generator",
    "feature_generator",
)


@dataclasses.dataclass(frozen=True)
class Model:
    """What prediction needs."""

    card: dict[str, Any]
    params: dict[str, Params]
    """By group and network."""
    batch_stats: dict[str, Params]

    @property
    def aus(self) -> tuple[int, ...]:
        """The numbers of its AUs, in the order of its outputs."""
        return tuple(self.card["networks"]["data"]["aus"])

    @property
    def crop(self) -> int:
        """Side of the square that the networks take, in pixels."""
        return self.card["networks"]["data"]["crop"]


def prune(networks: dict[str, Params]) -> dict[str, Params]:
    """Parameters (or statistics) by group without the networks that only train."""
    kept = {
        group: {name: tree for name, tree in found.items() if name in _NETWORKS}
        for group, found in networks.items()
    }
    return {group: found for group, found in kept.items() if found}


def with_digest(model: Model) -> Model:
    """The model with the index and the SHA-256 of its arrays in the card."""
    return _encode(model)[0]


def save(path: Path, model: Model) -> None:
    """Writes the file in one go: there is never half of one."""
    model, blob = _encode(model)
    text = json.dumps(model.card, indent=1, allow_nan=False)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in ((CARD, text.encode()), (ARRAYS, blob)):
            archive.writestr(zipfile.ZipInfo(name, _DATE), data)
    write_whole(path, packed.getvalue())


def _encode(model: Model) -> tuple[Model, bytes]:
    """The model with its full card, and arrays.bin."""
    arrays = _flatten({"params": model.params, "batch_stats": model.batch_stats})
    index, parts, offset = {}, [], 0
    for name, array in sorted(arrays.items()):
        data = np.ascontiguousarray(array, "<f4").tobytes()
        index[name] = {"shape": list(np.shape(array)), "offset": offset}
        parts.append(data)
        offset += len(data)
    blob = b"".join(parts)
    digest = hashlib.sha256(blob).hexdigest()
    card = model.card | {"arrays": index, "sha256": digest}
    return dataclasses.replace(model, card=card), blob


def load(path: Path) -> Model:
    """Reads what `save` wrote.

    Raises:
        UserError: there is no such file, or it is damaged, foreign or made to harm.
    """
    where = str(path)
    if not path.is_file():
        hint = "make one with python -m au_jax.export --workdir=RUN --out=model.aujax"
        raise UserError(f"there is no model file {where}; {hint}")
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive, where)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,  # JSON and Unicode
        NotImplementedError,  # encrypted, or packed by another method
        RuntimeError,
        RecursionError,
        OSError,
    ) as error:
        text = " ".join(str(error).split())[:100]
        raise UserError(
            f"{where} is damaged or no model of au_jax ({text});"
            " export or copy it again"
        ) from None


def _read(archive: zipfile.ZipFile, where: str) -> Model:
    members = {member.filename: member for member in archive.infolist()}
    if set(members) != {CARD, ARRAYS} or len(archive.infolist()) != 2:
        raise UserError(f"{where} is no model of au_jax: it holds other files")
    if members[CARD].file_size > _CARD_LIMIT:
        raise UserError(f"{where} is no model of au_jax: its card is too large")
    card = json.loads(archive.read(CARD))
    cards.check(card, where)
    params, stats = _shapes(card)
    shapes = _flatten({"params": params, "batch_stats": stats})
    wanted = {name: tuple(x.shape) for name, x in shapes.items()}
    index = card.get("arrays")
    if not isinstance(index, dict) or {
        name: tuple(entry["shape"])
        for name, entry in index.items()
        if isinstance(entry, dict) and isinstance(entry.get("shape"), list)
    } != dict(wanted):
        raise UserError(f"{where}: its arrays are not those of the networks it names")
    sizes = {name: 4 * int(np.prod(shape)) for name, shape in wanted.items()}
    total, stored = sum(sizes.values()), members[ARRAYS]
    if stored.file_size != total or stored.compress_type != zipfile.ZIP_STORED:
        size = stored.file_size
        raise UserError(f"{where}: its arrays take {size} bytes, not {total}")
    blob = archive.read(ARRAYS)
    if hashlib.sha256(blob).hexdigest() != card.get("sha256"):
        raise UserError(f"{where} is damaged: the SHA-256 of its arrays is another")
    offset, found = 0, {}
    for name in sorted(wanted):
        if index[name].get("offset") != offset:
            raise UserError(f"{where}: array {name} is not where the card says")
        found[name] = np.frombuffer(blob, "<f4", sizes[name] // 4, offset)
        found[name] = found[name].reshape(wanted[name])
        offset += sizes[name]
        if not np.isfinite(found[name]).all():
            raise UserError(f"{where}: array {name} has values that are no numbers")
    tree = _unflatten(found)
    return Model(card, tree["params"], tree.get("batch_stats", {}))


def _shapes(card: dict[str, Any]) -> tuple[dict[str, Params], dict[str, Params]]:
    """Shapes of what the networks of a card hold; nothing is computed."""
    init, config = STAGES[card["stage"]].init, cards.network_config(card)
    params, stats = jax.eval_shape(lambda: init(config, jax.random.key(0)))
    return prune(params), prune(stats)


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{name}/")
        else:
            flat[prefix + name] = value
    return flat


def _unflatten(flat: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, leaf = name.split("/")
        at = tree
        for group in groups:
            at = at.setdefault(group, {})
        at[leaf] = value
    return tree
