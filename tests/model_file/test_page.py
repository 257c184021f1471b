"""The page that describes a model. Expected: the numbers of its card, by hand."""

import dataclasses

import pytest

from au_jax.errors import UserError
from au_jax.model_file import file as model_file
from au_jax.model_file import page
from tests.prediction.models import small_model


def scores(f1, auc):
    return {
        "f1": f1,
        "accuracy": f1,
        "average_precision": auc,
        "auc": auc,
        "mean": {"f1": 0.5, "accuracy": 0.5, "average_precision": 0.7, "auc": 0.7},
    }


def described():
    model = small_model()
    aus = list(model.aus)
    some = [0.25] * (len(aus) - 1) + [None]
    section = {
        "title": "target (wild), direct path",
        "aus": aus,
        **scores(some, some),
        "always_active": scores([0.4] * len(aus), [0.5] * len(aus)),
    }
    own = {
        "notes": ["source: bp4d, split test", "target: wild, split val, 12 images"],
        "sections": [section],
        "baselines": [{"name": "HOG", "domain": "target", **scores(some, some)}],
    }
    by_skin = {
        name: {
            "images": 40,
            "people": 20,
            "mean AUC, 95 %": [0.6, 0.9],
            "false alarms": {"1": 0.1},
            "auc": {"1": value, "2": None},
        }
        for name, value in (("dark", 0.7), ("light", 0.9))
    }
    smiles = {**section, "images": [0] * (len(aus) - 1) + [42]}
    smiles["auc_interval"] = [[None] * len(aus) + [0.9], [None] * len(aus) + [0.99]]
    strong = {"title": "Intensity on moved", "table": [["", "AU01"], ["PCC", "0.71"]]}
    poor = {
        "title": "Degraded images",
        "table": [["", "AU01"]],
        "note": "Noise: of 255.",
    }
    training = {
        "source": "bp4d",
        "target": "faces_wild",
        "evaluation": own,
        "evaluations": {
            "other": own,
            "by-skin": by_skin,
            "smiles": {"sections": [smiles]},
            "intensity": strong,
            "degraded": poor,
        },
    }
    card = model.card | {"training": training}
    return model_file.with_digest(dataclasses.replace(model, card=card))


def test_the_page_says_what_the_card_says():
    model = described()
    text = page.to_markdown(model.card, "Photographs by A. Nyone, CC BY 4.0.\n")
    aus = model.aus
    assert f"| AUs | {', '.join(map(str, aus))} |" in text
    assert model.card["sha256"] in text
    assert "Photographs by A. Nyone, CC BY 4.0." in text
    assert "`bp4d` (source): its agreement with Binghamton University" in text
    assert "`faces_wild` (target): rendered by au-jax" in text
    assert f"| AUC |{' 25.0 |' * (len(aus) - 1)} - | 70.0 |" in text
    assert f"| F1 of always active |{' 40.0 |' * len(aus)} 50.0 |" in text
    assert "## Scores on target (wild), direct path" in text
    assert "## Scores on other" in text
    assert "- HOG, trained on the same pictures: mean AUC 70.0" in text
    assert "Largest gap: 20.0 points, light over dark." in text
    assert "| dark | 40 | 20 | 70.0 | 60.0 to 90.0 |" in text
    assert "at work or in education" in text
    assert "## Intensity on moved\n\n|  | AU01 |" in text
    assert "## Degraded images" in text
    assert "Noise: of 255." in text


def test_scores_name_their_split():
    text = page.to_markdown(described().card)
    own = text[text.index("## Scores on target") :].split("\n")
    assert own[2:4] == ["- target: wild, split val, 12 images", ""]
    assert own[4].startswith("| % |")
    assert "split test" not in text


def test_licences_follow_the_raw_set_that_was_read():
    card = described().card
    datasets = {"bp4d": "folder", "faces_wild": "disfa"}
    renamed = {"source": "mine+studio", "target": "mine"}
    training = {**card["training"], **renamed, "datasets": {"mine": "bp4d"}}
    text = page.to_markdown({**card, "training": training})
    agreement = "its agreement with Binghamton University"
    assert f"`mine` (source and target, prepared from `bp4d`): {agreement}" in text
    assert "`studio` (source): under the licence of its pictures" in text
    text = page.to_markdown(
        {**card, "training": {**card["training"], "datasets": datasets}}
    )
    assert f"`bp4d` (source, prepared from `folder`): {agreement}" in text
    assert "(target, prepared from `disfa`): its agreement with the University" in text


def test_a_licence_that_was_stated_counts():
    card = described().card
    stated = {"datasets": {"studio": "bp4d"}, "licences": {"studio": "CC BY 4.0"}}
    training = {**card["training"], "source": "studio", **stated}
    text = page.to_markdown({**card, "training": training})
    assert "`studio` (source, in the layout of `bp4d`): CC BY 4.0\n" in text


@pytest.mark.parametrize("datasets", [None, [], 3, {"bp4d": 4}])
def test_foreign_data_sets_are_no_error(datasets):
    card = described().card
    training = {**card["training"], "datasets": datasets, "licences": datasets}
    assert "Binghamton" in page.to_markdown({**card, "training": training})


def test_aus_that_a_set_does_not_know_are_left_out():
    text = page.to_markdown(described().card)
    smiles = text[text.index("## Scores on smiles") :]
    assert smiles.split("\n")[2] == f"| % | AU{described().aus[-1]:02d} | mean |"
    assert "| AUC, from | - | 90.0 |" in smiles


@pytest.mark.parametrize("evaluations", [[], {"a": 3}, {"a": [1]}])
def test_evaluations_of_a_stranger_are_one_line(evaluations):
    card = model_file.with_digest(small_model()).card
    card = {**card, "training": {**card["training"], "evaluations": evaluations}}
    with pytest.raises(UserError, match="evaluations in this model's card"):
        page.to_markdown(card)


def test_a_model_without_scores_has_a_page():
    text = page.to_markdown(model_file.with_digest(small_model()).card)
    assert "## Thresholds" in text
    assert "Scores on" not in text
