"""How programs end. Expected: the exit codes and lines of `run_program`'s docstring."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs import ROOT

PROGRAM = "from au_jax.errors import *\ndef main():\n    {}\nrun_program(main)"
OUT_OF_MEMORY = "error: out of memory; use a smaller input or batch"


def run(statement: str, **kwargs) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import sys\n" + PROGRAM.format(statement), "--x"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **kwargs)


@pytest.mark.parametrize(
    ("statement", "code", "said"),
    [
        ("print('done')", 0, ""),
        ("return 3", 3, ""),
        ("sys.exit(4)", 4, ""),
        ("raise UserError('wrong flag')", 2, "error: wrong flag\n"),
        ("raise UserError('a\\x1b[2J\\udce9')", 2, "error: a\\x1b[2J\\udce9\n"),
        (
            "raise OSError(28, 'No space left', 'a')",
            2,
            "error: a: No space left; make room, then run the same command again\n",
        ),
        (
            "raise OSError(36, 'File name too long', 'a')",
            2,
            "error: a: File name too long\n",
        ),
        (
            "raise NotADirectoryError(20, 'Not a directory', 'a/b')",
            2,
            "error: a/b: Not a directory\n",
        ),
        (
            "raise RuntimeError('RESOURCE_EXHAUSTED: Out of memory')",
            1,
            OUT_OF_MEMORY + "\n",
        ),
        ("raise KeyboardInterrupt", 130, "stopped by Ctrl-C\n"),
        (
            "raise MemoryError",
            1,
            "error: out of memory; use a smaller input or batch\n",
        ),
    ],
)
def test_exit_code_and_line(statement, code, said):
    done = run(statement)
    assert (done.returncode, done.stderr) == (code, said)


DROPPED = """
class Dropped:
    def __del__(self):
        raise ValueError('dropped')
def main():
    global kept
    kept = Dropped()  # until the interpreter ends
    Dropped()
    sys.excepthook(*[type(e := ValueError('callback')), e, None])
    {}
"""


@pytest.mark.parametrize(
    ("end", "said"),
    [("raise UserError('full')", ["error: full"]), ("", ["dropped", "callback"])],
)
def test_tracebacks_of_callbacks_are_held_back_after_a_failure(end, said):
    program = "import sys\nfrom au_jax.errors import *" + DROPPED.format(end)
    command = [sys.executable, "-c", program + "run_program(main)"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert all(text in done.stderr for text in said)
    if end:
        assert done.stderr.splitlines() == said


def test_unforeseen_error_is_one_line_with_the_place_of_its_traceback(tmp_path):
    environment = {"TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = run("{}['no such\\nkey']", env=environment)
    assert done.returncode == 1
    match = re.fullmatch(
        r"error: KeyError: .* \(a fault of au_jax, please report it; traceback: (.*)\)"
        r"\n",
        done.stderr,
    )
    assert match
    saved = Path(match[1])
    assert saved.parent == tmp_path
    assert saved.read_text().startswith("-c --x\n\nTraceback")
    assert "KeyError: 'no such\\nkey'" in saved.read_text()


@pytest.mark.parametrize(
    ("program", "code"),
    [("au_jax --help", 141), ("au_jax.predict --helpfull", 0)],  # absl's own end
)
def test_a_closed_output_pipe_is_not_an_error(program, code):
    command = f"{sys.executable} -m {program} | true; echo ${{PIPESTATUS[0]}}"
    bash = ["bash", "-c", command]
    done = subprocess.run(bash, cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{code}\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_not_an_error(closed):
    """Expected: main's code, and no file of ours gets the number of a stream."""
    statement = "print(1); sys.stderr.write('2'); return open('/dev/null').fileno()"
    program = f"import sys\n{PROGRAM.format(statement)}"
    command = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, program]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode > 2


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8:strict", "\\udcff é\n"), ("ascii", "\\udcff \\xe9\n")],
)
def test_what_stdout_cannot_encode_is_escaped(encoding, said):
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = run("print('\\udcff \\xe9')", env=env, encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
