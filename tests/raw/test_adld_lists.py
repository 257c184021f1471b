"""EmotioNet by ADLD's lists. Expected: the written lists, tables and pictures."""

import collections

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from au_jax.errors import UserError
from au_jax.raw import adld_lists, emotionet
from au_jax.raw.row import Reject, Row
from tests.mistakes import attempt
from tests.raw_trees import emotionet_table, url, write_emotionet
from tests.shared_data import SHARED, needs_shared_data


def name(number):
    return f"N_0000000001_{number:05}.jpg"


def path(number):
    return f"images/N_0000000001/{name(number)}"


def write_list(folder, split, numbers, ends="\n"):
    folder.mkdir(exist_ok=True)
    lines = (f"EmotioNet/optimization_set/N_0000000001/{name(i)}" for i in numbers)
    file = folder / f"emotioNet_{split}_path.txt"
    file.write_text("".join(line + ends for line in lines))


def read(raw, lists, **options):
    items = list(emotionet.read(raw, 0, lists=lists, **options))
    assert items == list(emotionet.read(raw, 0, lists=lists, **options))
    by_split = collections.defaultdict(set)
    for item in items:
        if isinstance(item, Row):
            by_split[item.split].add(item.path)
    rejects = [item for item in items if isinstance(item, Reject)]
    aus = {item.path: item.aus for item in items if isinstance(item, Row)}
    return dict(by_split), aus, sorted((r.path, r.reason) for r in rejects)


@pytest.fixture
def raw(tmp_path):
    """Return a tree: 1 to 4 in a table of val, 5 to 8 of test, 9 to 12 unlabelled."""
    return write_emotionet(tmp_path / "raw")


def test_lists_state_the_splits_and_tables_the_labels(raw, tmp_path):
    lists = tmp_path / "lists"
    write_list(lists, "val", [1, 5])
    write_list(lists, "test", [2, 8, 4], ends="\r\n")
    write_list(lists, "train", [9, 11])
    rows, aus, rejects = read(raw, lists)
    assert rows == {
        "val": {path(1), path(5)},
        "test": {path(2), path(4), path(8)},
        "train": {path(9), path(11)},
    }
    assert aus[path(1)] == {1: False, 12: True}
    assert aus[path(2)] == {1: True, 12: True}
    assert aus[path(9)] == {}
    # Each is named once, by its table or its unlabelled list.
    assert rejects == [(path(i), "not_drawn") for i in (3, 6, 7, 10, 12)]


def test_without_a_list_of_train_the_images_are_drawn(raw, tmp_path):
    write_list(tmp_path / "lists", "val", [1])
    write_list(tmp_path / "lists", "test", [2])
    rows, _, rejects = read(raw, tmp_path / "lists")
    assert rows["train"] == {path(i) for i in (9, 10, 11, 12)}
    assert rejects == [(path(i), "not_drawn") for i in (3, 4, 5, 6, 7, 8)]
    rows, _, _ = read(raw, tmp_path / "lists", train_images=3)
    assert len(rows["train"]) == 3


def test_what_tables_or_the_folder_lack_is_named(raw, tmp_path):
    (raw / path(1)).unlink()
    write_list(tmp_path / "lists", "val", [1, 2, 9, 77, 2])
    write_list(tmp_path / "lists", "test", [5, 2])
    rows, _, rejects = read(raw, tmp_path / "lists")
    assert rows == {
        "val": {path(2)},
        "test": {path(5)},
        "train": {path(i) for i in (10, 11, 12)},
    }
    assert rejects == [
        (f"N_0000000001/{name(1)}", "no_image"),
        (f"N_0000000001/{name(77)}", "no_image"),
        (path(2), "duplicate"),
        (path(2), "duplicate"),
        *((path(i), "not_drawn") for i in (3, 4, 6, 7, 8)),
        (path(9), "bad_label"),  # only the unlabelled list names it
    ]


