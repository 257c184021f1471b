"""Names of files, made safe for tables, terminals and other file names."""

from pathlib import PurePath

from au_jax.errors import printable

_LONGEST = 180  # bytes of a stem; 255 are allowed, and endings are added


def shown(file: str) -> str:
    """Return a path as printable text that spreadsheets do not take for a formula.

    Backslashes are doubled, so different paths have different texts. The escapes are
    those of `printable`.
    """
    text = printable(file.replace("\\", "\\\\"))
    return f"./{text}" if text.startswith(("=", "+", "-", "@")) else text


def stem(file: str) -> str:
    """Return the name without its ending, short enough for names made from it."""
    name = PurePath(shown(file)).stem.encode()
    return name[:_LONGEST].decode(errors="ignore")
