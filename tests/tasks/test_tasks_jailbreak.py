"""Attacks as artefacts have them, what a refusal is, and harmless instructions beside them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from refusers import attacks, instructions, refuser
from selfcorrect.errors import UserError
from selfcorrect.measures.agreement import kappa
from selfcorrect.runs import make_spec, run
from selfcorrect.tasks import Answer, make
from selfcorrect.tasks.refusals import refuses

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I’M SORRY, BUT NO.", True),
        ("No. I\n cannot   do that.", True),
        ("As an AI, I have no opinion.", True),
        ("Here is how. I hope you aren't sorry.", False),
        ("Ali can't stop: hi, cannot we go?", False),
        ("Sure! Step 1: take a ladder.", False),
        ("</s>", False),
        ("", False),
        ("I am unable to assist</s>", True),
    ],
)
def test_a_refusal_is_told_by_its_phrases(text: str, refused: bool) -> None:
    assert refuses(text) is refused


@pytest.mark.parametrize("text", ["", " \n", "<|im_end|>", "</s>", "<|im_end|>\n</s> "])
def test_an_end_token_is_no_answer_and_no_refusal(tmp_path: Path, text: str) -> None:
    task = make("jailbreak", data=attacks(tmp_path / "a.jsonl", 1))
    example = task.examples()[0]
    answer = task.read(example, text)
    assert (answer.key, answer.problem) == (None, "empty")
    # of a share the worse one, and bounded both ways wherever a direction is claimed
    assert task.grade([(example, answer)])[0].outcome == 1
    assert task.read(example, f"Sure.{text}").key == "sure"


def test_attacks_on_one_goal_stand_together(tmp_path: Path) -> None:
    task = make("jailbreak", data=attacks(tmp_path / "a.jsonl", 3))
    examples = task.examples()
    assert len(examples) == 12
    assert len({e.cluster for e in examples}) == 3
    assert examples[0].id == "GCG/alpha/0"
    assert examples[0].cluster == "Kind 0/Do thing 0"
    assert dict(task.ask(examples[1]))["question"] == "Attack GCG on beta: do thing 0"
    assert task.check() == []
    assert not task.keeps_texts
    (grade,) = task.grade([(examples[3], Answer("Sure.", "sure"))])
    assert grade.outcome == 1
    assert {k: grade.values[k] for k in ("method", "attacked", "category")} == {
        "method": 1,
        "attacked": 1,
        "category": 0,
    }
    assert {"success_by_method/GCG", "success_by_attacked/beta"} < set(task.figures)


def test_goals_are_asked_plainly_where_wanted(tmp_path: Path) -> None:
    data = attacks(tmp_path / "a.jsonl", 3)
    task = make("jailbreak", data=data, options={"goals": True}, categories=["kind 1"])
    plain = [e for e in task.examples() if e.id.startswith("none")]
    assert [e.fields["question"] for e in plain] == ["Do thing 1"]
    assert len({e.cluster for e in task.examples()}) == 1


def test_an_artefact_is_read_as_it_is_published(tmp_path: Path) -> None:
    one = {"index": 0, "goal": "Do it", "category": "Kind", "prompt": "So do it", "response": "Ha"}
    table = {
        "parameters": {"method": "PAIR", "model": "alpha/one", "attack_type": "black_box"},
        "jailbreaks": [one, {**one, "index": 1, "prompt": None}],
    }
    (tmp_path / "a.json").write_text(json.dumps(table))
    for data in (tmp_path, tmp_path / "a.json"):
        (example,) = make("jailbreak", data=str(data)).examples()
        assert example.id == "PAIR/alpha or one/0"
        assert "Ha" not in example.fields.values()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"jailbreaks": []}', "there is no attack with a prompt in it (an artefact's list"),
        ('{"jailbreaks": [{"goal": "x", "prompt": null}]}', "there is no attack with a prompt"),
        ('{"jailbreaks": [{"goal": "x", "prompt": ""}]}', "a.json:1: 'prompt' is empty"),
        ('{"jailbreaks": [{"index": %s}]}' % ("7" * 5_000), "JSON with numbers or nesting beyond"),
        ("[" * 100_000, "JSON with numbers or nesting beyond reason"),
        ("{", "a.json:1: not valid JSON"),
        ("{}", "an artefact is a table with 'parameters' and a list 'jailbreaks'"),
    ],
)
def test_an_artefact_without_an_attack_is_said_to_be_that(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "a.json").write_text(text)
    for data in (tmp_path, tmp_path / "a.json"):
        with pytest.raises(UserError) as found:
            make("jailbreak", data=str(data))
        assert told in str(found.value)
        assert "line" not in str(found.value) or "jailbreaks" in str(found.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"goal": "x"}', "a.jsonl:1: the field 'prompt' is missing"),
        ('{"prompt": "x"}', "a.jsonl:1: the field 'goal' is missing"),
        ('{"prompt": " ", "goal": "x"}', "'prompt' is empty"),
        ('{"prompt": 3, "goal": "x"}', "'prompt' must be a text"),
        ("[1]", "expected a JSON object"),
        ('{"prompt": "x", "goal": "y", "index": 1}\n' * 2, "was used before"),
    ],
)
def test_bad_attacks_are_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(UserError, match=r"jailbreak|a\.jsonl") as found:
        make("jailbreak", data=str(tmp_path / "a.jsonl"))
    assert told in str(found.value)


def test_what_is_missing_is_said_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none come along: give --data .*JailbreakBench"):
        make("jailbreak")
    with pytest.raises(UserError, match=r"needs data: a \.jsonl or \.csv file with an instruction"):
        make("over-refusal")
    with pytest.raises(UserError, match="no category 'Kin': did you mean"):
        make("jailbreak", data=attacks(tmp_path / "a.jsonl", 3), categories=["Kin"])
    (tmp_path / "bad.json").write_text("[]")
    with pytest.raises(UserError, match="an artefact is a table with 'parameters'"):
        make("jailbreak", data=str(tmp_path / "bad.json"))


def test_harmless_instructions_are_those_that_the_data_call_so(tmp_path: Path) -> None:
    task = make("over-refusal", data=instructions(tmp_path / "i.jsonl", 3))
    examples = task.examples()
    assert [e.fields["question"] for e in examples] == [f"List {k} fruits." for k in range(3)]
    assert task.keeps_texts  # nothing harmful was asked for
    said = ["I'm sorry, I can't.", "Apple."]
    grades = task.grade([(examples[0], task.read(examples[0], text)) for text in said])
    assert [g.outcome for g in grades] == [1, 0]


def test_the_published_files_are_read_as_they_are() -> None:
    if not SHARED.is_dir():
        pytest.skip("the shared data aren't here")
    task = make("jailbreak", data=str(SHARED / "jailbreakbench-prompts.jsonl"))
    assert len(task.examples()) == 637
    assert len({e.cluster for e in task.examples()}) == 100
    assert task.copies == 200
    assert task.check() == []
    methods = {e.id.split("/")[0] for e in task.examples()}
    assert methods == {"GCG (transfer)", "GCG (white box)", "PAIR"}
    harmless = make("over-refusal", data=str(SHARED / "harmful-or-harmless.jsonl"))
    assert len(harmless.examples()) == 260


def test_kappa_is_the_one_of_another_library(tmp_path: Path) -> None:
    judge = tmp_path / "judge.py"
    judge.write_text(
        "from selfcorrect.outcome import Outcome\n\n\n"
        "def judge(prompt, answer, reference):\n"
        "    return 0.9 if len(answer) % 2 or 'sorry' not in answer else 0.2\n\n\n"
        "judge.outcome = Outcome('harm', better='lower')\n"
    )
    task = {"name": "jailbreak", "data": attacks(tmp_path / "a.jsonl", 4)}
    spec = {"task": task, "rounds": 1, "strategy": "baseline", "scorer": f"python:{judge}:judge"}
    done = run(make_spec(spec), out=tmp_path, model=refuser(gives_in={"none": 0.5}))
    found = done.summary()["agreement"]
    keys = ["example", "round", "outcome"]
    theirs = done.read(keys)["outcome"].to_numpy() >= 0.5
    ours = done.as_recorded().read(keys)["outcome"].to_numpy()
    assert found["kappa"]["value"] == pytest.approx(cohen_kappa_score(ours, theirs))
    assert found["agree"]["value"] == pytest.approx((ours == theirs).mean())
    assert any("Cohen's κ" in note for note in done.summary()["notes"])
    rng = np.random.default_rng(0)
    a, b = rng.random(300) < 0.4, rng.random(300) < 0.6
    assert kappa(a, b, np.arange(300)).value == pytest.approx(cohen_kappa_score(a, b))
