"""Count what docs/architecture.md compares.

.venv/bin/python docs/count_architecture.py [CHECKOUT]
"""

import ast
import sys
from pathlib import Path

import grimp


def main() -> None:
    """Print the counts of a checkout, the current folder unless one is given."""
    checkout = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    sys.path.insert(0, str(checkout))  # before an au_jax that is installed
    graph = grimp.build_graph(
        "au_jax", exclude_type_checking_imports=True, cache_dir=None
    )
    modules = graph.modules - {"au_jax"}
    arrows = {
        (module.split(".")[1], other.split(".")[1])
        for module in modules
        for other in graph.find_modules_directly_imported_by(module) - {"au_jax"}
    }
    arrows = {(a, b) for a, b in arrows if a != b}
    files = [path.read_text() for path in (checkout / "au_jax").rglob("*.py")]
    functions = [
        (node.end_lineno - node.lineno + 1, node.name)
        for text in files
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.end_lineno
    ]
    print("at the top of the package:", len({m.split(".")[1] for m in modules}))
    print("imports between these:", len(arrows))
    print("of these, both ways:", sum((b, a) in arrows for a, b in arrows))
    print("lines of Python:", sum(text.count("\n") for text in files))
    print("lines of the longest function:", *max(functions))


if __name__ == "__main__":
    main()
