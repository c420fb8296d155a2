"""Imports go one way: no module imports, however late, one that imports it."""

from __future__ import annotations

import ast
import re
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
GROUND = {"errors", "text", "outcome", "places", "regular", "planted_words", "messages"}
GROUND |= {"code_digest", "user_code", "scenes", "interrupts"}


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


REFERENCE = re.compile(r":(?:func|class|data|attr|meth|mod):`~?((?:selfcorrect)?\.[\w.\s]+)`")


@cache
def defined(module: str) -> frozenset[str]:
    """What a module holds by its source: names, and ``Class.member``."""
    found: set[str] = set()
    for node in ast.parse(MODULES[module].read_text("utf-8")).body:
        found |= _names(node)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{name}" for inside in node.body for name in _names(inside)}
    return frozenset(found)


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name for alias in node.names}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {name.id for t in targets if t for name in ast.walk(t) if isinstance(name, ast.Name)}


def _there(name: str) -> bool:
    if name in MODULES:
        return True
    parts = name.split(".")
    ways = ((".".join(parts[:n]), ".".join(parts[n:])) for n in range(1, len(parts)))
    return any(module in MODULES and rest in defined(module) for module, rest in ways)


def test_what_docstrings_refer_to_is_there() -> None:
    lost = {}
    for module, file in MODULES.items():
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        for found in REFERENCE.finditer(file.read_text("utf-8")):
            name = re.sub(r"\s", "", found[1])
            names = [package + name, module + name] if name.startswith(".") else [name]
            if not any(map(_there, names)):
                lost[module] = name
    assert lost == {}


def test_words_are_made_where_nothing_is_decided() -> None:
    """A run's decision is a number of its summary; page, terminal and `check` take it there."""
    worth = "selfcorrect.measures.worth"
    assert [m for m in MODULES if worth in imported(m)] == ["selfcorrect.runs.summary"]
