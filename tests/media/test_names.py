"""Expected: names are printable, no formulas, and short enough."""

from hypothesis import given
from hypothesis import strategies as st

from au_jax.media import names


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_become_a_printable_name(data):
    shown = names.shown(data.decode(errors="surrogateescape"))
    assert shown.isprintable()
    assert not shown.startswith(("=", "+", "-", "@"))
    shown.encode()
    assert len(names.stem(shown).encode()) <= 180


PATHS = st.text(alphabet="\\rn\r\n\x1bx1a./=", max_size=6)


@given(PATHS, PATHS)
def test_different_paths_have_different_names(path, other):
    same = path.removeprefix("./") == other.removeprefix("./")
    assert same or names.shown(path) != names.shown(other)
