"""The room's imports go one way, those for types alone included."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import selfcorrect

ROOT = Path(selfcorrect.__file__).parent
MOST_LINES = 400


def _imports(source: str, known: set[str]) -> set[str]:
    """The modules of ours that a source imports anywhere, by their names in ``known``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found & known


def _graph(room: str) -> dict[str, set[str]]:
    files = {
        ".".join(("selfcorrect", *file.relative_to(ROOT).with_suffix("").parts)): file
        for file in (ROOT / room).rglob("*.py")
        if file.name != "__init__.py"
    }
    texts = {name: file.read_text(encoding="utf-8") for name, file in files.items()}
    return {name: _imports(text, set(files)) - {name} for name, text in texts.items()}


@pytest.mark.parametrize("room", ["messages", "models/local"])
def test_imports_go_one_way(room: str) -> None:
    graph = _graph(room)
    assert sum(map(len, graph.values())) >= 2
    list(TopologicalSorter(graph).static_order())


def test_a_circle_would_be_seen() -> None:
    known = {"selfcorrect.a", "selfcorrect.b"}
    hidden = "if TYPE_CHECKING:\n    from selfcorrect.a import A\n"
    graph = {
        "selfcorrect.a": _imports("def f():\n    from selfcorrect import b\n", known),
        "selfcorrect.b": _imports(hidden, known),
    }
    with pytest.raises(CycleError):
        list(TopologicalSorter(graph).static_order())


def test_no_file_is_long() -> None:
    for room in ("messages", "models/local"):
        for file in (ROOT / room).rglob("*.py"):
            assert len(file.read_text(encoding="utf-8").splitlines()) < MOST_LINES, file
