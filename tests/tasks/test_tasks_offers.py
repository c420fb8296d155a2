"""What tasks offer is stated by them, and no other room goes by their names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfcorrect import tasks
from selfcorrect.concepts.data import BUNDLED
from selfcorrect.errors import UserError
from selfcorrect.runs import RunSpec
from selfcorrect.runs.identity import tasks_that
from selfcorrect.strategies import names as strategies
from selfcorrect.studies import load

SOURCE = Path(tasks.__file__).parents[1]
#: Names that are also words of other things: columns, models, strategies, studies, charts.
WORDS = {"blind-spot", "choices", "dialogues", "harmful", "planted", "prompts", "reasoning"}
WORDS |= {"sample", "shapes", "toxicity", "truthful"}
NAMES = tasks.names().keys() - WORDS


def names_a_task(each: ast.expr) -> bool:
    return ast.unparse(each).endswith("task.name")


def branches(tree: ast.AST) -> Iterator[tuple[int, ast.expr]]:
    """What a file compares, or looks up, with the line."""
    for node in ast.walk(tree):
        found: list[ast.expr | None] = []
        if isinstance(node, ast.Compare):
            found = [node.left, *node.comparators]
            if all(names_a_task(each) for each in found if each is not None):
                continue  # whether two runs are of the same one
        elif isinstance(node, ast.Dict):
            found = [*node.keys]
        elif isinstance(node, ast.Tuple | ast.List | ast.Set):
            found = [*node.elts]
        elif isinstance(node, ast.Subscript):
            found = [node.slice]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found = [*node.args] if node.func.attr == "get" else []
        yield from ((each.lineno, each) for each in found if each is not None)


def by_name(text: str) -> list[int]:
    """The lines of a source at which what is done depends on which task it is."""
    if not (
        "task.name" in text or any(f'"{name}"' in text or f"'{name}'" in text for name in NAMES)
    ):
        return []  # parsing takes a hundred times as long
    pairs = [*branches(ast.parse(text))]
    named = [line for line, each in pairs if isinstance(each, ast.Constant) and each.value in NAMES]
    looked_at = [line for line, each in pairs if names_a_task(each)]
    return sorted({*named, *looked_at})


def test_no_other_room_does_something_else_by_a_tasks_name() -> None:
    files = [file for file in SOURCE.rglob("*.py") if SOURCE / "tasks" not in file.parents]
    assert len(files) > 300
    found = {str(file.relative_to(SOURCE)): by_name(file.read_text("utf-8")) for file in files}
    assert {name: lines for name, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    [
        'if spec.task.name == "sample": pass',
        'if task == "bbq": pass',
        "x = SIZES[spec.task.name]",
        "x = CONCEPTS.get(spec.task.name, 1)",
        'SIZES = {"bbq": 40}',
        'TASKS = ("bbq", "toxicity")',
        "if spec.task.name not in TASKS: pass",
    ],
)
def test_such_lines_are_found(line: str) -> None:
    assert by_name(line) == [1]
    assert by_name("x = offers_of(spec).concept; y = TaskSpec(name='bbq')") == []


def test_what_is_offered_is_there() -> None:
    for name in tasks.names():
        offered = tasks.offers(name)
        assert offered.concept in BUNDLED
        assert offered.continued_by in (*strategies(), "")
    assert tasks_that(lambda task: task.people) == ["bbq"]
    assert tasks_that(lambda task: task.continuations) == ["toxicity"]
    with pytest.raises(UserError, match="has no option 'evidence'"):
        tasks.make("sample", options={"evidence": "other"})


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ("weak-evidence", "weak evidence is an option of the task bbq, and the task is sample"),
        ("self-distinguish", "knows what to ask of the tasks bbq and toxicity, and the task is"),
        ("jailbreak-defence", "this study is about attacks, and sample has none"),
    ],
)
def test_a_study_goes_by_what_a_task_offers(study: str, said: str) -> None:
    found = load(study)
    spec = RunSpec.model_validate({"task": {"name": "sample"}})
    assert found.plan is not None
    with pytest.raises(UserError, match=said):
        found.plan(spec, found.settings({}))


@pytest.mark.parametrize("name", sorted(tasks.names()))
def test_a_task_says_whether_its_questions_lie_in_the_package(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise UserError("nothing is fetched here")

    monkeypatch.setattr("selfcorrect.tasks.bbq.dataset_files", unreachable)
    try:
        made = bool(tasks.make(name).examples())
    except UserError:
        made = False
    assert tasks.brings_all(name, None, {}) == made
    assert not tasks.brings_all(name, "data.jsonl", {})
    assert not tasks.brings_all(name, None, {"images_from": "."})


def test_a_task_that_asks_anothers_questions_brings_what_that_brings() -> None:
    assert tasks.brings_all("blind-spot", None, {"of": "reasoning"})
    assert not tasks.brings_all("blind-spot", None, {"of": "choices"})
    assert not tasks.brings_all("blind-spot", None, {"of": "nothing such"})
