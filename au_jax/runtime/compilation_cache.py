"""Keep compiled programs on disk, so that a second start skips the compilation."""

import os
import tempfile
from pathlib import Path

import jax


def use() -> Path | None:
    """Keep programs in `~/.cache/au_jax/xla`, or in the folder of XDG_CACHE_HOME.

    JAX_COMPILATION_CACHE_DIR names another folder, and
    JAX_ENABLE_COMPILATION_CACHE=false turns the cache off. The folder may be deleted at
    any time.

    Returns:
        The folder; None if the user chose another one, or if it cannot be written.
    """
    if jax.config.jax_compilation_cache_dir:  # pyright: ignore
        return None
    try:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        folder = Path(home) / "au_jax" / "xla"
        folder.mkdir(parents=True, exist_ok=True)
        # If it is another user's, JAX would warn of each program.
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError):  # a user of a container may have no home
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    return folder
