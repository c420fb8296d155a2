"""Dialogues that exist already: `selfcorrect measure`, the task `dialogues`, the step `given`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from typer.testing import CliRunner

import selfcorrect as sc
from given_dialogues import AGAIN, ASK, GOES_ON, LEAD, TWO, dialogue, said, written
from selfcorrect.cli import app
from selfcorrect.cli.export import to_jsonl
from selfcorrect.converse.record import NO_LETTER
from selfcorrect.messages import message
from selfcorrect.runs import Run
from selfcorrect.tasks import Turn, make
from servers.stub import BARE, CLOUD, Stub


def measured(folder: Path, *rows: Any, model: Any, **more: Any) -> Run:
    return sc.measure(written(folder, *rows), model, out=folder / "runs", progress=False, **more)


def test_a_frame_is_measured_as_the_file_with_the_same_rows(tmp_path: Path, smollm2: Any) -> None:
    rows = [{**TWO, "id": f"d{n}"} for n in range(2)]
    of_file = measured(tmp_path, *rows, model=smollm2, thinking="off")
    frames = (pl.DataFrame(rows), pd.DataFrame(rows), rows)
    for number, frame in enumerate(frames):
        run = sc.measure(frame, smollm2, out=tmp_path / f"{number}", progress=False)
        same = ["example", "round", "key", "text", "option_logp"]
        assert run.records.select(same).equals(of_file.records.select(same))
    with pytest.raises(sc.UserError, match="frame:row 1: the field 'messages' is missing"):
        sc.measure([{"choices": ["x", "y"]}], smollm2, out=tmp_path, progress=False)


def turns(folder: Path, *messages: dict[str, Any], lead_in: str = LEAD) -> tuple[Turn, ...]:
    file = written(folder, dialogue(*messages))
    (example,) = make("dialogues", data=str(file), options={"lead_in": lead_in}).examples()
    return example.turns


REASONS = r"""about = "x"
[[first]]
say = "{question}\n\n{goal}"
[[first]]
elicit = "rationale"
max_tokens = 12
[[first]]
say = "So what is it?"
[[first]]
elicit = "answer"
max_tokens = 12
prefill = "So {answer_prefill}"
[[again]]
say = "What could be better?"
[[again]]
elicit = "feedback"
max_tokens = 12
[[again]]
say = "{review}"
[[again]]
elicit = "answer"
prefill = "{answer_prefill}"
"""


@pytest.mark.parametrize(
    ("strategy", "rounds"), [pytest.param("intrinsic", 3, marks=pytest.mark.slow), ("reasons", 2)]
)
def test_it_finds_what_the_run_that_held_them_found(
    smollm2: Any, strategy: str, rounds: int, tmp_path: Path
) -> None:
    if strategy == "reasons":
        path = tmp_path / "reasons.toml"
        path.write_text(REASONS)
        strategy = str(path)
    held = sc.run(
        smollm2, "sample", strategy, rounds=rounds, limit=2, out=tmp_path, controls=False,
        progress=False,
    )  # fmt: skip
    file = tmp_path / "d.jsonl"
    assert to_jsonl(held, file, replace=False, dialogues=True) == 2
    found = sc.measure(file, smollm2, out=tmp_path / "measured", progress=False)
    a = held.records.sort("example", "round")
    b = found.records.sort("example", "round")
    same = ["example", "cluster", "round", "choices", "text", "choice", "problem", "outcome"]
    assert a.select(*same, "target", "likeliest").equals(b.select(*same, "target", "likeliest"))
    for name in ("option_p", "confidence", "entropy", "first_choice_p"):
        mine, its = (np.array(frame[name].to_list(), dtype=float) for frame in (a, b))
        np.testing.assert_allclose(its, mine, atol=2e-5)
    assert b["generated"].to_list() == [1] * len(b)
    measured = ("accuracy", "confidence", "entropy", "calibration_gap", "brier")
    for mine, its in zip(held.summary()["rounds"], found.summary()["rounds"], strict=True):
        for name in measured:
            assert its["measures"][name]["value"] == pytest.approx(
                mine["measures"][name]["value"], abs=2e-5
            )


def test_the_options_likelihoods_against_the_network(smollm2: Any, tmp_path: Path) -> None:
    run = measured(tmp_path, TWO, model=smollm2)
    for row in run.records.rows(named=True):
        end = 2 * row["round"] - 1
        chat = smollm2.vocabulary.tokenizer.apply_chat_template(
            TWO["messages"][:end], tokenize=False, add_generation_prompt=True
        )
        ids = smollm2.vocabulary.tokenizer(
            chat + LEAD, return_tensors="pt", add_special_tokens=False
        )
        with torch.no_grad():
            logp = smollm2.twin(**ids).logits[0, -1].log_softmax(-1)
        letters = [smollm2.vocabulary.tokenizer.encode(x, add_special_tokens=False) for x in "abc"]
        slow = [float(logp[each[0]]) for each in letters]
        np.testing.assert_allclose(row["option_logp"], slow, atol=1e-4)


def test_it_is_measured_on_a_server(stub: Stub, tmp_path: Path) -> None:
    run = measured(tmp_path, TWO, model="openai:stub", base_url=stub.url)
    assert run.records["choice"].to_list() == [0, 1]
    assert run.records["option_mass"].is_between(0.5, 1).all()
    assert run.records["notes"].explode().drop_nulls().to_list() == []
    sent = [r["messages"] for r in stub.requests if r.get("continue_final_message")]
    begun = [{"role": "assistant", "content": LEAD}]
    assert [TWO["messages"][0], *begun] in sent
    assert [*TWO["messages"][:3], *begun] in sent


@pytest.mark.parametrize("stub", [CLOUD, BARE], indirect=True)
def test_what_a_server_lacks_is_said(stub: Stub, tmp_path: Path) -> None:
    run = measured(tmp_path, TWO, model="openai:stub", base_url=stub.url)
    for notes in run.records["notes"]:
        assert "asked for in words" in " ".join(note["text"] for note in notes)
    assert run.records["text"].to_list() == [f"{LEAD}a) red.", f"{LEAD}b) green."]


def test_a_round_with_a_critique_has_one_answer(tmp_path: Path) -> None:
    first, critique, second = (
        said("(a)", round=1), said("I forgot the sky."), said(f"{LEAD}c)", round=2)
    )  # fmt: skip
    one, two = turns(tmp_path, ASK, first, AGAIN, critique, AGAIN, second)
    assert one.messages == (message("user", ASK["content"]),)
    assert [each.role for each in two.messages] == ["user", "assistant", "user"]
    assert two.text == f"{LEAD}c)"
    # where a round is marked more than once, what it ends with is its answer
    one, two = turns(tmp_path, ASK, first, AGAIN, said("(b)", round=2), AGAIN, second)
    assert (one.text, two.text) == ("(a)", f"{LEAD}c)")


def test_a_system_message_and_parts(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "Which "}, {"type": "text", "text": "colour?"}]
    (turn,) = turns(
        tmp_path,
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": parts},
        said("(b)"),
    )
    assert turn.messages == (message("system", "Be brief."), message("user", "Which colour?"))


@pytest.mark.parametrize(
    ("text", "lead_in", "prefix", "labels"),
    [
        (f"{LEAD}b) green", LEAD, LEAD, "abc"),
        ("It is blue, so: Answer: B", "Answer:", "It is blue, so: Answer:", (" A", " B", " C")),
        ("(c) blue", LEAD, "(", "abc"),
        ("C", LEAD, "", "ABC"),
        ("**b**", LEAD, "**", "abc"),
        ("Sorry. The correct answer is (c) blue.", LEAD, "Sorry. The correct answer is (", "abc"),
        ("The answer is: b", LEAD, "The answer is:", (" a", " b", " c")),
        ("**Answer:** B", LEAD, "**Answer:**", (" A", " B", " C")),
        (
            "The answer is hard. So: ANSWER: c",
            "So:",
            "The answer is hard. So: ANSWER:",
            (" a", " b", " c"),
        ),
        (r"It is \boxed{B}", "\\boxed{", r"It is \boxed{", "ABC"),
        # no letter, but clear where it would stand
        (f"{LEAD}purple", LEAD, LEAD, "abc"),
        ("Answer: purple", "Answer:", "Answer:", (" a", " b", " c")),
    ],
)
def test_where_the_letter_stands(
    text: str, lead_in: str, prefix: str, labels: Any, tmp_path: Path
) -> None:
    (turn,) = turns(tmp_path, ASK, said(text), lead_in=lead_in)
    assert (turn.prefix, turn.labels, turn.apart) == (prefix, tuple(labels), False)


def test_an_answer_without_a_letter(smollm2: Any, tmp_path: Path) -> None:
    run = measured(tmp_path, dialogue(ASK, said("green"), AGAIN, said("")), model=smollm2)
    assert run.records["choice"].to_list() == [1, None]
    assert run.records["option_p"].list.len().to_list() == [3, 3]
    codes = [[note["code"] for note in notes] for notes in run.records["notes"]]
    assert all(NO_LETTER.code in each for each in codes)


def test_dialogues_of_unlike_length(smollm2: Any, tmp_path: Path) -> None:
    long = {**TWO, "id": "long"}
    short = dialogue(ASK, said("(c)"), answer="a", id="short")
    run = measured(tmp_path, long, short, model=smollm2)
    assert run.spec.rounds == 2
    rows = run.records.filter(pl.col("example") == "short").sort("round")
    assert rows["choice"].to_list() == [2, 2]
    assert rows["notes"].to_list()[1] == [
        {"code": "ended", "text": "the dialogue holds no such round: its last answer stands"}
    ]
    notes = run.summary()["notes"]
    assert notes[0].startswith("The dialogues are read as messages, JSON lines; right answers are ")
    assert notes[1].startswith("1 question stands in the data again under another id")
    assert any(note.startswith("1 of 2 dialogues ended before round 2:") for note in notes)
    assert measured(tmp_path, long, rounds=1, model=smollm2).spec.rounds == 1


def test_without_a_right_answer(smollm2: Any, tmp_path: Path) -> None:
    rows = [
        dialogue(ASK, said(f"{LEAD}{a})"), AGAIN, said(f"{LEAD}{b})"), id=f"{a}{b}{n}")
        for a in "abc"
        for b in "abc"
        for n in range(3)
    ]
    run = measured(tmp_path, *rows, model=smollm2)
    assert run.records["outcome"].null_count() == len(run.records) == 54
    summary = run.summary()
    for each in summary["rounds"]:
        accuracy = each["measures"]["accuracy"]
        assert (accuracy["value"], accuracy["n"]) == (None, 0)
        assert each["measures"]["confidence"]["n"] == 27
        assert each["measures"]["entropy"]["value"] > 0
    assert run.report().stat().st_size > 10_000
    done = CliRunner().invoke(app, ["show", str(run.folder)])
    assert done.exit_code == 0
    assert "accuracy" in done.stdout


def test_a_rounds_transcript_is_the_dialogue(smollm2: Any, tmp_path: Path) -> None:
    run = measured(tmp_path, TWO, model=smollm2)
    steps = [s for row in run.records.sort("round").rows(named=True) for s in row["steps"]]
    assert [{"role": s["role"], "content": s["text"]} for s in steps] == TWO["messages"]
    assert {s["speaker"] for s in steps} == {"given"}
    file = tmp_path / "again.jsonl"
    to_jsonl(run, file, replace=False, dialogues=True)
    again = json.loads(file.read_text())
    marked = [{k: v for k, v in m.items() if k != "round"} for m in again["messages"]]
    assert (marked, again["answer"]) == (TWO["messages"], "(b)")


def test_a_transcript_that_does_not_fit(smollm2: Any, tmp_path: Path) -> None:
    long = {"role": "user", "content": "word " * 9000}
    run = measured(
        tmp_path, dialogue(ASK, said("(a)"), long, said("(b)"), answer="a"), model=smollm2
    )
    one, two = run.records.sort("round").rows(named=True)
    assert (one["choice"], two["choice"]) == (0, 1)
    assert (len(one["option_p"]), two["option_p"]) == (3, [])
    assert any("no options were read" in note["text"] for note in two["notes"])


def test_a_dialogue_that_exists_is_gone_on_with(smollm2: Any, tmp_path: Path) -> None:
    path = tmp_path / "on.toml"
    path.write_text(GOES_ON)
    file = written(tmp_path, TWO)
    run = sc.run(
        smollm2, "dialogues", path, data=file, rounds=2, out=tmp_path, controls=False,
        progress=False,
    )  # fmt: skip
    one, two = run.records.sort("round").rows(named=True)
    assert one["text"] == f"{LEAD}a) red."
    assert two["steps"][0]["text"] == "Please think again."
    assert two["steps"][-1]["speaker"] == smollm2.name
