"""Tables of other tools. Expected: hand-written rows in each tool's own columns."""

import logging

import numpy as np
import pytest

from au_jax.comparison import external, scores
from au_jax.comparison.scores import Conditions, Key, SplitLabels
from au_jax.data.split import FaceSplit, Records
from au_jax.errors import UserError
from au_jax.evaluation.bootstrap import resamples


def table(tmp_path, text: str) -> external.ToolTable:
    file = tmp_path / "table.csv"
    file.write_text(text)
    return external.read("tool", file)


def test_py_feat(tmp_path):
    found = table(
        tmp_path,
        ",FaceScore,AU01,AU12,input\n"
        "0,0.5,0.9,0.1,/data/F001/T1/1.jpg\n"
        "1,0.99,0.2,0.8,/data/F001/T1/1.jpg\n",
    )
    assert found.aus == (1, 12)
    np.testing.assert_allclose(found.by_path["/data/F001/T1/1.jpg"], [0.2, 0.8])


def test_the_surest_face_counts_between_rows_without_a_face(tmp_path):
    found = table(
        tmp_path,
        "file,confidence,status,AU01\n"
        "a.jpg,.5,ok,.1\nx.jpg,,no_face,\na.jpg,.9,ok,.2\n"
        "b.jpg,.1,ok,.3\ny.jpg,nan,no_face,\nb.jpg,2.0,ok,.4\n",
    )
    assert {path: float(p[0]) for path, p in found.by_path.items()} == {
        "a.jpg": 0.2,
        "b.jpg": 0.4,
    }


def test_openface_keeps_its_decision_and_ranks_by_intensity(tmp_path):
    found = table(
        tmp_path,
        "file, frame, success, AU01_r, AU12_r, AU01_c, AU12_c\n"
        "a.jpg, 1, 1, 5.0, 1.0, 0.0, 1.0\n"
        "b.jpg, 1, 1, 2.0, 3.0, 0.0, 1.0\n",
    )
    a, b = found.by_path["a.jpg"], found.by_path["b.jpg"]
    assert b[0] < a[0] < 0.5
    assert b[1] > a[1] >= 0.5


def test_libreface_and_our_own(tmp_path):
    found = table(tmp_path, "image_path,au_1,au_12_intensities\nx/a.jpg,1,2.5\n")
    np.testing.assert_allclose(found.by_path["x/a.jpg"], [1, 0.5])
    ours = table(
        tmp_path, "file,frame,status,AU01,AU01_c\na.jpg,0,ok,.3,1\nb.jpg,0,no_face,,\n"
    )
    assert ours.by_path.keys() == {"a.jpg"}
    np.testing.assert_allclose(ours.by_path["a.jpg"], [0.3])


def test_answers_find_their_images_by_the_end_of_the_path():
    paths = ["F001/T1/1.jpg", "F002/T1/1.jpg", "F002/T1/2.jpg"]
    answers = external.ToolTable(
        "tool",
        (12, 1),
        {"/raw/F002/T1/1.jpg": np.array([0.7, 0.2]), "z.jpg": np.ones(2)},
    )
    p, answered = external.answers_for(answers, paths, (1, 4, 12))
    assert answered.tolist() == [False, True, False]
    np.testing.assert_allclose(p[1, [0, 2]], [0.2, 0.7])
    np.testing.assert_allclose(p[[0, 2]][:, [0, 2]], 0)
    assert np.isnan(p[:, 1]).all()


def test_an_ambiguous_path_is_one_line():
    answers = external.ToolTable("tool", (1,), {"1.jpg": np.ones(1)})
    with pytest.raises(UserError, match="write more of the path"):
        external.answers_for(answers, ["F001/1.jpg", "F002/1.jpg"], (1,))


class Split(FaceSplit):
    """A split without records, whose pictures are numbered."""

    def path(self, index):
        return f"{index}.jpg"


