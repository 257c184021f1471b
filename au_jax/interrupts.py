"""Signals that do not get lost: a program notes them and ends where it can."""

import contextlib
import os
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


class Stopped(Exception):
    """The run was asked to end; `number` is the signal's."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


class Requests:
    """What signals asked for: `stop` (Ctrl-C, SIGTERM) and `save` (SIGUSR1)."""

    stop: int | None = None
    save: bool = False

    def check(self) -> None:
        """Raises `Stopped` if the run shall end."""
        if self.stop is not None:
            raise Stopped(self.stop)


@contextlib.contextmanager
def requests() -> Iterator[Requests]:
    """Notes Ctrl-C, SIGTERM and SIGUSR1; to be used in the main thread.

    The second Ctrl-C or SIGTERM ends the program at once, even in the midst of a
    compilation: checkpoints are atomic, so nothing breaks.
    """
    asked = Requests()

    def stop(number: int, frame: object) -> None:
        asked.stop = number
        signal.signal(number, signal.SIG_DFL)
        os.write(2, b"\nfinishing this step, then a checkpoint; again to end at once\n")

    def save(number: int, frame: object) -> None:
        asked.save = True

    handlers = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGUSR1: save}
    before = {number: signal.signal(number, f) for number, f in handlers.items()}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
