"""Compiled programs kept on disk: a second start does not wait for them."""

import os
from pathlib import Path

import jax


def use() -> Path | None:
    """Keeps programs in `~/.cache/au_jax/xla`, or where XDG_CACHE_HOME says.

    JAX_COMPILATION_CACHE_DIR names another folder, JAX_ENABLE_COMPILATION_CACHE=false
    turns it off; the folder may be deleted at any time.

    Returns:
        The folder; None where the user has chosen, or where it cannot be written.
    """
    if jax.config.jax_compilation_cache_dir:  # pyright: ignore
        return None
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "au_jax" / "xla"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    jax.config.update("jax_compilation_cache_dir", str(folder))
    return folder
