"""Plots of label counts, as inline SVG and coloured tables."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

_WIDTH, _LEFT, _RIGHT, _BAR, _STEP, _TOP = 900, 70, 120, 16, 22, 26


def label_bars(
    name: str,
    aus: Sequence[int],
    known: Int[np.ndarray, "a"],
    active: Int[np.ndarray, "a"],
    images: int,
) -> str:
    """Draw a bar per AU: the shares of active, inactive and unknown labels."""
    height = _TOP + _STEP * len(aus) + 4
    room = _WIDTH - _LEFT - _RIGHT
    shapes = [*_legend()]
    for row, (au, n, positive) in enumerate(zip(aus, known, active, strict=True)):
        y = _TOP + row * _STEP
        middle = y + _BAR - 4
        shapes.append(
            f'<text x="{_LEFT - 8}" y="{middle}" text-anchor="end">AU {au}</text>'
        )
        x = float(_LEFT)
        for count, colour in (
            (positive, "active"), (n - positive, "inactive"), (images - n, "unknown")
        ):  # fmt: skip
            width = room * int(count) / max(images, 1)
            shapes.append(_bar(x, y, width, colour))
            x += width
        share = f"{positive / n:.1%} of {n}" if n else "not known"
        shapes.append(f'<text x="{_WIDTH - _RIGHT + 8}" y="{middle}">{share}</text>')
    return (
        f'<svg role="img" aria-label="Labels of {name}, numbers in the table below"'
        f' viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
        f' font-size="13" font-family="sans-serif">{"".join(shapes)}</svg>'
    )


def together_table(aus: Sequence[int], together: Int[np.ndarray, "a a"]) -> str:
    """Show how often the AU of the column is active where that of the row is, in %."""
    head = "".join(f'<th scope="col">{au}</th>' for au in aus)
    rows = []
    for i, au in enumerate(aus):
        cells = []
        for j in range(len(aus)):
            if not together[i, i]:
                cells.append("<td>-</td>")
                continue
            share = together[i, j] / together[i, i]
            # Light enough for dark text.
            style = f"background:hsl(212 65% {98 - 38 * share:.0f}%)"
            cells.append(f'<td style="{style}">{100 * share:.0f}</td>')
        rows.append(f'<tr><th scope="row">AU {au}</th>{"".join(cells)}</tr>')
    return (
        '<table class="heat"><thead><tr><th scope="col">AU</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _legend() -> list[str]:
    shapes = []
    for index, (name, colour) in enumerate(
        (("active", "active"), ("inactive", "inactive"), ("not known", "unknown"))
    ):
        x = _LEFT + 110 * index
        shapes.append(_bar(float(x), 2, 14.0, colour, 14))
        shapes.append(f'<text x="{x + 20}" y="14">{name}</text>')
    return shapes


def _bar(x: float, y: int, width: float, colour: str, height: int = _BAR) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}"'
        f' fill="var(--{colour})"/>'
    )
