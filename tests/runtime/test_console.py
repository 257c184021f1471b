"""Progress of long work: a bar in a terminal, lines in a log file."""

import io
import logging

import pytest
from rich.console import Console

from au_jax.runtime import console


def as_stderr(monkeypatch: pytest.MonkeyPatch, is_terminal: bool) -> io.StringIO:
    text = io.StringIO()
    shown = Console(file=text, force_terminal=is_terminal, width=100)
    monkeypatch.setattr(console, "stderr", lambda: shown)
    return text


def test_a_terminal_shows_a_bar_and_every_item_comes_through(monkeypatch):
    text = as_stderr(monkeypatch, is_terminal=True)
    assert list(console.counted("abcd", 4, "reading letters")) == list("abcd")
    assert "reading letters" in text.getvalue()
    assert "100%" in text.getvalue()


@pytest.mark.parametrize(
    ("every", "lines"), [(0.0, ["reading: 50%", "reading: 100%"]), (30.0, [])]
)
def test_a_log_file_gets_lines_of_long_work_only(monkeypatch, caplog, every, lines):
    text = as_stderr(monkeypatch, is_terminal=False)
    monkeypatch.setattr(console, "EVERY", every)
    monkeypatch.setattr(logging.getLogger("au_jax"), "propagate", True)
    with caplog.at_level(logging.INFO, "au_jax"):
        assert list(console.counted([1, 2], 2, "reading")) == [1, 2]
    assert [record.getMessage() for record in caplog.records] == lines
    assert not text.getvalue()
