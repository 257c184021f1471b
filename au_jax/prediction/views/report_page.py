"""Write the report page: one HTML file that loads nothing from outside.

It shows a timeline of each AU and face of a video, with the picture at its peak, and
pictures in a gallery that can be sorted and filtered. Each plot states its numbers in
words.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from au_jax.prediction.inputs import Source, read
from au_jax.prediction.views.au_names import in_words
from au_jax.prediction.views.overlay import Row, tables
from au_jax.prediction.views.timelines import section, thumbnail
from au_jax.runtime.files import write_whole

_HERE = Path(__file__).parent
_SHOWN = 500  # faces in the gallery, at most

Image = UInt8[np.ndarray, "_ _ 3"]


def write(
    table: Path,
    out: Path,
    sources: Sequence[Source],
    thresholds: Mapping[int, float],
    pause: Callable[[], None],
    note: str = "",
) -> None:
    """Write the page of a table.

    Args:
        table: The table of `prediction.run.predict`.
        out: The file to write.
        sources: The inputs of the table.
        thresholds: AU number -> the probability from which it is active.
        pause: Called often; an exception that it raises ends the work.
        note: What the numbers are, if they are not the model's own answers.
    """
    aus = list(thresholds)
    kinds = {source.name: source for source in sources}
    videos, cards, more, failed = [], [], 0, []
    for name, frames in tables(table):
        pause()
        source = kinds[name]
        if source.kind != "image":
            videos += section(source, frames, thresholds, pause)
            continue
        rows = [row for _, part in frames for row in part]
        failed += [(name, row["status"]) for row in rows if not row["face_id"]]
        faces = [row for row in rows if row["face_id"]]
        if len(cards) + len(faces) > _SHOWN:
            more += len(faces)
        elif faces and (image := next(read(source)).image) is not None:
            cards += [
                _card(row, image, aus, len(cards) + i) for i, row in enumerate(faces)
            ]
    style, script = (
        (_HERE / f"report_page.{kind}").read_text() for kind in ("css", "js")
    )
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<link rel="icon" href="data:,">',  # otherwise browsers request an icon
        f"<title>Action units</title><style>{style}</style></head><body><main>",
        "<h1>Action units</h1>",
        *([f"<p>{escape(note)}</p>"] if note else ()),
        *videos,
        *(_gallery(cards, more, aus) if cards else ()),
        *_failed(failed),
        f"</main><script>{script}</script></body></html>",
    ]
    write_whole(out, "\n".join(parts))


def _card(row: Row, image: Image, aus: Sequence[int], place: int) -> str:
    names = [f"AU{au:02d}" for au in aus]
    active = [name for name in names if row[f"{name}_c"] == "1"]
    data = " ".join(f'data-{n.lower()}="{row[n]}"' for n in names)
    bars = "".join(
        _bar(in_words(au), n, float(row[n]), n in active)
        for n, au in zip(names, aus, strict=True)
    )
    face = f"face {row['face_id']} of "
    label, short = face + row["file"], face + Path(row["file"]).name
    return (
        f'<li data-place="{place}" data-active="{" ".join(active)}" {data}>'
        f'<img src="{thumbnail(image, row)}" alt="{escape(label)}">'
        f'<div title="{escape(label)}">{escape(short)}</div>{bars}</li>'
    )


def _bar(words: str, name: str, value: float, active: bool) -> str:
    kind, note = (" class=active", ", active") if active else ("", "")
    return (
        f'<div{kind}><meter value="{value:.2f}" min="0" max="1"'
        f' aria-label="{words}{note}"></meter> {name} {value:.2f}</div>'
    )


def _gallery(cards: list[str], more: int, aus: Sequence[int]) -> list[str]:
    options = "".join(
        f'<option value="au{au:02d}">{in_words(au)}</option>' for au in aus
    )
    boxes = "".join(
        f'<label><input type="checkbox" value="AU{au:02d}"> {in_words(au)}</label>'
        for au in aus
    )
    rest = f"<p>{more} more faces are only in the table.</p>" if more else ""
    return [
        "<h2>Pictures</h2><p>AUs in bold type are active.</p>",
        '<label>Sort by <select id="order"><option value="place">input</option>'
        f"{options}</select></label>",
        f"<fieldset><legend>Only faces with</legend>{boxes}</fieldset>",
        f'<p id="count" role="status">{len(cards)} faces</p>{rest}',
        f'<ul class="gallery">{"".join(cards)}</ul>',
    ]


def _failed(failed: list[tuple[str, str]]) -> list[str]:
    if not failed:
        return []
    lines = (f"<li>{escape(n)}: {s.replace('_', ' ')}</li>" for n, s in failed[:_SHOWN])
    return [f"<h2>Without a face: {len(failed)}</h2><ul>{''.join(lines)}</ul>"]
