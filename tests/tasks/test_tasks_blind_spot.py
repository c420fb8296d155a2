"""The task blind-spot: first answers that are known to be wrong or right."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from commands import refused
from selfcorrect.errors import UserError
from selfcorrect.runs import make_spec
from selfcorrect.strategies import check_given, load
from selfcorrect.tasks import Task, make, names, offers, register


def task(**options: object) -> Task:
    return make("blind-spot", options={"of": "planted", "n": 60, "cluster_size": 3, **options})


def test_half_of_the_answers_given_are_wrong_and_only_grades_tell_which() -> None:
    mine = task()
    assert mine.check() == []
    inner = {e.id: e for e in make("planted", options={"n": 60, "cluster_size": 3}).examples()}
    endings: Counter[tuple[str, float]] = Counter()
    places: Counter[int] = Counter()
    given: dict[str, list[float]] = {}
    for example in mine.examples():
        name, ending = example.id.split("/")
        (turn,) = example.turns
        answer = mine.read(example, turn.text)
        (grade,) = mine.grade([(example, answer)])
        assert grade.outcome is not None
        assert grade.outcome == grade.values["given_right"] == (answer.choice == grade.target)
        assert example.cluster == inner[name].cluster
        said = mine.ask(example)
        assert turn.messages[0].text == f"{said['question']}\n\n{said['goal']}"
        assert turn.text.startswith(turn.prefix)
        given.setdefault(name, []).append(grade.outcome)
        endings[ending, grade.outcome] += 1
        if not grade.outcome:
            assert answer.choice is not None
            assert grade.target is not None
            places[(answer.choice - grade.target) % 3] += 1
    assert all(sorted(each) == [0, 1] for each in given.values())
    assert all(15 <= n <= 45 for n in endings.values())  # the id says nothing
    assert set(places) == {1, 2}
    assert min(places.values()) > 15


def test_what_is_drawn_follows_from_the_seed_alone() -> None:
    options = {"of": "sample"}
    one, same, other = (make("blind-spot", seed=s, options=options) for s in (0, 0, 1))
    texts = [[e.turns[0].text for e in t.examples()[:40]] for t in (one, same, other)]
    assert texts[0] == texts[1] != texts[2]
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_own_questions_carry_it_with_their_options_and_clusters(tmp_path: Path) -> None:
    data = tmp_path / "q.jsonl"
    rows = [
        {"id": f"q{n}", "question": "Which?", "context": f"x{n}", "choices": ["x", "y", "z"],
         "answer": "(b)", "cluster": "c"}
        for n in range(3)
    ]  # fmt: skip
    data.write_text("\n".join(map(json.dumps, rows)))
    mine = make("blind-spot", data=str(data), options={"of": "choices"})
    assert mine.check() == []
    assert [e.id for e in mine.examples()] == [f"q{n}/{k}" for n in range(3) for k in (1, 2)]
    assert {e.cluster for e in mine.examples()} == {"c"}
    chosen = {mine.read(e, e.turns[0].text).key for e in mine.examples()}
    assert "b" in chosen
    assert len(chosen) > 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"of": "commongen"}, "aren't options that are right or wrong"),
        ({"of": "toxicity"}, "aren't options that are right or wrong"),
        ({"of": "reasoning"}, "aren't options that are right or wrong"),
        ({"of": "blind-spot"}, "names a task of lettered questions"),
        ({"of": "smple"}, "names a task of lettered questions"),
        ({"of": 3}, "option 'of' of task 'blind-spot' must be a word"),
        ({"of": "planted", "n": 0}, "option 'n' of task 'planted'"),
        ({"condition": "dark"}, "option 'condition' of task 'sample' can't be 'dark'"),
        ({"ob": "bbq"}, "has no option 'ob'"),
    ],
)
def test_what_cannot_carry_it_is_one_sentence(options: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        make("blind-spot", options=options)


def test_a_question_without_a_known_answer_is_named(tmp_path: Path) -> None:
    data = tmp_path / "d.jsonl"
    messages = [{"role": "user", "content": "a or b?"}, {"role": "assistant", "content": "(a)"}]
    data.write_text(json.dumps({"choices": ["x", "y"], "messages": messages}))
    with pytest.raises(UserError, match="aren't options that are right or wrong"):
        make("blind-spot", data=str(data), options={"of": "dialogues"})


def test_it_brings_its_strategy_and_refuses_one_that_asks(tmp_path: Path) -> None:
    assert make_spec({"task": "blind-spot"}).strategy.name == "blind-spot"
    assert make_spec({"task": "sample"}).strategy.name == "intrinsic"
    assert make_spec({"task": "blind-spot", "strategy": "role"}).strategy.name == "role"
    told = refused(
        "run", "--task", "blind-spot", "--strategy", "intrinsic", "--model", "planted:chain",
        "--out", tmp_path, "task.options.of=planted",
    )  # fmt: skip
    assert "asks for a first answer, and the task blind-spot gives it" in told
    told = refused(
        "run", "--task", "planted", "--strategy", "blind-spot", "--model", "planted:chain",
        "--out", tmp_path,
    )  # fmt: skip
    assert "use the task 'dialogues' or 'blind-spot'" in told


def test_a_task_states_that_it_gives_first_answers() -> None:
    assert {name for name in names() if offers(name).continued_by} == {"blind-spot"}
    assert task().continued_by == offers("blind-spot").continued_by
    assert offers("nowhere.py:make").continued_by == ""


class Given:
    """A task of one's own that gives first answers, and leaves all else to another."""

    def __init__(self, continued: object) -> None:
        self.inner, self.continued_by = task(), continued

    def __getattr__(self, name: str) -> object:
        if name == "inner":  # while it is being unpickled
            raise AttributeError(name)
        return getattr(self.inner, name)


def test_a_task_of_ones_own_may_state_it_too() -> None:
    name = register(Given("role"))
    assert make_spec({"task": name}).strategy.name == "role"
    check_given(load("repeat"), 1, "mine", make(name).continued_by)
    with pytest.raises(UserError, match="and the task mine gives it: use the strategy role"):
        check_given(load("intrinsic"), 1, "mine", make(name).continued_by)
    with pytest.raises(UserError, match="`continued_by` must be the name of a strategy"):
        register(Given(True))
