"""Imports of the rooms of models and preview go one way, those for types and in functions too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import selfcorrect

SOURCE = Path(selfcorrect.__file__).parent
ROOMS = ("selfcorrect.messages", "selfcorrect.models", "selfcorrect.preview")


def _name(file: Path) -> str:
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(file): file for file in sorted(SOURCE.rglob("*.py"))}


def _imported(file: Path) -> Iterator[str]:
    """The modules of ours that a module's text imports anywhere."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in names)


def test_there_is_no_circle() -> None:
    graph = {
        name: {each for each in _imported(file) if each.startswith(ROOMS) and each in MODULES}
        for name, file in MODULES.items()
        if name.startswith(ROOMS)
    }
    assert len(graph) > 30
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, with the circle
    assert order.index("selfcorrect.models.endpoint.served") < order.index(
        "selfcorrect.models.endpoint.conversation"
    )
