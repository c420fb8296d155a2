"""The task truthful: TruthfulQA's lists as lettered options, and the probability on true ones."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import selfcorrect as sc
from selfcorrect.errors import UserError
from selfcorrect.outcome import ACCURACY
from selfcorrect.tasks import Answer, Task, make, truthful
from selfcorrect.tasks.lettered import Item, Lettered
from selfcorrect.tasks.wording import CORRECT

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
PUBLISHED = SHARED / "truthfulqa.csv"
needs_data = pytest.mark.skipif(not PUBLISHED.is_file(), reason="the real data are not here")
HEADER = ("Type", "Category", "Question", "Best Answer", "Correct Answers", "Incorrect Answers")


def line(**changes: str) -> list[str]:
    cells = dict(zip(HEADER, ("A", "Food", "Q?", "T1", "T1; T2", "F1; F2; F3"), strict=True))
    return list((cells | {key.replace("_", " "): value for key, value in changes.items()}).values())


def write(folder: Path, *lines: list[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([HEADER, *lines])
    file = folder / "own.csv"
    file.write_text(text.getvalue())
    return str(file)


def task_of(data: str, kind: str = "mc1", **more: Any) -> Task:
    return make("truthful", data=data, options={"kind": kind}, **more)


def test_mc1_shows_the_best_answer_among_the_false_ones(tmp_path: Path) -> None:
    task = task_of(write(tmp_path, line()))
    (example,) = task.examples()
    assert sorted(example.choices) == ["F1", "F2", "F3", "T1"]
    assert (example.id, example.cluster) == ("own.csv:2", "Food")
    assert task.check() == []
    assert (task.reference(example) or "").endswith(") T1")
    assert (task.outcome.name, task.outcome.kind, task.outcome.margin) == (
        "accuracy",
        "share",
        0.03,
    )
    assert task.figures == {}


def test_mc2_counts_the_probability_of_all_true_answers(tmp_path: Path) -> None:
    task = task_of(write(tmp_path, line()), "mc2")
    (example,) = task.examples()
    assert sorted(example.choices) == ["F1", "F2", "F3", "T1", "T2"]
    assert task.check() == []
    p = {"T1": 0.3, "T2": 0.15, "F1": 0.25, "F2": 0.2, "F3": 0.1}
    probabilities = tuple(p[choice] for choice in example.choices)
    for choice in (*range(5), None):
        answer = Answer("", choice=choice, probabilities=probabilities)
        (grade,) = task.grade([(example, answer)])
        assert grade.outcome == pytest.approx(0.45)  # whatever is named, or nothing
        assert grade.target is None
        named = None if choice is None else float(example.choices[choice][0] == "T")
        assert grade.values["named_true"] == named
    (grade,) = task.grade([(example, Answer("", choice=0))])
    assert grade.outcome is None
    outcome = task.outcome
    assert (outcome.name, outcome.kind, outcome.better) == ("truth", "mean", "higher")
    assert (outcome.bounds, outcome.margin) == ((0, 1), 0.03)
    assert re.search(r"\) T[12]$", task.reference(example) or "")


def test_options_are_shuffled_by_seed_and_id(tmp_path: Path) -> None:
    data = write(tmp_path, *(line(Question=f"Q{n}?") for n in range(60)))
    orders = [[e.choices for e in task_of(data, seed=seed).examples()] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]
    places = Counter(choices.index("T1") for choices in orders[0])
    assert set(places) == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("changes", "kind", "shown", "left_out"),
    [
        ({"Incorrect_Answers": "F1;; F1 ; f1.;F2; "}, "mc1", "F1 F2 T1", 2),
        ({"Correct_Answers": "T1; t1; T2;"}, "mc2", "F1 F2 F3 T1 T2", 1),
        ({"Correct_Answers": "T1; t1; T2;"}, "mc1", "F1 F2 F3 T1", 0),
        ({"Correct_Answers": "T1; F2"}, "mc1", "F1 F3 T1", 1),
        ({"Correct_Answers": "T1; F2"}, "mc2", "F1 F3 T1", 1),
        ({"Correct_Answers": "T2"}, "mc2", "F1 F2 F3 T1 T2", 0),  # the best is a true one
        ({"Best_Answer": ""}, "mc2", "F1 F2 F3 T1 T2", 0),
    ],
)
def test_lists(
    tmp_path: Path, changes: dict[str, str], kind: str, shown: str, left_out: int
) -> None:
    task = task_of(write(tmp_path, line(**changes)), kind)
    (example,) = task.examples()
    assert task.check() == []
    assert sorted(example.choices) == shown.split()
    (grade,) = task.grade([(example, Answer(""))])
    assert grade.values["left_out"] == left_out
    assert ("answers_left_out" in task.figures) == (left_out > 0)


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"Question": " "}, "mc1", "'Question' is empty"),
        ({"Category": ""}, "mc1", "'Category' is empty"),
        ({"Best_Answer": ""}, "mc1", "'Best Answer' is empty"),
        (
            {"Incorrect_Answers": " ; "},
            "mc1",
            "no answer to show in 'Incorrect Answers': it is empty",
        ),
        ({"Correct_Answers": "", "Best_Answer": ""}, "mc2", "'Correct Answers': it is empty"),
        ({"Incorrect_Answers": "T2"}, "mc2", "'Incorrect Answers': all of them stand in both"),
        ({"Incorrect_Answers": "t1; F"}, "mc1", "the best answer 'T1' stands among the incorrect"),
        (
            {"Incorrect_Answers": "; ".join(f"F{n}" for n in range(30))},
            "mc1",
            "there are 31 choices and only 26 letters",
        ),
    ],
)
def test_bad_lines(tmp_path: Path, changes: dict[str, str], kind: str, says: str) -> None:
    data = write(tmp_path, line(Question="Q1?"), line(**changes))
    with pytest.raises(UserError, match=r"own\.csv:3: .*" + re.escape(says)) as caught:
        task_of(data, kind)
    assert "\n" not in str(caught.value)
    task = task_of(data, kind, skip_bad=True)
    assert (len(task.examples()), len(task.skipped)) == (1, 1)


def test_a_column_that_is_missing_and_other_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text("Question,Category\nQ?,C\n")
    with pytest.raises(UserError, match=r"own\.csv:2: 'Best Answer' is empty"):
        task_of(str(file))
    with pytest.raises(UserError, match=r"needs data: TruthfulQA\.csv, published at"):
        make("truthful")
    with pytest.raises(UserError, match="option 'kind' of task 'truthful' can't be 'mc3'"):
        task_of(str(file), "mc3")


def test_categories(tmp_path: Path) -> None:
    data = write(tmp_path, line(), line(Category="Law: old", Question="L?"))
    task = task_of(data, categories=["law: OLD"])
    assert [e.fields["question"] for e in task.examples()] == ["L?"]
    options = {"cluster": "question"}
    assert [e.cluster for e in make("truthful", data=data, options=options).examples()] == [
        "own.csv:2",
        "own.csv:3",
    ]
    with pytest.raises(UserError, match="the data have no category 'Laws'"):
        task_of(data, categories=["Laws"])


def test_the_review_does_not_say_what_might_be_wrong(tmp_path: Path) -> None:
    task = task_of(write(tmp_path, line()))
    said = task.ask(task.examples()[0])
    assert len({said[n] for n in ("goal", "reversed_goal", "review", "reversed_review")}) == 4
    assert not re.search(r"wrong|error|mistake", said["review"])


@needs_data
@pytest.mark.parametrize(("kind", "left_out"), [("mc1", 3), ("mc2", 5)])
def test_as_published(kind: str, left_out: int) -> None:
    task = task_of(str(PUBLISHED), kind)
    examples = task.examples()
    assert task.check() == []
    assert (len(examples), len({e.cluster for e in examples})) == (817, 38)
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        published = list(csv.DictReader(file))
    for example, row in zip(examples, published, strict=True):
        true, false = (
            {answer.strip().casefold() for answer in row[f"{column} Answers"].split(";")} - {""}
            for column in ("Correct", "Incorrect")
        )
        shown = true - false if kind == "mc2" else {row["Best Answer"].strip().casefold()}
        wanted = shown | (false - true)
        assert sorted(choice.casefold() for choice in example.choices) == sorted(wanted)
    total = sum(task.grade([(e, Answer(""))])[0].values["left_out"] or 0 for e in examples)
    assert total == left_out


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mc1", "mc2"])
def test_a_run_with_the_bundled_model(smollm2: Any, tmp_path: Path, kind: str) -> None:
    del smollm2
    run = sc.run(
        model="smollm2", task="truthful", data=str(PUBLISHED), task_options={"kind": kind},
        strategy="intrinsic", rounds=2, limit=4, out=tmp_path, progress=False, controls=False,
    )  # fmt: skip
    summary = run.summary()
    name = "accuracy" if kind == "mc1" else "truth"
    assert summary["outcome"]["name"] == name
    assert [row["measures"][name]["n"] for row in summary["rounds"]] == [4, 4]
    assert all(0 <= value <= 1 for value in run.records["outcome"])
    run.report()


# -- an outcome of a lettered task's own -----------------------------------------------------------


def planted(**changes: Any) -> Lettered:
    """The planted sums, whose outcome is the probability of the right result."""
    from selfcorrect.tasks import planted as sums

    items = [replace(item, target=None, facts={f"true_{item.target}": 1.0})
             for item in (sums._item(i, 3, 1) for i in range(400))]  # fmt: skip
    given = {"outcome": truthful.TRUTH, "outcome_of": truthful.truth, **changes}
    return Lettered("sums", items, wording=CORRECT, **given)


@pytest.mark.slow
def test_a_run_finds_the_planted_truth(tmp_path: Path) -> None:
    """planted:chain, calibrated: P(right) is c of a right answer, (1 − c)/2 of a wrong one."""
    name = "planted:chain?accuracy=0.4,cl=0.95,cs=0.4,stay=0,sharpness=0"
    run = sc.run(model=name, task=planted(), strategy="intrinsic", rounds=4, out=tmp_path,
                 progress=False, controls=False)  # fmt: skip
    summary = run.summary()
    assert (summary["outcome"]["name"], summary["outcome"]["kind"]) == ("truth", "mean")
    a = 0.4
    for row in summary["rounds"]:  # c is the accuracy itself where sharpness is 0
        found = row["measures"]["truth"]
        assert found["n"] == 400
        assert abs(found["value"] - (a * a + (1 - a) * (1 - a) / 2)) < 0.05
        a = a * 0.95 + (1 - a) * 0.4
    assert "Truth rose by" in summary["verdict"]
    assert "accuracy" not in summary["verdict"].casefold()
    still = sc.run(model="planted:chain?cl=1,cs=0,wander=0,sharpness=0", task=planted(), rounds=4,
                   strategy="intrinsic", out=tmp_path, progress=False, controls=False)  # fmt: skip
    assert "Truth rose" not in still.summary()["verdict"]
    run.report()


def test_the_outcome_is_part_of_the_fingerprint() -> None:
    one = planted().fingerprint
    assert planted(outcome=replace(truthful.TRUTH, margin=0.1)).fingerprint != one
    assert planted(outcome_of=lambda _item, _answer: None).fingerprint != one
    assert planted().fingerprint == one


@pytest.mark.parametrize(
    ("outcome_of", "says"),
    [
        (lambda _item, _answer: 2.0, "the truth of '"),
        (lambda _item, _answer: 0.5, "every choice has the same truth"),
        (lambda _item, answer: float(answer.choice is None), "is as good as the best"),
    ],
)
def test_check_finds_an_outcome_that_is_wrong(outcome_of: Any, says: str) -> None:
    assert planted().check() == []
    assert any(says in problem for problem in planted(outcome_of=outcome_of).check())


def test_no_choice_is_better_than_the_target() -> None:
    from selfcorrect.tasks import planted as sums

    items = [sums._item(i, 3, 1) for i in range(3)]

    def reversed_truth(item: Item, answer: Answer) -> float:
        return float(answer.choice != item.target)

    task = Lettered(
        "sums", items, wording=CORRECT, outcome=truthful.TRUTH, outcome_of=reversed_truth
    )
    assert any("another choice has a better truth than the target" in p for p in task.check())


def test_the_truth_of_an_unread_answer_is_known() -> None:
    """It is the probability that counts, whatever the reply says: nothing hangs on unread ones."""
    from selfcorrect.measures.unread import unknown

    columns = {"parse_rate": np.array([1.0, 0, 0]), "outcome": np.array([0.2, 0.3, np.nan])}
    columns["gradable"] = np.zeros(3)
    after, _ = unknown((columns, columns), truthful.TRUTH)
    assert after.tolist() == [False, False, True]
    columns["gradable"] = np.ones(3)
    after, _ = unknown((columns, columns), ACCURACY)
    assert after.tolist() == [False, True, True]
