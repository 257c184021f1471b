"""The report's pictures. Expected: only those inside the raw folder."""

from au_jax.preparation.checks.report_page import _thumbnails
from tests.raw_trees import write_picture


def test_no_picture_outside_the_raw_folder_is_shown(tmp_path):
    raw = tmp_path / "raw"
    write_picture(raw / "inside.jpg")
    write_picture(tmp_path / "secret.jpg")
    paths = ["../secret.jpg", str(tmp_path / "secret.jpg"), "inside.jpg"]
    page = _thumbnails(raw, paths, "show")
    assert page.count("<img") == 1
    assert "inside.jpg" in page
    assert "secret" not in page
