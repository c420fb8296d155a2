"""Imports go one way: no module imports, however late, one that imports it."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"


def _name(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(file): file for file in SOURCE.rglob("*.py")}


def imported(module: str) -> set[str]:
    """Ours that a module imports anywhere: at its top, in a function, or for types only.

    A package stands for what its ``__init__`` defines, so only an import of a name that is no
    module of its own is one of the package.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(MODULES)


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {name: imported(name) - {name} for name in MODULES}
    assert len(graph) > 100
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle
