"""A user's own task: from a file or as an object, and whatever can be wrong with it."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import numpy as np
import pytest

from selfcorrect import tasks
from selfcorrect.checking import check_task
from selfcorrect.errors import UserError
from selfcorrect.outcome import Outcome, Share, Sums
from selfcorrect.tasks.base import OFFERED, Answer, Example, Grade, Task

FILE = """
from dataclasses import dataclass

from selfcorrect.outcome import Outcome, Share, Sums
from selfcorrect.tasks.base import Example, Grade
from selfcorrect.tasks.free import Free, Item
from selfcorrect.tasks.wording import CORRECT


@dataclass
class Scale:
    most: int


def make(source):
    source.only(options=("n", "most"))
    scale = Scale(source.option("most", 5))
    items = [
        Item(Example(str(k), {"question": f"Say {k} words."}, (), str(k)), "w " * (k + 1))
        for k in range(source.option("n", 3))
    ]

    def judge(item, answer):
        return Grade(min(1, len(answer.text.split()) / scale.most))

    return Free("words", items, wording=CORRECT, outcome=Outcome("length"), judge=judge)


number = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "own.py"
    path.write_text(FILE)
    return path


# -- a file ---------------------------------------------------------------------------------------


def test_a_task_from_a_file(file: Path) -> None:
    task = tasks.make(f"{file}:make", options={"most": "2"})
    assert isinstance(task, Task)
    assert (task.name, task.outcome.name, len(task.examples())) == ("words", "length", 3)
    example = task.examples()[0]
    grades = task.grade([(example, task.read(example, text)) for text in ("one", "one two", "")])
    assert [grade.outcome for grade in grades] == [0.5, 1.0, None]
    assert tasks.label(f"{file}:make") == "own:make"
    assert tasks.is_own(f"{file}:make")
    assert not tasks.is_own("bbq")


def test_the_files_content_is_part_of_the_fingerprint_and_its_place_is_not(file: Path) -> None:
    first = tasks.make(f"{file}:make").fingerprint
    assert tasks.make(f"{file}:make").fingerprint == first
    moved = file.parent / "elsewhere" / "own.py"
    moved.parent.mkdir()
    moved.write_text(FILE)
    assert tasks.make(f"{moved}:make").fingerprint == first
    file.write_text(FILE + "\n# another\n")
    assert tasks.make(f"{file}:make").fingerprint != first


def test_it_goes_to_another_process(file: Path) -> None:
    """As workers get it: what was made is sent, and the file isn't needed there."""
    task = tasks.make(f"{file}:make", options={"most": 2})
    packed = file.parent / "packed"
    packed.write_bytes(pickle.dumps(task))
    file.unlink()
    code = (
        "import pickle, sys, pathlib\n"
        "task = pickle.loads(pathlib.Path(sys.argv[1]).read_bytes())\n"
        "example = task.examples()[1]\n"
        "grade, = task.grade([(example, task.read(example, 'one two'))])\n"
        "print(task.fingerprint, float(grade.outcome))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(packed)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [task.fingerprint, "1.0"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("{}", "name the function that makes the task, too, such as {}:make"),
        ("{}:", "name the function that makes the task, too"),
        ("{}:a b", "name the function that makes the task, too"),
        ("{}:mak", "{}: there is no function 'mak' in it: did you mean 'make'? (known: make)"),
        ("{}:number", "'number' is no function"),
        ("{}.py:make", "{}.py can't be read: no such file"),
        ("nothing", "there is no task 'nothing'"),
        ("nothing", "a task of your own is given as FILE.py:NAME"),
        ("python:toxicity", "the task 'toxicity' is a Python object"),
        ("x\0.py:make", "can't be read"),
    ],
)
def test_a_name_that_names_no_task(name: str, says: str, file: Path) -> None:
    with pytest.raises(UserError) as error:
        tasks.make(name.replace("{}", str(file)))
    assert says.replace("{}", str(file)) in str(error.value)
    assert "\n" not in str(error.value)


