"""The report of a check: one HTML file that loads nothing from outside.

Each plot has a table of its numbers and each picture a text, so the page can be read
with a keyboard, by a screen reader and in black and white.
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from au_jax.data.metadata import Metadata
from au_jax.faces import drawing
from au_jax.media.images import UnusableImage, read_image
from au_jax.preparation.checks import plots
from au_jax.preparation.checks.dataset import Prepared
from au_jax.preparation.checks.findings import Finding
from au_jax.preparation.checks.statistics import SplitStatistics
from au_jax.raw.folder_table import path_problem
from au_jax.raw.splits import in_words
from au_jax.runtime.html import table

SAMPLE = 24  # faces shown per split
LISTED = 200  # rejected files listed per reason
SUBJECTS = 1000  # subjects listed
THUMBNAILS = 6  # pictures of rejected files shown per reason
BANNERS = {
    "show": "",
    "blur": "Faces are blurred on purpose (--faces=blur).",
    "none": "Faces are left out on purpose (--faces=none), the default for sets whose"
    " licences forbid publishing them. Only landmarks are drawn.",
}
_STYLE = (Path(__file__).parent / "report_page.css").read_text()

Image = UInt8[np.ndarray, "h w 3"]


def page(
    prepared: Prepared,
    splits: Mapping[str, SplitStatistics],
    results: Sequence[Finding],
    show: drawing.Show,
    raw: Path | None,
) -> str:
    """Return the page; it does not depend on the place of the data set."""
    title = f"Data set {prepared.name} {prepared.directory.name}"
    banner = f'<p class="banner">{escape(BANNERS[show])}</p>' if BANNERS[show] else ""
    labelled = {name: s for name, s in splits.items() if s.known.any()}
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
        f"<header><h1>{escape(title)}</h1>{banner}</header><main>",
        *_findings(results),
        "<h2>Splits</h2>",
        *_origin(prepared.metadata),
        table(("split", "images", "subjects", "images per task"), _split_rows(splits)),
        *_by_subject(splits),
        "<h2>Action units</h2>",
        *([] if labelled else ["<p>No image has a label.</p>"]),
        *(_aus(prepared.aus, name, split) for name, split in labelled.items()),
        "<h2>Faces drawn at random</h2>",
        *(_faces(prepared, name, show) for name in splits),
        *_rejected(prepared, show, raw),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def _findings(results: Sequence[Finding]) -> Iterator[str]:
    yield "<h2>Findings</h2>"
    if not results:
        yield '<p class="good">No problems found.</p>'
        return
    yield "<ul>"
    for finding in results:
        kind = "error" if finding.error else "warning"
        places = "".join(f"<li>{escape(place)}</li>" for place in finding.where)
        yield f'<li><strong class="{kind}">{kind}</strong> {escape(finding.text)}'
        if places:
            yield f"<details><summary>Where</summary><ul>{places}</ul></details>"
        yield "</li>"
    yield "</ul>"


def _split_rows(splits: Mapping[str, SplitStatistics]) -> Iterator[Sequence[object]]:
    for name, split in splits.items():
        subjects = len(split.subjects.keys() - {""}) or "unknown"
        tasks = [f"{task} {n}" for task, n in sorted(split.tasks.items()) if task]
        yield name, split.images, subjects, ", ".join(tasks) or "no tasks"


def _origin(metadata: Metadata) -> Iterator[str]:
    """Say which raw set was read, and who chose the splits."""
    if metadata.dataset:
        yield f"<p>Raw set: {escape(metadata.dataset)}.</p>"
    if metadata.licence:
        yield f"<p>Licence: {escape(metadata.licence)}.</p>"
    yield f"<p>Split: {escape(in_words(metadata.split_rules))}.</p>"


def _by_subject(splits: Mapping[str, SplitStatistics]) -> Iterator[str]:
    """Show the images of each subject in each split, folded, if there are subjects."""
    subjects = sorted({s for split in splits.values() for s in split.subjects} - {""})
    if not subjects:
        return
    rows = (
        (subject, *(split.subjects[subject] for split in splits.values()))
        for subject in subjects[:SUBJECTS]
    )
    yield "<details><summary>Images of each subject</summary>"
    yield table(("subject", *splits), rows)
    if len(subjects) > SUBJECTS:
        yield f"<p>{len(subjects) - SUBJECTS} more subjects are not shown.</p>"
    yield "</details>"


def _aus(aus: Sequence[int], name: str, split: SplitStatistics) -> str:
    """Show the labels of a split: a plot, its numbers, and AUs that occur together."""
    rows = [
        (f"AU {au}", active, known - active, split.images - known, f"{rate:.1%}")
        for au, active, known in zip(aus, split.active, split.known, strict=True)
        for rate in [active / known if known else 0.0]
    ]
    header = ("AU", "active", "inactive", "not known", "active of known")
    return "\n".join(
        (
            f"<h3>{escape(name)}</h3>",
            plots.label_bars(name, aus, split.known, split.active, split.images),
            f"<details><summary>Numbers of {escape(name)}</summary>",
            table(header, rows),
            "</details>",
            f"<details><summary>AUs active together in {escape(name)}</summary>",
            "<p>The percentage of the images with the AU of the row in which the AU of"
            " the column is active, too.</p>",
            plots.together_table(aus, split.together),
            "</details>",
        )
    )


def _faces(prepared: Prepared, name: str, show: drawing.Show) -> str:
    """Show random aligned faces with landmarks and labels."""
    split = prepared.splits[name]
    draw = np.random.default_rng(0).permutation(len(split))[:SAMPLE]
    figures = []
    for index in sorted(int(i) for i in draw):
        try:
            example = split[index]
        except Exception as error:  # a damaged record is among the findings
            figures.append(f"<figure><p>{escape(str(error))}</p></figure>")
            continue
        known = zip(prepared.aus, example["aus"], example["aus_known"], strict=True)
        aus = {au: bool(on) for au, on, is_known in known if is_known}
        face = drawing.draw_face(example["image"], example["landmarks"], None, show)
        text = drawing.label_text(aus)
        figures.append(
            f'<figure><img alt="face, {text}" src="{data_url(face)}" width="200"'
            f' height="200"><figcaption><strong>{text}</strong><br>'
            f"{escape(example['path'])}</figcaption></figure>"
        )
    sheet = f'<div class="sheet">{"".join(figures)}</div>'
    return f"<h3>{escape(name)}: {len(draw)} of {len(split)}</h3>\n{sheet}"


def _rejected(
    prepared: Prepared, show: drawing.Show, raw: Path | None
) -> Iterator[str]:
    """List the rejected files by reason, with a few of their pictures."""
    counts: dict[str, int] = {}
    rows: dict[str, list[tuple[str, str]]] = {}
    for row in prepared.rejected():
        reason = row["reason"]
        counts[reason] = counts.get(reason, 0) + 1
        if counts[reason] <= LISTED:
            rows.setdefault(reason, []).append((row["path"], row["detail"]))
    yield "<h2>Rejected files</h2>"
    if not counts:
        yield "<p>None.</p>"
        return
    yield table(("reason", "files"), sorted(counts.items()))
    for reason in sorted(counts):
        yield f"<details><summary>{escape(reason)}: {counts[reason]}</summary>"
        if raw is not None and show != "none":
            yield _thumbnails(raw, [path for path, _ in rows[reason]], show)
        yield table(("file", "detail"), rows[reason])
        if counts[reason] > LISTED:
            yield f"<p>{counts[reason] - LISTED} more are in rejected.csv.</p>"
        yield "</details>"


def _thumbnails(raw: Path, paths: Sequence[str], show: drawing.Show) -> str:
    figures = []
    for path in paths:
        if path_problem(path):  # it was refused because it leaves the folder
            continue
        try:
            picture = drawing.draw_face(read_image(raw / path), show=show, side=160)
        except (UnusableImage, cv2.error, OSError, ValueError):
            continue  # not an image, or one that cannot be decoded
        figures.append(
            f'<figure><img alt="rejected picture" src="{data_url(picture)}" width="160"'
            f' height="160"><figcaption>{escape(path)}</figcaption></figure>'
        )
        if len(figures) == THUMBNAILS:
            break
    return f'<div class="sheet">{"".join(figures)}</div>' if figures else ""


def data_url(image: Image) -> str:
    """Return a picture as a data URL."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"