def test_an_au_that_the_tool_lacks_has_no_score(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("au_jax"), "propagate", True)
    aus = (np.arange(6)[:, None] % 2 == [0, 1]).astype(np.float32)
    weights = resamples(np.arange(6), 30)
    labels = {"target": SplitLabels(aus, np.ones_like(aus, bool), weights)}
    test = [("target", Split((Records(tmp_path, "test", (1, 12), 6),), (1, 12)))]
    answers = {f"{i}.jpg": aus[i, :1] for i in range(6)}
    tool, wanted = external.ToolTable("tool", (1,), answers), Conditions("test", 30)
    folder = tmp_path / external.FOLDER / "tool"
    folder.mkdir(parents=True)
    external.score(tool, test, [], labels, tmp_path, wanted)
    found = scores.read(folder, wanted)
    assert found is not None
    values = found.scores[Key("target", "target", "")].values
    np.testing.assert_array_equal(values["f1"], [1.0, np.nan])
    assert "no answers for the validation split of the source and the" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it has: no columns"),
        ("file,joy\na.jpg,1\n", "needs a column with the path"),
        ("AU01\n1\n", "needs a column with the path"),
    ],
)
def test_other_tables_are_one_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        table(tmp_path, text)


def test_the_flag_has_a_name_and_a_file(tmp_path):
    name, file = external.parse_flag("Py-Feat 0.6:out/x.csv")
    assert (name, str(file)) == ("Py-Feat 0.6", "out/x.csv")
    for wrong in ("x.csv", ":x.csv", "a/b:x.csv", "a:"):
        with pytest.raises(UserError, match="NAME:FILE"):
            external.parse_flag(wrong)
    with pytest.raises(UserError, match="No such file"):
        external.read("tool", tmp_path / "none.csv")


def test_two_tables_of_one_name_are_a_mistake():
    assert len(external.parse_flags(["A:a.csv", "B:a.csv"])) == 2
    with pytest.raises(UserError, match="two tables have this name"):
        external.parse_flags(["A:lab.csv", "B:x.csv", "A:wild.csv"])


def test_two_rows_for_one_image_are_a_mistake():
    rows = {"good/F1/1.jpg": np.ones(1), "dark/F1/1.jpg": np.zeros(1)}
    answers = external.ToolTable("tool", (1,), rows)
    with pytest.raises(
        UserError, match=r"good/F1/1\.jpg and dark/F1/1\.jpg may both be"
    ):
        external.answers_for(answers, ["F1/1.jpg", "F1/2.jpg"], (1,))


def test_paths_that_are_images_of_both_domains_are_warned_of(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(logging.getLogger("au_jax"), "propagate", True)
    lab, wild = (
        Split((Records(tmp_path / name, "test", (1,), 2),), (1,))
        for name in ("lab", "wild")
    )
    answers = external.ToolTable("tool", (1,), {"1.jpg": np.ones(1)})
    external._warn_of_shared(answers, [("source", lab), ("target", lab)])
    assert not caplog.text
    external._warn_of_shared(answers, [("source", lab), ("target", wild)])
    assert "1 paths, such as 1.jpg, are images of both domains" in caplog.text


def test_intensities_of_libreface_rank_beside_its_decisions(tmp_path):
    found = table(
        tmp_path,
        "path,au_1,au_1_intensity,au_7\na.jpg,1,1.5,1\nb.jpg,1,4,0\nc.jpg,0,3,0\n",
    )
    a, b, c = (found.by_path[f"{name}.jpg"] for name in "abc")
    assert c[0] < 0.5 <= a[0] < b[0]
    np.testing.assert_array_equal([a[1], b[1], c[1]], [1, 0, 0])
    # Probabilities stay what they are.
    ours = table(tmp_path, "file,AU01,AU01_r,AU01_c\na.jpg,.3,4,1\nb.jpg,1,0,0\n")
    assert [float(p[0]) for p in ours.by_path.values()] == [0.3, 1.0]
