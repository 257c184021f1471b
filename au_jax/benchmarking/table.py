"""Figures as a table for the terminal, with units."""

from collections.abc import Mapping
from typing import Any


def format_figures(figures: Mapping[str, Mapping[str, Any]]) -> str:
    """Return one block of aligned lines per measurement."""
    blocks = []
    for measurement, values in figures.items():
        width = max(map(len, values), default=0)
        lines = [measurement]
        for name, value in values.items():
            # The kinds of operation in a profile are seconds without saying so.
            is_kind = measurement == "profile" and isinstance(value, float)
            text = _format_value(value, "seconds" if is_kind else name)
            lines.append(f"  {name.replace('_', ' '):{width}}  {text}")
        fraction = values.get("fraction_of_matrix_product_rate")
        if fraction is not None:
            lines.append(f"fraction of matrix-product rate: {fraction:.2f}")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _format_value(value: Any, name: str) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_format_value(x, name)}" for key, x in value.items())
    if not isinstance(value, int | float):
        return "unknown" if value is None else str(value)
    if "operations_per_second" in name:
        return f"{_round(value / 1e9)} GFLOP/s"
    if "operations" in name:
        return f"{_round(value / 1e9)} GFLOP"
    if "bytes" in name:
        return f"{_round(value / 1e6)} MB"
    if "seconds" in name:
        return f"{_round(value)} s" if value >= 1 else f"{_round(1e3 * value)} ms"
    return f"{value:,}" if isinstance(value, int) else _round(value)


def _round(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
