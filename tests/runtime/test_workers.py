"""Expected: the signal mask that a child reports; orphans end; work stays in order."""

import signal
import subprocess
import sys
import time

import pytest

from au_jax.runtime import workers
from tests.programs import ROOT

SHIELDED = (signal.SIGINT, signal.SIGTERM)


def test_children_inherit_the_mask():
    report = (
        "import signal; print(*sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())))"
    )
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with workers.shielded(SHIELDED):
        child = subprocess.run(
            [sys.executable, "-c", report],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    assert child.stdout.split() == [str(int(number)) for number in sorted(SHIELDED)]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


@pytest.mark.parametrize(("length", "most"), [(0, 3), (2, 3), (9, 3), (9, 0)])
def test_items_are_drawn_ahead(length, most):
    drawn = []
    items = (drawn.append(number) or number for number in range(length))
    for number in workers.drawn_ahead(items, most):
        assert drawn == list(range(min(length, number + most + 1)))
    assert len(drawn) == length


# Prints the process id of its worker, which sleeps for an hour.
PARENT = """
import multiprocessing, time
from au_jax.runtime import workers

def work():
    workers.end_with_parent()
    time.sleep(3600)

if __name__ == "__main__":
    worker = multiprocessing.get_context("fork").Process(target=work)
    worker.start()
    print(worker.pid, flush=True)
    time.sleep(3600)
"""


def test_worker_of_a_killed_program_ends():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    time.sleep(0.2)
    assert is_running(worker)
    parent.kill()
    parent.communicate(timeout=60)
    deadline = time.monotonic() + 20
    while is_running(worker):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    """Return whether a process runs; a dead one that nobody reaped does not."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
