"""Expected: what signals, sent by the test, do to a program."""

import signal
import subprocess
import sys
import time

import pytest

from au_jax.runtime import signals


def press():
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_not_raised_where_it_could_be_lost():
    before = signal.getsignal(signal.SIGINT)
    with signals.interrupt_noted() as pause:
        pause()
        press()  # as within a callback that drops exceptions
        with pytest.raises(KeyboardInterrupt):
            pause()
    assert signal.getsignal(signal.SIGINT) == before


def test_the_second_ctrl_c_is_immediate():
    with signals.interrupt_noted():
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def wait_until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.mark.parametrize("number", signals.STOPPING)
def test_a_request_to_stop_is_noted_and_raised_where_asked(number, capfd):
    before = signal.getsignal(number)
    with signals.requests_noted() as asked:
        asked.check()
        signal.raise_signal(number)
        signal.raise_signal(number)  # too soon after the first to be a second request
        wait_until(lambda: asked.stop)
        with pytest.raises(signals.Stopped) as stopped:
            asked.check()
    assert stopped.value.number == number
    assert not asked.save
    assert signal.getsignal(number) == before
    assert capfd.readouterr().err.count("again to end at once") == 1


def test_a_request_to_save_stops_nothing():
    with signals.requests_noted() as asked:
        signal.raise_signal(signal.SIGUSR1)
        wait_until(lambda: asked.save)
        asked.check()


# Its main thread is in a call that runs no handlers, as during a compilation.
BUSY = """
import hashlib
from au_jax.runtime import signals
with signals.requests_noted() as asked:
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
"""


def test_the_second_signal_ends_a_program_that_is_busy():
    process = subprocess.Popen(
        [sys.executable, "-c", BUSY],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    time.sleep(signals.ONE_SIGNAL + 0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == 143
    assert errors.count("again to end at once") == 1
