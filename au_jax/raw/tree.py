"""Walk a folder tree of pictures, and find a picture by its name in a list."""

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from au_jax.media.formats import is_apple_double, is_picture


@dataclass(frozen=True)
class Tree:
    """The folders with pictures and all other files, relative to `raw`, sorted."""

    raw: Path
    folders: tuple[PurePosixPath, ...]
    others: tuple[PurePosixPath, ...]


def walk(raw: Path) -> Tree:
    """Walk through `raw`; follow links, but enter no folder twice.

    Raises:
        OSError: a folder cannot be read.
    """
    folders, others = [], []
    entered = set()
    for top, inside, files in os.walk(raw, onerror=_raise, followlinks=True):
        real = os.path.realpath(top)
        if real in entered:
            inside.clear()
            continue
        entered.add(real)
        inside.sort()
        folder = PurePosixPath(Path(top).relative_to(raw).as_posix())
        files = [name for name in files if not is_apple_double(name)]
        kinds = [is_picture(name) for name in files]
        if any(kinds):
            folders.append(folder)
        others += [
            folder / name
            for name, picture in sorted(zip(files, kinds, strict=True))
            if not picture
        ]
    return Tree(raw, tuple(folders), tuple(others))


def _raise(error: OSError) -> None:
    raise error


def pictures(raw: Path, folder: PurePosixPath) -> list[str]:
    """Return the pictures directly in a folder, as sorted paths relative to `raw`."""
    with os.scandir(raw / folder) as entries:
        names = [e.name for e in entries if is_picture(e.name) and not _is_dir(e)]
    return [str(folder / name) for name in sorted(names)]


def _is_dir(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself; reading the picture will say so
        return False


def picture_finder(tree: Tree) -> Callable[[str, str], str | None]:
    """Return a function from (folder name, file name) to a picture's path, or None.

    It searches all folders of that name, then those named by the beginning of the file
    name (`N_0000000001`), then all folders without a name like EmotioNet's, because
    some trees keep all pictures in one folder. Case and suffix (.jpg, .png) do not
    matter, because downloads change them.
    """
    by_name: dict[str, list[PurePosixPath]] = {}
    for folder in tree.folders:
        name = "" if not folder.name.startswith("N_") else folder.name
        by_name.setdefault(name, []).append(folder)

    # Lists name folders in order, so few folders need to be in memory.
    @functools.lru_cache(maxsize=256)
    def by_stem(folder: PurePosixPath) -> dict[str, str]:
        paths: dict[str, str] = {}
        for path in pictures(tree.raw, folder):
            paths.setdefault(PurePosixPath(path).stem.lower(), path)
        return paths

    def find(folder: str, name: str) -> str | None:
        stem = PurePosixPath(name).stem.lower()
        names = dict.fromkeys((folder, name.rpartition("_")[0], ""))
        for place in (place for key in names for place in by_name.get(key, ())):
            if stem in by_stem(place):
                return by_stem(place)[stem]
        return None

    return find
