"""Note signals, so that a program ends at a point where nothing is lost."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

STOPPING = (signal.SIGINT, signal.SIGTERM)
SIGNALS = (*STOPPING, signal.SIGUSR1)

# Two signals within this time count as one. `timeout` sends a signal to its child and
# to the child's group, and a terminal and a scheduler may both send one.
ONE_SIGNAL = 1.0  # seconds


@contextlib.contextmanager
def interrupt_noted() -> Iterator[Callable[[], None]]:
    """Yield a function that raises KeyboardInterrupt once Ctrl-C was pressed.

    Raising it at once is not safe: Python may be inside a callback of the garbage
    collector (JAX has one), which prints the exception and drops it. The second Ctrl-C
    raises it at once all the same. Works in the main thread only.
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
    """A signal asked the run to end; `number` is the signal's."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


class Requests:
    """What signals asked for."""

    stop: int | None = None
    """The first Ctrl-C or SIGTERM."""
    save: bool = False
    """True after SIGUSR1."""
    shared: bool = False
    """True if other processes take part: all must end after the same step."""

    def check(self) -> None:
        """Raise `Stopped` if this process can end on its own and shall."""
        if self.stop is not None and not self.shared:
            raise Stopped(self.stop)


@contextlib.contextmanager
def requests_noted() -> Iterator[Requests]:
    """Note Ctrl-C, SIGTERM and SIGUSR1. Works in the main thread only.

    The second Ctrl-C or SIGTERM ends the program at once, even during a compilation:
    checkpoints are atomic, so nothing breaks. A thread listens, because Python runs
    handlers only after the main thread returns from XLA.
    """
    requests = Requests()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    handlers = {number: signal.signal(number, _pass) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(writer)
    listener = threading.Thread(target=_listen, args=(reader, requests), daemon=True)
    listener.start()
    try:
        yield requests
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        listener.join()
        os.close(reader)


def _listen(reader: int, requests: Requests) -> None:
    """Note each signal: Python writes a byte into the pipe as soon as one arrives."""
    first = 0.0
    while received := os.read(reader, 1):
        (number,) = received
        if number == signal.SIGUSR1:
            requests.save = True
        elif number in STOPPING and requests.stop is None:
            requests.stop, first = number, time.monotonic()
            os.write(2, b"finishing a step, then a checkpoint; again to end at once\n")
        elif number in STOPPING and time.monotonic() - first > ONE_SIGNAL:
            if sys.stderr.isatty():
                os.write(2, b"\x1b[?25h")  # shows the cursor that the display hid
            os._exit(128 + number)


def _pass(number: int, frame: object) -> None:
    """Do nothing. Without a handler, the signal would not reach the listener."""