FAILING = [
    (
        "def make(source):\n    return 1 / 0\n",
        "make(source) failed with ZeroDivisionError",
        "1 / 0",
    ),
    ("import nothing_of_this_name\n", "running it failed with ModuleNotFoundError", "line 1"),
    ("def make(source:\n", "running it failed with SyntaxError", "def make(source:"),
    ("raise SystemExit(3)\n", "running it failed with SystemExit: 3", "raise SystemExit(3)"),
    (
        "def make(source):\n    return make(source)\n",
        "failed with RecursionError",
        "return make(source)",
    ),
    ("x = 'a' * 10**6\nraise ValueError(x)\n", "failed with ValueError: aaa", "raise ValueError"),
]


@pytest.mark.parametrize(("text", "says", "shows"), FAILING)
def test_a_file_that_fails_is_told_with_its_own_traceback(
    text: str, says: str, shows: str, file: Path
) -> None:
    file.write_text(text)
    with pytest.raises(UserError) as error:
        tasks.make(f"{file}:make")
    assert str(error.value).startswith(str(file))
    assert says in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    trace = error.value.trace
    assert shows in trace
    assert str(file) in trace
    assert "selfcorrect" not in trace.replace(str(file), "")
    assert len(trace.splitlines()) <= 40
    assert max(map(len, trace.splitlines())) <= 300


def test_what_a_file_itself_says_is_its_sentence(file: Path) -> None:
    with pytest.raises(UserError, match=r"task 'own:make' has no option 'moss': did you mean 'mo"):
        tasks.make(f"{file}:make", options={"moss": 1})


@pytest.mark.parametrize("returns", ["None", "3", "[]", "make", "object()"])
def test_a_function_that_makes_no_task(returns: str, file: Path) -> None:
    file.write_text(f"def make(source):\n    return {returns}\n")
    with pytest.raises(UserError, match=r"own\.py:make is no task: it has no `examples`"):
        tasks.make(f"{file}:make")


# -- an object ------------------------------------------------------------------------------------


class Own:
    """The protocol by itself, without any help of ours."""

    name = "own"
    outcome = Outcome("length", better="lower", bounds=(0, 50))
    values = {"letters": "how many letters"}  # noqa: RUF012
    figures: dict[str, Any] = {}  # noqa: RUF012
    max_tokens = {"answer": 32}  # noqa: RUF012
    skipped = ()
    fingerprint = "own-1"

    def examples(self) -> Any:
        return [Example(str(k), {"question": f"Be brief, {k}."}, (), str(k)) for k in range(4)]

    def ask(self, example: Example) -> Any:
        return dict.fromkeys(OFFERED, example.fields["question"]) | {"answer_prefill": ""}

    def labels(self, example: Example) -> Any:  # noqa: ARG002
        return ()

    def read(self, example: Example, text: str) -> Any:  # noqa: ARG002
        return Answer(text, text.strip()) if text.strip() else Answer(text, problem="empty")

    def grade(self, pairs: Any) -> Any:
        return [Grade(min(50, len(a.text)), None, {"letters": 1.0}) for _, a in pairs]

    def reference(self, example: Example) -> Any:  # noqa: ARG002
        return "."

    def check(self) -> Any:
        return []


def use(task: Any) -> None:
    """Everything that a run asks of a task."""
    opened = tasks.checked(task)
    for example in opened.examples():
        opened.ask(example)
        opened.labels(example)
        pairs = [(example, opened.read(example, text)) for text in ("a", "ab", "")]
        opened.grade(pairs)
        opened.reference(example)
    opened.check()


def test_an_object_is_a_task() -> None:
    use(Own())
    opened = tasks.checked(Own())
    assert opened.fingerprint == "own-1"
    assert tasks.checked(opened) is opened
    again: Any = cloudpickle.loads(cloudpickle.dumps(opened))
    assert [e.id for e in again.examples()] == ["0", "1", "2", "3"]
    use(tasks.make("sample"))
    use(tasks.make("planted", options={"n": 5}))


MEMBERS = ["name", "outcome", "values", "figures", "max_tokens", "skipped", "fingerprint"]
METHODS = ["examples", "ask", "labels", "read", "grade", "reference", "check"]


