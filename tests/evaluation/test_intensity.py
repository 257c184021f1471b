"""Intensities of AUs.

Expected: scikit-learn's isotonic regression, a two-way analysis of variance written
out, and what a table of a user states.
"""

import json
import types

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from au_jax.data.reader import INTENSITIES
from au_jax.data.split import FaceSplit, Records
from au_jax.errors import UserError
from au_jax.evaluation import intensity, metrics
from au_jax.evaluation.inference import SplitPredictions
from au_jax.workdir import intensities
from tests.target_models import load_answers

AUS = (1, 12)
RANDOM = np.random.default_rng(0)


class Split(FaceSplit):
    """A split without records, whose pictures are numbered."""

    def path(self, index):
        return f"{index}.jpg"


@pytest.fixture
def data(tmp_path):
    return Split((Records(tmp_path, "val", AUS, 3),), AUS)


def table(folder, *lines):
    file = folder / "table.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_curves_are_isotonic_regressions():
    p = RANDOM.random((400, 2))
    truth = np.clip(5 * p**2 + RANDOM.normal(0, 0.5, p.shape), 0, 5)
    truth[::3, 0] = np.nan
    curves = intensity.fit(p, truth)
    at = intensity.KNOTS
    for au, curve in enumerate(curves):
        assert curve is not None
        known = np.isfinite(truth[:, au])
        expected = IsotonicRegression(out_of_bounds="clip")
        expected.fit(p[known, au], truth[known, au])
        np.testing.assert_allclose(curve, expected.predict(at), atol=1e-4)
        # Between the probabilities at which it is stated, it is interpolated.
        between = (at[10] + at[11]) / 2
        (found,) = metrics.intensities(np.full((1, 2), between), at, curves)
        assert found[au] == pytest.approx((curve[10] + curve[11]) / 2, abs=1e-4)


def test_an_au_with_few_known_intensities_has_no_curve():
    truth = np.full((50, 2), np.nan)
    truth[:30, 1] = 1.0
    curves = intensity.fit(RANDOM.random((50, 2)), truth)
    assert curves[0] is None
    found = metrics.intensities(np.full((4, 2), 0.3), intensity.KNOTS, curves)
    assert np.isnan(found[:, 0]).all()
    np.testing.assert_allclose(found[:, 1], 1.0)


def test_icc_is_that_of_the_analysis_of_variance():
    x = RANDOM.normal(2, 1, 30)
    y = 0.7 * x + RANDOM.normal(0.5, 0.4, 30)
    cells = np.stack([x, y], axis=1)
    n, k, mean = 30, 2, cells.mean()
    images = k * ((cells.mean(axis=1) - mean) ** 2).sum()
    raters = n * ((cells.mean(axis=0) - mean) ** 2).sum()
    rest = ((cells - mean) ** 2).sum() - images - raters
    between, error = images / (n - 1), rest / ((n - 1) * (k - 1))
    expected = (between - error) / (between + (k - 1) * error)
    assert intensity.icc(x, y) == pytest.approx(expected)
    assert intensity.icc(x, x + 1) == pytest.approx(1)  # consistency, not agreement
    assert np.isnan(intensity.icc(np.ones(3), np.ones(3)))
    assert np.isnan(intensity.pcc(np.ones(3), x[:3]))


def test_constants_have_no_correlation():
    """The standard deviation of 997 times .1 is 3e-17, for example."""
    constant, y = np.full(997, 0.1), RANDOM.random(997)
    assert constant.std() > 0
    assert np.isnan(intensity.pcc(constant, y))
    assert np.isnan(intensity.pcc(y, constant))
    assert np.isnan(intensity.icc(constant, np.full(997, 0.3)))
    # Of one constant, both mean squares are half of the other's variance.
    assert intensity.icc(constant, y) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # Shares of full strength, of moved photographs; and FACS's A to E.
        (["path,AU01,AU12", "0.jpg,0.2,1", "2.jpg,,0"], [[1, 5], None, [None, 0]]),
        (["AU12,path", "3,0.jpg", "0,1.jpg"], [[None, 3], [None, 0], None]),
        (["path,AU 1,AU012", "0.jpg,2,9", "1.jpg,-1,999.0"], [[2, None], None, None]),
        (["path,AU1", "1.jpg,5"], [None, [5, None], None]),
        # A set in which nothing is stronger than A.
        (["path,AU1", "0.jpg,1", "1.jpg,0"], [[1, None], [0, None], None]),
    ],
)
def test_a_table_states_intensities(tmp_path, data, lines, expected):
    found = intensity.read_table(table(tmp_path, *lines), data)
    wanted = np.array([row or (None, None) for row in expected], float)
    np.testing.assert_allclose(found, wanted)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,AU01", "0.jpg,1"], "path, and some of AU01, AU12; there are file, AU"),
        (["path,AU04", "0.jpg,1"], "path, and some of AU01, AU12; there are path, AU"),
        (["path,AU1,AU01", "0.jpg,1,2"], "the header has AU 1 twice"),
        (["path,AU01", "x.jpg,1"], "no path of .* it has 'x.jpg', where .* '0.jpg'"),
        (["path,AU01", "0.jpg,strong"], "line 2: could not convert string to float"),
        (["path,AU01", "0.jpg,1", "0.jpg,2"], "line 3: '0.jpg' is in a line above"),
        (["path,AU01", "0.jpg,6"], "line 2: an intensity of 6; they are 0 to 5"),
        (["path,AU01", "0.jpg,-2"], "line 2: an intensity of -2; they are 0 to 5"),
    ],
)
def test_a_table_that_cannot_be_used(tmp_path, data, lines, message):
    with pytest.raises(UserError, match=message):
        intensity.read_table(table(tmp_path, *lines), data)


