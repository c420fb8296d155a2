"""Who gives feedback: the run's own model, another, a function; and what a run makes of it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import selfcorrect as sc
from selfcorrect.preview import preview
from selfcorrect.runs import make_spec, open_run
from selfcorrect.runs.command import command_line
from selfcorrect.runs.costs import prices_of

TABLE: dict[str, Any] = {
    "model": "planted:chain",
    "task": {"name": "planted", "options": {"n": 40}},
    "strategy": "intrinsic-feedback-cot",
    "rounds": 3,
    "limit": 6,
    "chunk": 4,
}


def _run(tmp_path: Path, **more: Any) -> Any:
    return sc.run(spec=make_spec({**TABLE, **more}), out=tmp_path, controls=False, progress=False)


def _advice(run: Any) -> list[dict[str, Any]]:
    return [step for steps in run.records["steps"] for step in steps if step["kind"] == "feedback"]


def test_the_default_is_the_runs_own_model(tmp_path: Path) -> None:
    run = _run(tmp_path)
    assert {step["speaker"] for step in _advice(run)} == {"planted:chain"}
    assert run.spec.models["feedback"] == run.spec.model
    codes = {(row["round"], note["code"]) for row in run.records.iter_rows(named=True)
             for note in row["notes"]}  # fmt: skip
    assert codes == {(2, "own model"), (3, "own model")}
    # named, it is the same run; and another model makes another
    assert _run(tmp_path, models={"feedback": "planted:chain"}).folder == run.folder
    other = _run(tmp_path, models={"feedback": "planted:chain?accuracy=0.9"})
    assert other.folder != run.folder
    assert {step["speaker"] for step in _advice(other)} == {"planted:chain?accuracy=0.9"}
    assert "own model" not in {note["code"] for notes in other.records["notes"] for note in notes}


def test_a_function_gives_feedback(tmp_path: Path) -> None:
    seen: list[tuple[str, str]] = []

    def advise(question: str, response: str) -> str:
        seen.append((question, response))
        return f"Think again. {{question}} {len(seen)}"

    run = _run(tmp_path, models={"feedback": advise})
    assert len(seen) == len(_advice(run)) == 6 * 2
    (speaker,) = {step["speaker"] for step in _advice(run)}
    assert speaker.startswith("function:advise@")
    assert open_run(run.folder).spec.models["feedback"].name == speaker
    first = run.records.filter(run.records["example"] == run.records["example"][0])
    rows = list(first.iter_rows(named=True))
    replies = [s["text"] for s in rows[0]["steps"] if s["kind"] in ("rationale", "answer")]
    question, response = seen[0]
    assert response == "\n\n".join(replies)
    assert rows[0]["steps"][0]["text"].startswith(question)
    # what it said stands in the dialogue as it is: braces are no template
    advice = next(s["text"] for s in rows[1]["steps"] if s["kind"] == "feedback")
    assert advice == "Think again. {question} 1"
    assert any(advice in s["text"] for s in rows[1]["steps"] if s["kind"] == "say")


class _Outside:
    """What a function's own identity doesn't hold: a service that fails, and is mended."""

    __slots__ = ("broken", "given", "now")

    def __init__(self) -> None:
        self.given: list[str] = []
        self.broken = True
        self.now: Callable[[str], Any] = len


def test_what_a_function_gives_is_checked_and_nothing_is_lost(tmp_path: Path) -> None:
    """A function that fails in the second chunk leaves the first; mended, the run goes on."""
    outside = _Outside()
    given = outside.given

    def advise(question: str, _response: str) -> Any:
        outside.given.append(question)
        if outside.broken and len(outside.given) > 4 * 2:
            return outside.now(question)
        return None if len(outside.given) % 2 else " \n"

    def fails(_: str) -> str:
        raise ValueError("no {connection}")

    sentences = [
        (fails, r"function:advise@\w{8}: the function, on example '.*' in round 2, failed with "
                r"ValueError: no \{connection\}"),
        (lambda _: 7, "the function gave 7; it must give text, or None where"),
        (lambda _: b"x", "the function gave b'x'"),
        (lambda _: "\ud800", "half a character"),
    ]  # fmt: skip
    for wrong, sentence in sentences:
        outside.now, given[:] = wrong, []
        with pytest.raises(sc.UserError, match=sentence):
            _run(tmp_path, models={"feedback": advise})
        (folder,) = tmp_path.iterdir()
        kept = open_run(folder).records
        assert len(kept) == 4 * 3
        outside.broken, given[:] = False, []
        whole = _run(tmp_path, models={"feedback": advise})
        assert len(given) == 2 * 2  # only what was missing
        assert whole.records[: len(kept)].equals(kept)
        # nothing was said: that is noted, and the dialogue goes on
        assert {step["text"] for step in _advice(whole)} == {""}
        later = whole.records.filter(whole.records["round"] > 1)
        assert later["leak"].is_null().all()
        said = [step["text"] for steps in later["steps"] for step in steps if step["kind"] == "say"]
        assert sum("Advice on your last reply:\n\n(none)\n\n" in text for text in said) == 6 * 2
        codes = [{n["code"] for n in notes} for notes in whole.records["notes"]]
        assert [("no feedback" in each) for each in codes] == [False, True, True] * 6
        outside.broken = True
        shutil.rmtree(folder)


def test_an_essay_is_cut_between_words_and_that_is_recorded(tmp_path: Path) -> None:
    def advise(_question: str, response: str) -> str:
        return "so " * 500 if "1" in response else "short."

    run = _run(tmp_path, models={"feedback": advise}, max_tokens={"feedback": 7})
    steps = _advice(run)
    assert {(step["text"], step["finish"]) for step in steps} == {
        (" ".join(["so"] * 7), "length"),
        ("short.", "stop"),
    }


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"models": {"feedback": len}}, "must take a question and a response"),
        ({"models": {"feedback": "function:gone@0"}}, "which only the program that has it can ask"),
        ({"model": "function:gone@0"}, "gives feedback only: name a model"),
        ({"strategy": "intrinsic", "models": {"feedback": "planted:chain"}},
         "who gives feedback, and intrinsic never asks for it"),
        ({"max_tokens": {"reason": 3}}, "max_tokens.reason is of nothing elicited"),
        ({"max_tokens": {"answer": 0}}, "max_tokens.answer must be at least 1"),
        ({"max_tokens": {"answer": 1.5}}, "max_tokens.answer"),
    ],
)  # fmt: skip
def test_mistakes_are_one_sentence(tmp_path: Path, changed: dict[str, Any], sentence: str) -> None:
    with pytest.raises(sc.UserError, match=sentence):
        _run(tmp_path, **changed)
    assert list(tmp_path.iterdir()) == []


def test_a_function_gives_feedback_only_and_stays_in_its_process(tmp_path: Path) -> None:
    def advise(_question: str, _response: str) -> str:
        return "x"

    mine = tmp_path / "mine.toml"
    mine.write_text(
        'about = "x"\n[[first]]\nsay = "{question}"\n[[first]]\nelicit = "answer"\n[[again]]\n'
        'from = "feedback"\nsay = "{answer}"\n[[again]]\nfrom = "feedback"\nelicit = "critique"\n'
        '[[again]]\nelicit = "answer"\n'
    )
    with pytest.raises(sc.UserError, match=r"mine.toml:9: models.feedback is a function"):
        _run(tmp_path, strategy=str(mine), models={"feedback": advise})
    spec = make_spec({**TABLE, "models": {"feedback": advise}})
    with pytest.raises(sc.UserError, match="workers are processes of their own"):
        sc.run(spec=spec, out=tmp_path, workers=2, progress=False)


def test_a_preview_asks_no_function(tmp_path: Path) -> None:
    def advise(_question: str, _response: str) -> str:
        raise AssertionError

    shown = preview(make_spec({**TABLE, "models": {"feedback": advise}}), out=tmp_path)
    assert len(shown.prompts) == 2 + 2 * 2  # rationale and answer, in every round
    both = preview(make_spec(TABLE), out=tmp_path)
    assert len(both.prompts) == 2 + 3 * 2


def test_the_most_tokens_are_the_specs_then_the_tasks(tmp_path: Path) -> None:
    def longest(run: Any) -> dict[str, int]:
        found: dict[str, int] = {}
        for steps in run.records["steps"]:
            for step in steps:
                found[step["kind"]] = max(found.get(step["kind"], 0), step["generated"])
        return found

    few = _run(tmp_path, max_tokens={"rationale": 1, "feedback": 2})
    usual = _run(tmp_path)
    assert few.folder != usual.folder  # it changes the records
    assert (longest(few)["rationale"], longest(few)["feedback"]) == (1, 2)
    assert longest(few)["answer"] == longest(usual)["answer"]
    line = command_line(make_spec({**TABLE, "models": {"feedback": "planted:chain"},
                                   "max_tokens": {"rationale": 1}}))  # fmt: skip
    assert "--feedback planted:chain" in line
    assert "--max-tokens rationale=1" in line


def test_the_seconds_of_feedback_are_noted_apart(tmp_path: Path) -> None:
    def advise(_question: str, _response: str) -> str:
        time.sleep(0.01)
        return "x"

    run = _run(tmp_path, models={"feedback": advise})
    notes = [json.loads(path.read_text()) for path in sorted(run.folder.glob("timing/*.json"))]
    assert [note["dialogues"] for note in notes] == [4, 2]
    for note in notes:
        assert 0.01 * 2 * note["dialogues"] <= note["asked"]["feedback"] <= note["seconds"]


def test_every_speaker_has_its_price() -> None:
    served = {"name": "openai:a", "price": [1.0, 2.0]}
    other = {"name": "openai:b", "price": [4.0, 8.0]}

    def prices(model: Any, feedback: Any) -> Any:
        spec = make_spec({**TABLE, "model": model, "models": {"feedback": feedback}})
        return prices_of(spec)

    assert prices(served, other) == {
        "openai:a": (1.0, 1.0, 2.0), "openai:b": (4.0, 4.0, 8.0)
    }  # fmt: skip
    assert prices(served, served) == {"openai:a": (1.0, 1.0, 2.0)}
    assert prices(served, "planted:chain") == {
        "openai:a": (1.0, 1.0, 2.0), "planted:chain": (0.0, 0.0, 0.0)
    }  # fmt: skip
    assert prices("planted:chain", other) == {
        "planted:chain": (0.0, 0.0, 0.0), "openai:b": (4.0, 4.0, 8.0)
    }  # fmt: skip
    assert prices(served, "openai:b") is None  # unknown, and so the sum is
    assert prices("planted:chain", "planted:chain") is None  # nothing is paid for


def _advising(words: str) -> Callable[[str, str], str]:
    def advise(_question: str, _response: str) -> str:
        return words

    return advise


def test_functions_of_one_source_that_carry_different_words_have_runs_of_their_own(
    tmp_path: Path,
) -> None:
    one, other = (
        _run(tmp_path, rounds=2, models={"feedback": _advising(w)}) for w in ("Yes.", "No.")
    )
    assert one.folder != other.folder
    assert [{step["text"] for step in _advice(run)} for run in (one, other)] == [{"Yes."}, {"No."}]
    assert _run(tmp_path, rounds=2, models={"feedback": _advising("Yes.")}).folder == one.folder


def test_a_run_that_uses_the_truth_says_so_first(tmp_path: Path) -> None:
    run = sc.run(
        spec=make_spec({**TABLE, "strategy": "checking-oracle"}), out=tmp_path, progress=False
    )
    assert run.summary()["verdict"].startswith("checking-oracle uses the truth (oracle): ")
    assert "uses the truth" not in run.control("repeat").summary()["verdict"]  # type: ignore[union-attr]
