"""Dialogues that exist already: `selfcorrect measure`, the task `dialogues`, the step `given`."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import selfcorrect as sc
from commands import refused
from given_dialogues import AGAIN, ASK, CHOICES, GOES_ON, TWO, dialogue, said, written
from selfcorrect.cli import app
from selfcorrect.cli.export import _write_dialogues as write_dialogues
from selfcorrect.errors import UserError
from selfcorrect.strategies import parse
from servers.stub import Stub


@pytest.mark.parametrize(
    ("toml", "line", "says"),
    [
        (GOES_ON.replace("[[again]]\ns", 'say = "x"\n[[again]]\ns'), 2, "has `say` and `given`"),
        (GOES_ON.replace("given = true", "given = false"), 3, "given must be true"),
        (GOES_ON.replace("given = true", 'given = true\nprefill = "x"'), 4, "has no meaning"),
        (
            GOES_ON.replace('say = "Please think again."', "given = true"),
            5,
            "is all of round 2: no other step may apply",
        ),
        (
            GOES_ON.replace("[[again]]\ns", "[[again]]\nrounds = [2]\ns").replace(
                'elicit = "answer"', 'elicit = "answer"\nrounds = [2]'
            )
            + "[[again]]\nexcept_rounds = [2]\ngiven = true\n",
            13,
            "round 3 can't be taken as it is given",
        ),
    ],
)
def test_where_given_does_not_fit(toml: str, line: int, says: str) -> None:
    with pytest.raises(UserError, match=f"on.toml:{line}: .*{says}"):
        parse(toml, "on.toml")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"choices": CHOICES}, "'messages'"),
        (dialogue(), "none of the messages is the assistant's"),
        (dialogue(ASK), "none of the messages is the assistant's"),
        (dialogue(said("(a)")), "message 1 is an answer already"),
        (dialogue(ASK, said("(a)"), AGAIN), "message 3 comes after the last answer"),
        (dialogue({"role": "asistant", "content": "x"}), "did you mean 'assistant'"),
        (dialogue("Which?"), "message 1 must be an object"),
        (dialogue(ASK, {"role": "assistant"}), "message 2"),
        (dialogue(ASK, {"role": "assistant", "content": 3}), "its content must be text"),
        (dialogue(ASK, said("(a)", round=0)), "the round of message 2"),
        (dialogue(ASK, said("(a)", round=True)), "the round of message 2"),
        (dialogue(ASK, said("(a)", round=2)), "must begin with 1"),
        (
            dialogue(ASK, said("(a)", round=2), AGAIN, said("(a)", round=1)),
            "the answers' rounds are 2, 1",
        ),
        (
            dialogue(ASK, said("(a)"), answer="purple"),
            'the answer "purple" is none of the 3 choices',
        ),
        (dialogue(ASK, said("(a)"), choices=["x"]), ""),
        (dialogue(ASK, said("\ud800")), "message 2"),
        ('{"messages": ', "not valid JSON"),
        ("[]", ""),
    ],
)
def test_a_bad_line(row: Any, says: str, stub: Stub, tmp_path: Path) -> None:
    good = dialogue(ASK, said("(a)"))
    if isinstance(row, dict) and "answer" in row:
        good["answer"] = "red"
    if isinstance(row, dict):
        row = json.dumps({"choices": CHOICES, **row})
    file = written(tmp_path, good, row)
    sentence = refused("measure", file, "--model", "planted:chain", "--out", tmp_path)
    assert sentence.startswith(f"{file}:2: ")
    assert says in sentence
    options = ["--skip-bad", "--model", "openai:stub", "--base-url", stub.url]
    done = CliRunner().invoke(app, ["measure", str(file), *options, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output


def test_other_wrong_commands(tmp_path: Path) -> None:
    command = ["--model", "planted:chain", "--out", tmp_path]
    file = written(tmp_path, dialogue(ASK, said("(a)"), answer="a"), dialogue(ASK, said("(a)")))
    assert "d.jsonl:2: the field 'answer' is missing, which other" in refused(
        "measure", file, *command
    )
    assert "no such file" in refused("measure", tmp_path / "none.jsonl", *command)
    assert "is empty" in refused("measure", written(tmp_path), *command)
    file = written(tmp_path, TWO)
    assert "lead_in" in refused("measure", file, "--lead-in", " ", *command)
    assert "rounds must be at least 1" in refused("measure", file, "--rounds", "0", *command)
    assert "FILE" in refused("measure", *command)
    assert "needs data" in refused("run", "--task", "dialogues", *command)
    assert "hold no dialogues: use the task 'dialogues'" in refused(
        "run", "--task", "planted", "--strategy", "given", *command
    )


BEGIN = """about = "x"
[[first]]
say = "{question}"
[[first]]
elicit = "answer"
prefill = "{answer_prefill}"
"""


ANEW = f"""{BEGIN}
[[again]]
say = "{{question}}"
begin = true
[[again]]
elicit = "answer"
prefill = "{{answer_prefill}}"
"""


# the bundled model says no: round 2 has no new answer, and round 3 has one
KEPT = f"""{BEGIN}
[[again]]
say = "Does it hold?"
[[again]]
elicit = "critique"
choices = ["yes", "no"]
[[again]]
when = {{ critique = "yes" }}
rounds = [2]
elicit = "answer"
[[again]]
when = {{ critique = "no" }}
except_rounds = [2]
elicit = "answer"
prefill = "{{answer_prefill}}"
"""


@pytest.mark.parametrize(
    ("strategy", "says"),
    [(ANEW, "starts over in round 2"), (KEPT, "has no new answer in some round")],
)
def test_what_is_no_one_list_of_messages_is_not_exported(
    smollm2: Any, strategy: str, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.toml"
    path.write_text(strategy)
    run = sc.run(
        smollm2, "sample", path, rounds=3, limit=1, out=tmp_path, controls=False, progress=False
    )
    sentence = refused("export", run.folder, "--jsonl", tmp_path / "x.jsonl", "--dialogues")
    assert says in sentence
    assert list(tmp_path.glob("*x.jsonl*")) == []


@pytest.mark.parametrize("target", [99, -1])
def test_a_right_answer_that_is_no_choice_is_not_exported(target: int) -> None:
    """Of a run that somebody sent: it was a letter of the alphabet's end, or a traceback."""
    row = {"example": "a", "round": 1, "cluster": "c", "choices": ["x", "y"], "steps": []}
    with pytest.raises(UserError, match=f"right answer {target}, and 2 choices"):
        write_dialogues(pl.DataFrame([{**row, "target": target}]), BytesIO())