@pytest.mark.parametrize("member", [*MEMBERS, *METHODS])
def test_a_missing_member_is_named(member: str) -> None:
    names = {k: getattr(Own(), k) for k in [*MEMBERS, *METHODS] if k != member}
    with pytest.raises(UserError, match=rf"SimpleNamespace is no task: it has no `{member}`, a"):
        tasks.checked(SimpleNamespace(**names))


EXAMPLE = Own().examples()[0]


def gives(value: object) -> Callable[..., object]:
    return lambda *_args: value


def raises(*_args: object) -> object:
    raise KeyError("wanted")


def asked(**changes: object) -> Callable[..., object]:
    return gives({**Own().ask(EXAMPLE), **changes})


WRONG: list[tuple[str, object, str]] = [
    *(("name", wrong, "`name` must be a text that is not empty") for wrong in ("", 3, "\ud800")),
    ("outcome", "accuracy", "`outcome` must be an Outcome, such as"),
    ("values", ["letters"], "`values` must be a mapping of names to a sentence on each"),
    ("values", {"letters": 3}, "`values` must be a mapping of names"),
    ("figures", {"x": 3}, "`figures` must be a mapping of names to functions"),
    ("max_tokens", {"answer": 0}, "`max_tokens` must be a mapping of what is elicited to whole"),
    *(("max_tokens", wrong, "`max_tokens` must be") for wrong in (8, {"a": True}, {"a": 10**12})),
    ("skipped", "line 3", "`skipped` must be a list of sentences"),
    *(("fingerprint", wrong, "`fingerprint` must be a text that changes") for wrong in (None, "")),
    ("read", 3, "is no task: it has no `read`, a method that reads a text as an Answer"),
    ("examples", gives(None), "`examples` must be a sequence of Examples, not None"),
    ("examples", gives([]), "`examples` gives none"),
    ("examples", gives(iter([EXAMPLE])), "`examples` must be a sequence"),
    ("examples", gives(["q"]), "`examples()[0]` must be an Example, not 'q'"),
    ("examples", gives([EXAMPLE, EXAMPLE]), "two examples have the id '0'"),
    *(("examples", gives([replace(EXAMPLE, id=w)]), "()[0].id` must be a text") for w in ("", 7)),
    ("examples", gives([replace(EXAMPLE, cluster="")]), "`examples()[0].cluster` must be a text"),
    ("examples", gives([replace(EXAMPLE, fields={"question": 1})]), "fields` must be a mapping"),
    ("examples", gives([replace(EXAMPLE, choices="abc")]), "choices` must be a tuple of texts"),
    (
        "examples",
        gives([replace(EXAMPLE, turns=None)]),
        "turns` must be a tuple of turns",
    ),
    ("examples", raises, "`examples` failed with KeyError: 'wanted'"),
    ("ask", gives("q"), "`ask` of the example '0' must be a mapping of names to texts, not 'q'"),
    ("ask", asked(goal=None), "`ask` of the example '0' must be a mapping"),
    ("ask", gives({"question": "q"}), "`ask` gives no 'goal' for the example '0'"),
    ("ask", asked(answer_prefill="The answer is "), "ends in white space"),
    *(
        ("labels", gives(w), "`labels` of the example '0' must be a list of 0 texts")
        for w in ("ab", ["a"])
    ),
    ("read", gives("a"), "`read` of the example '0' must be an Answer, not 'a'"),
    ("read", gives(Answer("a", 3)), "`read(…).key` of the example '0' must be text or None, not 3"),
    ("read", gives(Answer("a", "a", 2)), "`read(…).choice` of the example '0' must be an index"),
    ("read", gives(Answer("a")), "has either a key, or a problem"),
    ("read", gives(Answer("a", "a", problem="b")), "has either a key, or a problem"),
    ("read", gives(Answer(None, "a")), "`read(…).text` of the example '0' must be text"),
    ("read", raises, "`read` of the example '0' failed with KeyError: 'wanted'"),
    ("grade", gives(None), "`grade` must be a list of 3 grades, one for each answer, not None"),
    ("grade", gives([Grade(1)]), "`grade` must be a list of 3 grades"),
    ("grade", gives([1, 1, 1]), "`grade` of the example '0' must be a list of Grades, not 1"),
    ("grade", gives([Grade(51)] * 3), "the length that `grade` gives for the example '0' can't"),
    ("grade", gives([Grade(51)] * 3), "51 is not within 0 to 50"),
    ("grade", gives([Grade(float("nan"))] * 3), "nan is not within 0 to 50"),
    ("grade", gives([Grade("good")] * 3), "'good' is no number"),
    ("grade", gives([Grade(1, 0)] * 3), "`grade(…).target` of the example '0' must be an index"),
    ("grade", gives([Grade(1, None, {"x": "y"})] * 3), "`grade(…).values` of the example '0'"),
    ("grade", gives([Grade(1, None, {"x": float("inf")})] * 3), "finite numbers or None"),
    ("grade", raises, "`grade` failed with KeyError: 'wanted'"),
    ("reference", gives(3), "`reference` of the example '0' must be text or None, not 3"),
    ("check", gives("all is well"), "`check` must be a list of sentences, not 'all is well'"),
    ("check", gives(None), "`check` must be a list of sentences, not None"),
]


