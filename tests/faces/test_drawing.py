"""Expected: pixels that the drawing's own definition fixes."""

import numpy as np
import pytest

from au_jax.errors import UserError
from au_jax.faces import drawing
from tests.raw_trees import FACE


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)


def test_shown_faces_keep_the_pixels_away_from_landmarks(image):
    drawn = drawing.draw_face(image, FACE)
    assert drawn.shape == (200, 200, 3)
    np.testing.assert_array_equal(drawn[180:], image[180:])
    assert (drawn != image).any()


def test_hidden_faces_hold_no_pixel_of_the_face(image):
    drawn = drawing.draw_face(image, FACE, {1: True}, "none")
    other = drawing.draw_face(255 - image, FACE, {1: True}, "none")
    np.testing.assert_array_equal(drawn, other)
    assert (drawn[180:200] == drawing.EMPTY).all()


def test_blurred_faces_have_few_colours(image):
    colours = np.unique(drawing.hide(image).reshape(-1, 3), axis=0)
    assert len(colours) <= drawing.COARSE**2


def test_landmarks_are_drawn_where_they_are():
    black = np.zeros((200, 200, 3), np.uint8)
    twice = drawing.draw_face(black, FACE, side=400)
    for x, y in np.rint((FACE + 0.5) * 2 - 0.5).astype(int):
        assert twice[y, x].any()
    assert not twice[:60].any()


def test_text_says_which_are_active():
    assert drawing.label_text({12: True, 4: True, 1: False}) == "AU 4 12"
    assert drawing.label_text({1: False}) == "no AU"
    assert drawing.label_text({}) == "no labels"
    drawn = drawing.draw_face(np.zeros((200, 200, 3), np.uint8), aus={1: True})
    assert drawn.shape == (220, 200, 3)
    assert (drawn[200:] < 100).any()


@pytest.mark.parametrize(
    ("name", "dataset", "expected"),
    [
        # Sets of older versions do not say what was read: their names do.
        ("bp4d", "", "bp4d"),
        ("emotionet", "", "emotionet"),
        ("faces_lab", "", ""),
        ("bp4d_fold1", "", "bp4d"),
        ("bp4d2", "", ""),
        # The raw set that was read decides, whatever the prepared one is called.
        ("mine", "bp4d", "bp4d"),
        ("disfa_mine", "bp4d", "bp4d"),
        ("mine", "lists", "lists"),
        ("mine", "folder", ""),
        ("faces_lab", "faces_lab", ""),
        # These two do not say whose pictures they are.
        ("bp4d_crops", "folder", "bp4d"),
        ("disfa_lists", "lists", "disfa"),
    ],
)
def test_the_raw_set_says_whose_the_pictures_are(name, dataset, expected):
    assert drawing.licensed_as(name, dataset) == expected


@pytest.mark.parametrize(
    ("asked", "licensed", "expected"),
    [
        (None, True, "none"),
        (None, False, "show"),
        ("blur", True, "blur"),
        ("show", True, "show"),
    ],
)
def test_licensed_faces_are_hidden_unless_asked_for(asked, licensed, expected):
    assert drawing.choose(asked, licensed) == expected


def test_an_unknown_way():
    with pytest.raises(UserError, match="show, blur, none"):
        drawing.choose("pixel", licensed=True)


def test_grids_are_filled_row_by_row():
    pictures = [np.full((2, 3, 3), value, np.uint8) for value in (1, 2, 3)]
    sheet = drawing.grid(pictures, 2)
    assert sheet.shape == (4, 6, 3)
    assert sheet[::2, ::3, 0].tolist() == [[1, 2], [3, 255]]
