"""Names of files, made safe for tables, terminals and other file names."""

from pathlib import PurePath

_LONGEST = 180  # bytes of a stem; 255 are allowed, and endings are added


def shown(file: str) -> str:
    """Return a path as printable text that spreadsheets do not take for a formula.

    A byte that is no UTF-8 becomes `\\udcXX`, a control character `\\r` or `\\x1b`.
    """
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in file)
    return f"./{text}" if text.startswith(("=", "+", "-", "@")) else text


def stem(file: str) -> str:
    """Return the name without its ending, short enough for names made from it."""
    name = PurePath(shown(file)).stem.encode()
    return name[:_LONGEST].decode(errors="ignore")