def test_codes_that_contradict_each_other_are_rejected(raw, tmp_path):
    emotionet_table(raw / "more.csv", {name(1): {1: 1, 12: 0}})
    write_list(tmp_path / "lists", "val", [1, 3])
    write_list(tmp_path / "lists", "test", [2])
    rows, _, rejects = read(raw, tmp_path / "lists")
    assert rows["val"] == {path(3)}
    assert (path(1), "bad_label") in rejects


def test_lists_may_lie_in_the_raw_folder(raw):
    write_list(raw / "lists", "val", [1])
    write_list(raw / "lists", "test", [2])
    _, _, rejects = read(raw, raw / "lists")
    assert not [reject for reject in rejects if reject[1] != "not_drawn"]


def test_mistakes_are_one_line(raw, tmp_path):
    lists = tmp_path / "lists"
    with pytest.raises(UserError, match="lists is not a folder"):
        read(raw, lists)
    write_list(lists, "val", [1])
    with pytest.raises(UserError, match=r"lacks emotioNet_test_path\.txt"):
        read(raw, lists)
    (lists / "emotioNet_tset_path.txt").write_text("")
    with pytest.raises(UserError, match=r"did you mean emotioNet_tset_path\.txt\?"):
        read(raw, lists)
    write_list(lists, "test", [2])
    for table in raw.glob("*.csv"):
        table.unlink()
    with pytest.raises(UserError, match=r"no label table .* EmotioNet's own tables"):
        read(raw, lists)
    (lists / "emotioNet_test_path.txt").write_bytes(b"\0\1\2")
    with pytest.raises(UserError, match=r"emotioNet_test_path\.txt: not text"):
        read(raw, lists)


def test_lines_are_read_with_any_separator_of_folders(tmp_path):
    file = tmp_path / "emotioNet_val_path.txt"
    file.write_text("a\\b.jpg\n\n  c/d.jpg  \n")
    assert list(adld_lists.lines(file)) == [
        ("emotioNet_val_path.txt line 1", "a/b.jpg"),
        ("emotioNet_val_path.txt line 3", "c/d.jpg"),
    ]
    assert url(name(1)).endswith(name(1))


@needs_shared_data
def test_the_wild_photographs_by_lists(tmp_path):
    raw = SHARED / "wild"
    items = [item for item in emotionet.read(raw, 0) if isinstance(item, Row)]
    lists = tmp_path / "lists"
    lists.mkdir()
    for split in ("val", "test"):
        paths = [item.path for item in items if item.split == split]
        # Half of each table, so that the lists decide, not the tables.
        other = [item.path for item in items if item.split not in (split, "train")]
        text = "\n".join((*paths[::2], *other[1::2]))
        (lists / f"emotioNet_{split}_path.txt").write_text(text)
    rows, aus, rejects = read(raw, lists)
    assert {split: len(paths) for split, paths in rows.items()} == {
        "val": 592 // 2 + 1168 // 2,
        "test": 592 // 2 + 1168 // 2,
        "train": 1191,
    }
    assert aus == {item.path: item.aus for item in items}
    assert not rejects


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["train", "val", "test"]),
    st.binary(max_size=80)
    | st.lists(st.sampled_from([path(1), "../" + path(2), "", "\x00", "N_1_1.jpg"]))
    .map("\n".join)
    .map(str.encode),
)
def test_any_list_gives_rows_and_reasons_or_one_line(tmp_path_factory, split, content):
    folder = tmp_path_factory.mktemp("any")
    raw = write_emotionet(folder / "raw")
    lists = folder / "lists"
    write_list(lists, "val", [1, 5])
    write_list(lists, "test", [2, 8, 4])
    (lists / f"emotioNet_{split}_path.txt").write_bytes(content)
    items, _ = attempt(lambda: list(emotionet.read(raw, 0, lists=lists)))
    rows = [item for item in items or () if isinstance(item, Row)]
    assert {row.split for row in rows} <= {"train", "val", "test"}
    assert all(row.path in map(path, range(1, 13)) for row in rows)
    assert len({row.path for row in rows}) == len(rows)
