"""Signals that do not get lost: a program notes them and ends where it can."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM)
SIGNALS = (*STOPPING, signal.SIGUSR1)

# The same signal twice within this time is one: `timeout` sends it to its child and to
# the group of that, a terminal and a scheduler may both send it.
ONE_SIGNAL = 1.0  # seconds


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
    shared: bool = False
    """Whether other processes take part: then all end after the same step only."""

    def check(self) -> None:
        """Raises `Stopped` if the run shall end."""
        if self.stop is not None and not self.shared:
            raise Stopped(self.stop)


@contextlib.contextmanager
def requests() -> Iterator[Requests]:
    """Notes Ctrl-C, SIGTERM and SIGUSR1; to be used in the main thread.

    The second Ctrl-C or SIGTERM ends the program at once, even in the midst of a
    compilation: checkpoints are atomic, so nothing breaks. A thread listens, because
    handlers in Python have to wait until the main thread is back from XLA.
    """
    asked = Requests()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    handlers = {number: signal.signal(number, _pass) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(writer)
    listener = threading.Thread(target=_listen, args=(reader, asked), daemon=True)
    listener.start()
    try:
        yield asked
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        listener.join()
        os.close(reader)


def _listen(reader: int, asked: Requests) -> None:
    """Notes each signal; the pipe has a byte for each one as soon as it comes."""
    first = 0.0
    while received := os.read(reader, 1):
        (number,) = received
        if number == signal.SIGUSR1:
            asked.save = True
        elif number in STOPPING and asked.stop is None:
            asked.stop, first = number, time.monotonic()
            os.write(2, b"finishing a step, then a checkpoint; again to end at once\n")
        elif number in STOPPING and time.monotonic() - first > ONE_SIGNAL:
            if sys.stderr.isatty():
                os.write(2, b"\x1b[?25h")  # the cursor, which the display had hidden
            os._exit(128 + number)


def _pass(number: int, frame: object) -> None:
    """A handler must be there for the signal to reach the listener."""
