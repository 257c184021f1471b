"""Plots as inline SVG, drawn by Matplotlib."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

Series = Mapping[str, tuple[Sequence[float], Sequence[float]]]
"""x and y by label."""

_STYLE: Any = {
    "svg.fonttype": "none",
    # The same numbers give the same file.
    "svg.hashsalt": "au_jax",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.2,
}
_COLUMNS, _WIDTH, _HEIGHT = 4, 2.7, 1.9  # subplots in a row; inches of one


def curves(panels: Mapping[str, Series], x_label: str) -> str:
    """Draw a panel of lines for each title."""
    with mpl.rc_context(_STYLE):
        figure, axes = _grid(len(panels))
        for (title, series), one in zip(panels.items(), axes, strict=False):
            one.set_title(title, fontsize=8)
            for label, (x, y) in series.items():
                one.plot(x, y, label=label, marker="." if len(x) < 30 else None)
            one.set_xlabel(x_label)
            if len(series) > 1:  # beside the lines, not over them
                beside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)}
                one.legend(fontsize=6, frameon=False, handlelength=1, **beside)
        return _svg(figure)


def precision_recall(
    probabilities: Mapping[str, Float[np.ndarray, "n a"]],
    aus: Float[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
    names: Sequence[int],
) -> str:
    """Draw a panel per AU with the curve of each path; dots mark the threshold .5."""
    from sklearn.metrics import precision_recall_curve

    with mpl.rc_context(_STYLE):
        figure, axes = _grid(len(names))
        for a, (au, one) in enumerate(zip(names, axes, strict=False)):
            k = known[:, a]
            active = aus[k, a] > 0
            one.set(title=f"AU {au}", xlabel="recall", ylabel="precision")
            one.set(xlim=(0, 1), ylim=(0, 1.02))
            if not active.any():
                continue
            one.axhline(
                active.mean(), color="0.7", linestyle=":", label="always active"
            )
            for path, p in probabilities.items():
                precision, recall, _ = precision_recall_curve(active, p[k, a])
                (line,) = one.plot(recall, precision, label=path)
                decided = p[k, a] >= 0.5
                hits = (decided & active).sum()
                if decided.any():
                    at = hits / active.sum(), hits / decided.sum()
                    one.plot(*at, "o", color=line.get_color(), markersize=4)
            one.legend(fontsize=6, frameon=False)
        return _svg(figure)


def reliability(
    probabilities: Mapping[str, Float[np.ndarray, "n a"]],
    aus: Float[np.ndarray, "n a"],
    known: Bool[np.ndarray, "n a"],
    names: Sequence[int],
    bins: int = 10,
) -> str:
    """Draw a panel per AU: the share of active labels by predicted probability."""
    with mpl.rc_context(_STYLE):
        figure, axes = _grid(len(names))
        for a, (au, one) in enumerate(zip(names, axes, strict=False)):
            k = known[:, a]
            one.set(title=f"AU {au}", xlabel="probability", ylabel="share active")
            one.set(xlim=(0, 1), ylim=(0, 1))
            one.plot((0, 1), (0, 1), color="0.7", linestyle=":")
            for path, p in probabilities.items():
                x, y = binned(p[k, a], aus[k, a] > 0, bins)
                one.plot(x, y, marker=".", label=path)
            if len(probabilities) > 1:
                one.legend(fontsize=6, frameon=False)
        return _svg(figure)


def binned(
    p: Float[np.ndarray, "n"], active: Bool[np.ndarray, "n"], bins: int
) -> tuple[list[float], list[float]]:
    """Return the mean probability and the share of active labels of each filled bin."""
    place = np.minimum((p * bins).astype(int), bins - 1)
    filled = [place == number for number in range(bins) if (place == number).any()]
    return (
        [float(p[rows].mean()) for rows in filled],
        [float(active[rows].mean()) for rows in filled],
    )


def scatter(panels: Mapping[str, Mapping[str, Float[np.ndarray, "n 2"]]]) -> str:
    """Draw a panel of points for each title, coloured by label."""
    with mpl.rc_context(_STYLE):
        figure, axes = _grid(len(panels), width=4.2, height=3.6)
        for (title, groups), one in zip(panels.items(), axes, strict=False):
            one.set_title(title, fontsize=8)
            for label, points in groups.items():
                one.scatter(*points.T, s=5, alpha=0.5, label=label, linewidths=0)
            one.set_xticks([])
            one.set_yticks([])
            one.legend(fontsize=7, frameon=False, markerscale=2)
        return _svg(figure)


def _grid(
    count: int, width: float = _WIDTH, height: float = _HEIGHT
) -> tuple[Figure, Iterator]:
    """Return a figure with at least `count` axes; the rest is blank."""
    columns = min(_COLUMNS, max(count, 1))
    rows = -(-max(count, 1) // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    axes = list(np.ravel(figure.subplots(rows, columns, squeeze=False)))
    for blank in axes[count:]:
        blank.set_axis_off()
    return figure, iter(axes)


def _svg(figure: Figure) -> str:
    """Return the figure as an SVG element, without the XML header."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
