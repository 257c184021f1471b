"""Compiled programs kept on disk: a second start skips minutes of compilation."""

import os
from pathlib import Path

import jax

# JAX's own limit: what compiles quicker is not worth a file.
_SECONDS = 1.0


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
    jax.config.update("jax_persistent_cache_min_compile_time_secs", _SECONDS)
    return folder
