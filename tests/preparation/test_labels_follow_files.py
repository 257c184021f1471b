"""Random trees, randomly damaged: each example carries the labels of its own file.

Expected: each picture is painted in the colour of its labels, so the pixels of every
prepared example tell its labels; all undamaged pictures must be prepared.
"""

import functools

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from au_jax.errors import UserError
from au_jax.preparation import run
from au_jax.preparation.run import PrepareOptions
from tests.preparation import painted_trees
from tests.preparation.painted_trees import AUS, LEVELS, columns, faces
from tests.prepared_sets import open_builder, read_examples
from tests.raw_trees import make_finder


def examples(out, dataset) -> list[dict]:
    splits = open_builder(out, dataset).info.splits
    stored = [one for split in splits for one in read_examples(out, dataset, split)]
    return [{**one, "path": one["path"].decode()} for one in stored]


@pytest.mark.parametrize(
    ("write", "dataset", "options"),
    [
        (painted_trees.as_folder, "folder", {}),
        (painted_trees.as_bp4d, "bp4d", {}),
        (painted_trees.as_bp4d_videos, "bp4d", {}),
        (painted_trees.as_emotionet, "emotionet", {}),
        (painted_trees.as_disfa, "disfa", {}),
        (painted_trees.as_rafau, "rafau", {}),
        (painted_trees.as_lists, "lists", {"aus": AUS}),
    ],
)
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # the trees are small: no shrinking
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(some=faces(), order=columns)
def test_each_example_has_the_labels_of_its_file(
    tmp_path_factory, write, dataset, options, some, order
):
    folder = tmp_path_factory.mktemp("tree")
    names = write(folder / "raw", some, order)
    (folder / "raw").mkdir(exist_ok=True)
    expected = {name for name, face in names.items() if face.good}
    prepare = functools.partial(
        run.prepare,
        PrepareOptions(dataset, folder / "raw", folder / "out", reader=options),
        make_finder,
    )
    if not expected:
        with pytest.raises(UserError):
            prepare()
        assert not list(folder.glob("out/*/1.0.0"))
        return
    prepare()
    stored = examples(folder / "out", dataset)
    aus = open_builder(folder / "out", dataset).info.metadata["aus"]
    assert {one["path"] for one in stored} == expected
    for one in stored:
        level = one["image"][80:120, 80:120].mean(axis=(0, 1))
        for au, shown in zip(AUS, level, strict=True):
            code = min(LEVELS, key=lambda code: abs(LEVELS[code] - shown))
            known = au in aus and bool(one["aus_known"][aus.index(au)])
            assert known == (code != 9)
            assert not known or one["aus"][aus.index(au)] == code
