"""Imports go one way: no module imports, however late, one that imports it."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"


def _name(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(file): file for file in SOURCE.rglob("*.py")}


@cache
def imported(module: str) -> frozenset[str]:
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
    return frozenset(found & set(MODULES))


#: What anything may import.
GROUND = {"errors", "text", "outcome", "places", "planted_words", "messages"}
GROUND |= {"code_digest", "user_code"}


def test_the_map_in_contributing_is_the_tree() -> None:
    lines = (SOURCE.parent / "CONTRIBUTING.md").read_text("utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    told = {
        room.strip("`/").removesuffix(".py"): set(imports.split(", ")) - {"–"}
        for room, _, imports in rows
    }
    seen: dict[str, set[str]] = {}
    for name in MODULES:
        room, *_ = name.split(".")[1:] or [""]
        others = {other.split(".")[1] for other in imported(name) if "." in other}
        seen[room] = seen.get(room, set()) | others - GROUND - {room}
    assert seen.keys() == {*told, "", "cli", "__main__"} - {"cli/`, `__init__"}
    for room, imports in told.items():
        if room in seen:
            assert imports == seen[room], room


def test_no_import_goes_round_in_a_circle() -> None:
    graph = {name: imported(name) - {name} for name in MODULES}
    assert len(graph) > 100
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_no_file_is_longer_than_can_be_read_at_once() -> None:
    root = SOURCE.parent
    files = [f for room in ("src", "tests", "benchmarks") for f in (root / room).rglob("*.py")]
    assert len(files) > 300
    assert {f.name: n for f in files if (n := len(f.read_text("utf-8").splitlines())) > 400} == {}
