"""``selfcorrect check-task``: what is wrong with a task is said without a model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import selfcorrect as sc
from commands import refused
from selfcorrect.cli import app
from selfcorrect.errors import UserError
from selfcorrect.outcome import Outcome, Share, Sums
from selfcorrect.tasks import Example, Grade, make
from selfcorrect.tasks.free import Free, Item
from selfcorrect.tasks.wording import CORRECT

GOOD = """
from selfcorrect.outcome import Outcome
from selfcorrect.tasks import Example, Grade
from selfcorrect.tasks.free import Free, Item
from selfcorrect.tasks.wording import CORRECT


def judge(item, answer):
    return Grade(RATE)


def make(source):
    items = [
        Item(Example(f"q{k}", {"question": f"Say \\x1b{k}."}, (), f"c{k // 2}"), "yes")
        for k in range(4)
    ]
    return Free("words", items, wording=CORRECT, outcome=Outcome("length"), judge=judge)
"""


def check(*args: str | Path) -> Any:
    return CliRunner().invoke(app, ["check-task", *map(str, args)], catch_exceptions=False)


def written(folder: Path, rate: str) -> str:
    path = folder / "own.py"
    path.write_text(GOOD.replace("RATE", rate))
    return f"{path}:make"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("sample", "sample: 1,024 examples in 64 clusters"),
        ("planted", "outcome: accuracy (a share from 0 to 1, higher is better"),
        ("sample", "A reply begins with: The best answer is ("),
        ("sample", "An answer that says nothing has the accuracy 0."),
    ],
)
def test_a_task_that_is_well(name: str, says: str) -> None:
    done = check(name)
    assert done.exit_code == 0
    assert says in done.stdout
    assert "No problems were found." in done.stdout
    assert done.stderr == ""


def test_a_task_of_ones_own(tmp_path: Path) -> None:
    done = check(written(tmp_path, "float(answer.key == item.reference)"))
    assert done.exit_code == 0, done.output
    assert "words: 4 examples in 2 clusters" in done.stdout
    assert "    Say ␛0." in done.stdout  # nothing steers the terminal
    assert "Its reference answer has the length 1:\n\n    yes" in done.stdout
    done = check(written(tmp_path, "float(answer.key == item.reference)"), "--json")
    table = json.loads(done.stdout)
    assert (table["examples"], table["clusters"], table["problems"]) == (4, 2, [])
    assert table["shown"]["outcome"] == 1.0
    assert table["outcome"]["name"] == "length"


@pytest.mark.parametrize(
    ("rate", "says", "trace"),
    [
        ("2", "2 is not within 0 to 1", ""),
        ("0", "the reference 'yes' has the worst length there is", ""),
        ("None", "the reference 'yes' has no length", ""),
        ("1 / 0", "`grade` failed with ZeroDivisionError: division by zero", "1 / 0"),
    ],
)
def test_a_problem_has_status_2(rate: str, says: str, trace: str, tmp_path: Path) -> None:
    name = written(tmp_path, rate)
    done = check(name)
    assert done.exit_code == 2
    assert any(
        line.startswith("problem: ") and says in line for line in done.stdout.splitlines()
    ), done.stdout
    *above, sentence = done.stderr.splitlines()
    assert sentence.startswith("selfcorrect: error: the task words has ")
    assert "\n".join(above).count("Traceback") == done.output.count("Traceback") == bool(trace)
    assert trace in "\n".join(above)
    done = check(name, "--json")
    assert done.exit_code == 2
    assert any(says in problem for problem in json.loads(done.stdout)["problems"])


def test_a_file_that_fails_shows_its_traceback_once(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_text("def make(source):\n    return source.wonders\n")
    done = check(f"{path}:make")
    assert (done.exit_code, done.stdout) == (2, "")
    *trace, sentence = done.stderr.splitlines()
    assert trace[0] == "Traceback (most recent call last):"
    assert f'File "{path}", line 2, in make' in trace[1]
    assert sentence.startswith(f"selfcorrect: error: {path}:make: make(source) failed with Attr")
    assert done.stderr.count("Traceback") == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["bqb"], "there is no task 'bqb': did you mean 'bbq'?"),
        (["own.py"], "name the function that makes the task, too, such as own.py:make"),
        (["choices"], "task 'choices' needs data"),
        (["planted", "task.options.m=3"], "task 'planted' has no option 'm'"),
        (["planted", "--data", "x"], "brings its own questions"),
    ],
)
def test_what_cannot_be_looked_at(args: list[str], says: str) -> None:
    assert says in refused("check-task", *args)


# -- from Python ----------------------------------------------------------------------------------


def own(**changes: Any) -> Free:
    items = [Item(Example(str(k), {"question": "?"}, (), str(k)), "yes") for k in range(30)]
    settings: dict[str, Any] = {
        "judge": lambda item, answer: Grade(float(answer.key == item.reference)),
        "outcome": Outcome("match", "share"),
        "wording": CORRECT,
    }
    return Free("own", items, **{**settings, **changes})


def test_an_object_and_a_name() -> None:
    assert sc.check_task(own()).problems == ()
    assert sc.check_task("planted", task_options={"n": 3}).examples == 3
    assert sc.check_task(make("sample")).clusters == 64
    with pytest.raises(UserError, match="has no `examples`"):
        sc.check_task(3)  # type: ignore[arg-type]


def test_what_no_step_elicits_is_told() -> None:
    found = sc.check_task(own(max_tokens={"anwser": 3}))
    assert found.problems == (
        "max_tokens names 'anwser', which is never elicited: did you mean 'answer'? "
        "(known: answer, critique, feedback, rationale)",
    )


def test_a_judge_that_changes_its_mind_is_found() -> None:
    said = iter(k / 1000 for k in range(1000))
    task = own(judge=lambda _item, _answer: Grade(next(said)), outcome=Outcome("worth"))
    found = sc.check_task(task)
    assert "an outcome must be the same each time" in found.problems[0]


def test_a_mistake_is_told_once_and_counted_once(tmp_path: Path) -> None:
    done = check(written(tmp_path, "1 / 0"))
    told = [line for line in done.stdout.splitlines() if line.startswith("problem: ")]
    assert len(told) == 1
    assert "has 1 problem: " in done.stderr

    def odd(item: Item, _: Any) -> Grade:
        if int(item.example.id) % 2:
            raise KeyError("a")
        return Grade(1.0)

    (problem,) = sc.check_task(own(judge=odd)).problems
    assert problem.endswith("KeyError: 'a' (so it is with 15 examples)")


@pytest.mark.parametrize("name", ["n", "round", "clusters", "outcome"])
def test_an_outcome_has_a_name_of_its_own(name: str) -> None:
    task = own(outcome=Outcome(name), judge=lambda _item, answer: Grade(len(answer.text) / 99))
    assert any("has the name of another number" in each for each in sc.check_task(task).problems)


def test_many_failures_are_cut_short() -> None:
    def fails(item: Item, _answer: object) -> Grade:
        raise ValueError(item.example.id)

    found = sc.check_task(own(judge=fails))
    (problem,) = found.problems
    assert problem.endswith("ValueError: 0 (so it is with 20 examples)")
    assert found.unseen == 10
    assert "raise ValueError(item.example.id)" in found.trace


@pytest.mark.parametrize(
    ("figure", "says"),
    [
        (
            Share(lambda columns: columns["outcome"] - 0.5),
            "is a Share, so its values are 1, 0 or NaN",
        ),
        (Share(lambda columns: columns["letters"]), "the figure 'part' failed with KeyError"),
        (Sums(lambda _: 1 / 0, lambda sums: sums), "the figure 'part' failed with ZeroDivision"),  # type: ignore[arg-type, return-value]
    ],
)
def test_a_figure_that_fails_is_found_before_a_run(figure: Any, says: str) -> None:
    (problem,) = sc.check_task(own(figures={"part": figure})).problems
    assert says in problem


def test_nothing_is_printed_without_an_end(tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(
        "from selfcorrect.outcome import ACCURACY\n"
        "from selfcorrect.tasks import Example, Grade\n"
        "from selfcorrect.tasks.free import Free, Item\n"
        "from selfcorrect.tasks.wording import CORRECT\n"
        "def make(source):\n"
        "    long = 'x' * 300_000\n"
        "    items = [Item(Example(long + id, {'question': long}, (), 'c'), long) for id in '01']\n"
        "    return Free('long', items, wording=CORRECT, outcome=ACCURACY,\n"
        "                judge=lambda item, answer: Grade(2.0))\n"
    )
    done = CliRunner().invoke(app, ["check-task", f"{file}:make"], catch_exceptions=False)
    assert done.exit_code == 2
    assert len(done.stdout) + len(done.stderr) < 40_000


def test_an_example_that_cannot_be_asked_is_named() -> None:
    task = own()
    bad = replace(task.examples()[2], fields={"question": "?", "context": "\ud800"})
    task = own()
    task._items = [*task._items[:2], Item(bad, "yes"), *task._items[3:]]
    with pytest.raises(UserError, match=r"`examples\(\)\[2\].fields` must be a mapping"):
        sc.check_task(task)
