"""Draw docs/architecture.svg from the imports of au_jax.

    .venv/bin/python docs/draw_architecture.py

A folder stands one row above the highest folder that it imports. An arrow is drawn only
if no longer path leads to the same folder (a transitive reduction). Imports for type
checkers alone are left out.
"""

import sys
import tomllib
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
GROUND = ("runtime", "types", "errors")  # almost all import them: no arrows to these

BOX, HEIGHT, LANE = 136, 46, 26  # a folder; an arrow that passes a row
GAP, ROW, MARGIN = 20, 104, 28

# Plain colours first, for viewers that know neither variables nor dark mode.
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328; text-anchor: middle; }
  .size { font-size: 11px; fill: #59636e; }
  .paper { fill: #ffffff; }
  .folder { fill: #ddf4ff; stroke: #54aeff; }
  .program { fill: #fff8c5; stroke: #d4a72c; }
  .ground { fill: #f6f8fa; stroke: #8c959f; }
  .arrow { fill: none; stroke: #8c959f; stroke-width: 1.4; marker-end: url(#head); }
  .wrong { stroke: #cf222e; stroke-dasharray: 5 3; }
  .head { fill: #8c959f; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .size { fill: #9198a1; }
    .paper { fill: #0d1117; }
    .folder { fill: #121d2f; stroke: #316dca; }
    .program { fill: #272115; stroke: #9e6a03; }
    .ground { fill: #151b23; stroke: #6e7681; }
    .arrow { stroke: #6e7681; }
    .wrong { stroke: #f85149; }
    .head { fill: #6e7681; }
  }
"""


def main() -> None:
    """Write the picture."""
    PICTURE.write_text(draw())
    print(f"wrote {PICTURE.relative_to(ROOT)}")


def draw() -> str:
    """Return the picture of the package as it is now, as SVG."""
    layers = contract()
    height_of = {name: i for i, layer in enumerate(reversed(layers)) for name in layer}
    arrows = imports()
    names = {name for name in height_of if name not in GROUND and name != "__main__"}
    inner = {(a, b) for a, b in arrows if {a, b} <= names}
    down = {(a, b) for a, b in inner if height_of[a] > height_of[b]}
    shown = reduced(down)
    order = sorted(names, key=lambda name: (height_of[name], name))
    rows = levels(order, shown, programs=layers[1])
    return svg(rows, positions(rows, shown), shown, wrong=inner - down)


def contract() -> list[list[str]]:
    """Return the layers of the contract in pyproject.toml, the highest first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (layers,) = (c["layers"] for c in settings["tool"]["importlinter"]["contracts"])
    return [layer.split(" | ") for layer in layers]


def imports() -> set[tuple[str, str]]:
    """Return (A, B) for every A at the top of the package that imports B there."""
    sys.path.insert(0, str(ROOT))  # this checkout, not one that is installed
    graph = grimp.build_graph(
        "au_jax", exclude_type_checking_imports=True, cache_dir=None
    )
    pairs = {
        (module.split(".")[1], other.split(".")[1])
        for module in graph.modules - {"au_jax"}
        for other in graph.find_modules_directly_imported_by(module) - {"au_jax"}
    }
    return {(a, b) for a, b in pairs if a != b}


def lines(name: str) -> int:
    """Return the lines of Python in a folder or module of au_jax, in round numbers.

    Exact ones would change the picture with almost every commit.
    """
    place = ROOT / "au_jax" / name
    files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
    number = sum(file.read_text().count("\n") for file in files)
    return round(number, -2 if number >= 150 else -1)


def reduced(arrows: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the arrows that do not follow from a path of others."""
    below = defaultdict(set)
    for a, b in arrows:
        below[a].add(b)

    def reach(name: str) -> set[str]:
        return {name}.union(*(reach(other) for other in below[name]))

    return sorted(
        (a, b)
        for a, b in arrows
        if not any(b in reach(other) for other in below[a] - {b})
    )


Node = str | tuple[str, str, int]  # a folder, or where an arrow passes a row


def levels(
    names: list[str], arrows: list[tuple[str, str]], programs: list[str]
) -> list[list[Node]]:
    """Return the rows from the lowest one, with the arrows that pass them.

    Args:
        names: The folders and programs, each after all that it imports.
        arrows: What they import.
        programs: Those that make up the highest row.
    """
    level: dict[str, int] = {}
    for name in names:
        level[name] = 1 + max((level[b] for a, b in arrows if a == name), default=-1)
    top = 1 + max(level[name] for name in names if name not in programs)
    level |= dict.fromkeys(programs, top)
    rows: list[list[Node]] = [[] for _ in range(top + 1)]
    for name in reversed(names):
        rows[level[name]].append(name)
    for a, b in arrows:
        for row in range(level[b] + 1, level[a]):
            rows[row].append((a, b, row))
    return rows


def chain(rows: list[list[Node]], a: str, b: str) -> list[Node]:
    """Return the nodes that an arrow runs through, from its start down to its end."""
    level = {node: i for i, row in enumerate(rows) for node in row}
    return [a, *((a, b, row) for row in range(level[a] - 1, level[b], -1)), b]


def positions(
    rows: list[list[Node]], arrows: list[tuple[str, str]]
) -> dict[Node, float]:
    """Return the middle of each node: rows are sorted and moved towards neighbours."""
    near: dict[Node, list[Node]] = defaultdict(list)
    for a, b in arrows:
        for upper, lower in pairwise(chain(rows, a, b)):
            # Four times as heavy inside an arrow: long arrows are straight.
            weight = 1 if isinstance(upper, str) or isinstance(lower, str) else 4
            near[upper] += [lower] * weight
            near[lower] += [upper] * weight
    place: dict[Node, float] = {}
    for row in rows:
        place |= spread(row, [0.0] * len(row))
    for sweep in range(400):
        for row in rows if sweep % 2 else reversed(rows):
            wish = {n: mean([place[m] for m in near[n]] or [place[n]]) for n in row}
            if sweep < 40:  # then the order stays, and only distances change
                row.sort(key=lambda node: (round(wish[node], 3), str(node)))
            place |= spread(row, [wish[node] for node in row])
    return place


def spread(row: list[Node], wish: list[float]) -> dict[Node, float]:
    """Place a row in its order, without overlaps, as near to the wishes as possible."""
    width = [BOX if isinstance(node, str) else LANE for node in row]
    offset = [0.0]
    for a, b in pairwise(width):
        offset.append(offset[-1] + (a + b) / 2 + GAP)
    groups: list[list[float]] = []  # least squares: what collides shares its mean
    for x, start in zip(wish, offset, strict=True):
        groups.append([x - start])
        while len(groups) > 1 and mean(groups[-2]) >= mean(groups[-1]):
            last = groups.pop()
            groups[-1] += last
    left = [mean(group) for group in groups for _ in group]
    return {n: x + start for n, x, start in zip(row, left, offset, strict=True)}


def mean(values: list[float]) -> float:
    """Return the mean."""
    return sum(values) / len(values)


def svg(
    rows: list[list[Node]],
    place: dict[Node, float],
    arrows: list[tuple[str, str]],
    wrong: set[tuple[str, str]],
) -> str:
    """Return the drawing. `wrong` are imports against the contract."""
    folders = [node for row in rows for node in row if isinstance(node, str)]
    left = min(place[name] for name in place) - BOX / 2 - MARGIN
    width = round(max(place[name] for name in place) + BOX / 2 + MARGIN - left)
    x = {node: place[node] - left for node in place}
    level = {node: i for i, row in enumerate(rows) for node in row}
    y = {node: 58 + ROW * (len(rows) - 1 - i) for node, i in level.items()}
    ground = 38 + ROW * len(rows)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg"'
        f' viewBox="0 0 {width} {ground + 110}">',
        "<title>The folders of au_jax and their imports</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
        ' markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">'
        '<path class="head" d="M0 0 8 4 0 8z"/></marker></defs>',
        f'<rect class="paper" width="{width}" height="{ground + 110}" rx="8"/>',
        text(
            width / 2,
            30,
            "A → B: A imports B. Imports that a longer path shows are left out.",
        ),
    ]
    for a, b in arrows:
        points = chain(rows, a, b)
        parts.append(curve([(x[node], y[node]) for node in points]))
    for a, b in sorted(wrong):
        parts.append(curve([(x[a], y[a]), (x[b], y[b])], "arrow wrong"))
    for name in folders:
        kind = "program" if rows[-1].count(name) else "folder"
        parts.append(box(x[name] - BOX / 2, y[name], BOX, kind, name))
    parts.append(
        f'<rect class="ground" x="{MARGIN}" y="{ground}" width="{width - 2 * MARGIN}"'
        f' height="86" rx="6"/>'
    )
    parts.append(text(width / 2, ground + 76, "imported from everywhere above", "size"))
    step = (width - 2 * MARGIN) / len(GROUND)
    for i, name in enumerate(GROUND):
        middle = MARGIN + step * (i + 0.5)
        parts.append(box(middle - BOX / 2, ground + 12, BOX, "folder", name))
    return "\n".join([*parts, "</svg>\n"])


def curve(points: list[tuple[float, float]], kind: str = "arrow") -> str:
    """Return a line down through the points, which are the tops of rows."""
    (x, y), *rest = points
    path = f"M{x:.0f} {y + HEIGHT:.0f}"
    y += HEIGHT
    for number, (next_x, next_y) in enumerate(rest, 1):
        bend = (next_y - y) / 2
        path += f"C{x:.0f} {y + bend:.0f} {next_x:.0f} {next_y - bend:.0f}"
        path += f" {next_x:.0f} {next_y:.0f}"
        x, y = next_x, next_y
        if number < len(rest):  # straight through the row
            path += f"V{y + HEIGHT:.0f}"
            y += HEIGHT
    return f'<path class="{kind}" d="{path}"/>'


def box(x: float, y: float, width: float, kind: str, name: str) -> str:
    """Return the box of a folder or program, with its size."""
    is_folder = (ROOT / "au_jax" / name).is_dir()
    return (
        f'<rect class="{kind}" x="{x:.0f}" y="{y:.0f}" width="{width}"'
        f' height="{HEIGHT}" rx="5"/>'
        + text(x + width / 2, y + 20, name + "/" * is_folder)
        + text(x + width / 2, y + 36, f"≈ {lines(name):,} lines", "size")
    )


def text(x: float, y: float, words: str, kind: str = "") -> str:
    """Return a line of text, centred at x."""
    return f'<text class="{kind}" x="{x:.0f}" y="{y:.0f}">{words}</text>'


if __name__ == "__main__":
    main()
