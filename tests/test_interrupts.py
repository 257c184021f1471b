"""Expected: what Ctrl-C does to a program, sent by the test itself."""

import signal

import pytest

from au_jax import interrupts


def press():
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_not_raised_where_it_may_be_dropped():
    before = signal.getsignal(signal.SIGINT)
    with interrupts.noted() as pause:
        pause()
        press()  # as within a callback that drops what is raised
        with pytest.raises(KeyboardInterrupt):
            pause()
    assert signal.getsignal(signal.SIGINT) == before


def test_the_second_ctrl_c_is_immediate():
    with interrupts.noted():
        press()
        with pytest.raises(KeyboardInterrupt):
            press()