@pytest.mark.parametrize(("member", "value", "says"), WRONG)
def test_a_member_that_breaks_the_protocol_is_named(member: str, value: object, says: str) -> None:
    task = Own()
    setattr(task, member, value)
    with pytest.raises(UserError) as error:
        use(task)
    assert says in str(error.value)
    assert "test_tasks_own.Own" in str(error.value)
    assert "\n" not in str(error.value)
    if value is raises:
        assert 'raise KeyError("wanted")' in error.value.trace


def test_a_figure_that_fails_is_named() -> None:
    class Figures(Own):
        figures = {  # noqa: RUF012
            "a": raises,
            "b": lambda _columns: "many",
            "c": Share(raises),  # type: ignore[arg-type]
            "d": Sums(lambda columns: columns["outcome"][:, None], raises),  # type: ignore[arg-type]
            "e": Sums(lambda columns: columns["outcome"][:, None], lambda sums: sums[..., 0]),
            "f": Share(lambda columns: columns["outcome"]),
        }

    figures = tasks.checked(Figures()).figures
    columns = {"outcome": np.array([0.0, 1.0, 1.0])}
    for name in "abcd":
        with pytest.raises(UserError, match=f"the figure '{name}' failed with "):
            figures[name](columns)
    assert figures["e"](columns) == 2
    assert figures["f"](columns) == pytest.approx(2 / 3)
    assert isinstance(figures["e"], Sums)
    assert isinstance(figures["f"], Share)


def test_a_property_that_fails_is_named() -> None:
    class Broken(Own):
        @property
        def fingerprint(self) -> str:  # type: ignore[override]
            raise OSError("the disk is gone")

    with pytest.raises(UserError, match="`fingerprint` failed with OSError: the disk is gone"):
        tasks.checked(Broken())


# -- the documentation ----------------------------------------------------------------------------

DOCS = Path(__file__).parents[2] / "docs" / "tasks.md"


def test_the_tasks_in_the_docs_are_tasks(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    whole = [block for block in blocks if "def make(source" in block]
    assert len(whole) == 2
    cities = tmp_path / "capitals.jsonl"
    line = {"country": "France", "cities": ["Lyon", "Paris"], "capital": "Paris"}
    cities.write_text(json.dumps(line) + "\n")
    for number, (block, data) in enumerate(zip(whole, (None, str(cities)), strict=True)):
        file = tmp_path / f"{number}.py"
        file.write_text(block)
        found = check_task(f"{file}:make", data=data)
        assert found.problems == ()
        assert found.examples == (4, 1)[number]
    cities.write_text(json.dumps({**line, "capital": "Rome"}) + "\n")
    with pytest.raises(UserError, match=r"capitals\.jsonl:1: the capital 'Rome' is none"):
        check_task(f"{tmp_path / '1.py'}:make", data=str(cities))


def test_the_docs_name_every_member_that_a_kind_takes() -> None:
    text = DOCS.read_text("utf-8")
    for name in ("Outcome", "Wording", "Example", "Item", "judge", "read", "max_tokens"):
        assert f"| `{name}` |" in text
    for name in OFFERED:
        assert f"| `{name}` |" in text
    for name in tasks.names():
        assert f"| `{name}` |" in text