def test_no_table(tmp_path, data):
    with pytest.raises(UserError, match=r"No such file.*give --on=reenacted"):
        intensity.read_table(tmp_path / "none.csv", data)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Return the folder of a run that answers well; its set states AU 12 alone."""
    strength = RANDOM.random((60, 2))
    p = np.clip(strength + RANDOM.normal(0, 0.1, strength.shape), 0, 1)
    lines = [f"{i}.jpg,{s[1]:.4f}" for i, s in enumerate(strength)]
    (tmp_path / INTENSITIES).write_text("\n".join(["path,AU12", *lines]))
    split = Split((Records(tmp_path, "val", AUS, 60),), AUS)
    labels = (strength > 0.3).astype(np.float32)
    found = SplitPredictions(
        {"direct": p.astype(np.float32)}, labels, labels >= 0, None
    )
    monkeypatch.setattr(intensity, "load_target_model", load_answers(split, found))
    return tmp_path, p, 5 * strength


def test_a_run_keeps_its_curves(run, capsys):
    workdir, p, truth = run
    intensity.evaluate(workdir, "val", "test", on="moved")
    found = intensities.read(workdir, AUS)
    assert found is not None
    assert (found.data_set, found.split) == ("moved", "val")
    assert (found.stage, found.step, found.path) == ("gradient_patches", 3, "direct")
    assert found.values[0] is None
    values = metrics.intensities(p, found.probabilities, found.values)
    report = json.loads((workdir / intensity.REPORT).read_text())
    rows = {row[0]: row[1:] for row in report["table"]}
    assert rows["ICC(3,1)"][0] == "-"
    assert float(rows["PCC"][1]) == pytest.approx(
        np.corrcoef(values[:, 1], truth[:, 1])[0, 1], abs=0.006
    )
    error = np.abs(5 * p - truth)[:, 1].mean()
    row = rows["mean error, 5 times the probability"]
    assert float(row[1]) == pytest.approx(error, abs=0.006)
    assert "ICC(3,1)" in capsys.readouterr().out


def test_a_split_that_is_absent_leaves_the_stored_curves(run, monkeypatch):
    workdir, *_ = run
    intensity.evaluate(workdir, "val", "test", on="moved")
    before = (workdir / "intensities.json").read_bytes()
    model = intensity.load_target_model(workdir, None, "moved")

    def open_apart(chosen_on, split):
        raise UserError("no split 'absent'")

    other = types.SimpleNamespace(
        open_apart=open_apart,
        predict=model.predict,
        path=model.path,
        config=model.config,
        loaded=model.loaded,
    )
    monkeypatch.setattr(intensity, "load_target_model", lambda *_: other)
    with pytest.raises(UserError, match="no split 'absent'"):
        intensity.evaluate(workdir, "train", "absent", on="moved")
    assert (workdir / "intensities.json").read_bytes() == before


def test_a_set_without_intensities_of_the_runs_aus(run):
    workdir, *_ = run
    table(workdir, "path,AU01", "0.jpg,1")
    with pytest.raises(UserError, match="moved, val: no AU has 20 known intensities"):
        intensity.evaluate(
            workdir, "val", "test", on="moved", file=workdir / "table.csv"
        )
    assert not (workdir / intensities.FILE).exists()


def test_damaged_curves_are_one_line(run):
    workdir, *_ = run
    intensity.evaluate(workdir, "val", "test")
    file = workdir / intensities.FILE
    file.write_text(file.read_text().replace('"AU12"', '"AU13"'))
    with pytest.raises(UserError, match="with --intensity again"):
        intensities.read(workdir, AUS)
    assert intensities.read(workdir / "elsewhere", AUS) is None


def test_each_of_several_sets_has_a_table_of_its_own(tmp_path):
    """Expected: shares and A to E are told apart in each; equal paths are no fault."""
    parts = []
    for name, values in {"moved": (0.5, 0.2), "disfa": (4, 2)}.items():
        (tmp_path / name).mkdir()
        lines = [f"{i}.jpg,{value}" for i, value in enumerate(values)]
        text = "\n".join(["path,AU01", *lines])
        (tmp_path / name / INTENSITIES).write_text(text)
        parts.append(Records(tmp_path / name, "val", AUS, 2))
    both = Split(tuple(parts), AUS)
    found = intensity.read_known(None, both)
    np.testing.assert_allclose(found[:, 0], [2.5, 1, 4, 2])
    file = tmp_path / "disfa" / INTENSITIES
    assert len(intensity.read_known(file, both)) == 4
