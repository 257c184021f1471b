"""Call what may end with a user's mistake."""

from collections.abc import Callable
from typing import Any

from au_jax.errors import UserError


def attempt(function: Callable[..., Any], *arguments: Any) -> tuple[Any, str]:
    """Return the result and "", or None and the line of a `UserError`."""
    try:
        return function(*arguments), ""
    except UserError as error:
        return None, one_line(str(error))


def one_line(message: str) -> str:
    """Return the message of a mistake, which must be one line."""
    assert message, "a mistake without a message"
    assert "\n" not in message, f"more than one line: {message!r}"
    return message
