"""Ctrl-C that does not get lost."""

import contextlib
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def noted() -> Iterator[Callable[[], None]]:
    """Gives a function that raises KeyboardInterrupt once Ctrl-C was pressed.

    Raising it at once is not safe: Python may be inside a callback of the garbage
    collector (JAX has one), which prints the exception and drops it. Who presses twice
    gets the usual behaviour. To be used in the main thread.
    """
    presses: list[int] = []

    def note(number: int, frame: object) -> None:
        presses.append(number)
        if len(presses) > 1:
            raise KeyboardInterrupt

    def check() -> None:
        if presses:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
