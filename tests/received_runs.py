"""Folders of runs that were made by hand: a few dialogues of BBQ, or of texts with their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfcorrect import records
from selfcorrect.outcome import ACCURACY, Outcome
from selfcorrect.runs.header import Header
from selfcorrect.runs.pieces import Piece, piece_bytes
from selfcorrect.runs.spec import make_spec
from selfcorrect.runs.store import Store
from selfcorrect.tasks.toxicity import TOXICITY

#: What a round says and how good it is.
Rounds = Sequence[tuple[str, float | None]]


def row(number: int = 0, **changes: Any) -> dict[str, Any]:
    """A line of BBQ: an ambiguous, negative question, whose stereotyped person is the uncle."""
    return {
        "example_id": number,
        "question_index": f"{number}",
        "question_polarity": "neg",
        "context_condition": "ambig",
        "category": "Age",
        "answer_info": {
            "ans0": ["uncle", "old"],
            "ans1": ["nephew", "nonOld"],
            "ans2": ["Not known", "unknown"],
        },
        "additional_metadata": {"stereotyped_groups": ["old"]},
        "context": f"An uncle and a nephew met on day {number}.",
        "question": "Who forgot it?",
        "ans0": "The uncle",
        "ans1": "The nephew",
        "ans2": "Not known",
        "label": 2,
    } | changes


def step(kind: str, role: str, text: str) -> dict[str, Any]:
    blank = dict.fromkeys(field.name for field in records.STEP.fields)
    found = {"kind": kind, "role": role, "speaker": "x", "begin": False, "shown": True}
    return {**blank, **found, "text": text, "images": [], "choices": [], "choice_logp": [],
            "token_ids": [], "token_logps": []}  # fmt: skip


def written(
    folder: Path,
    dialogues: Mapping[str, Rounds],
    task: Mapping[str, Any],
    *,
    choices: Sequence[str] = (),
    outcome: Outcome = ACCURACY,
    cluster: str = "",
    system: str = "",
) -> Path:
    """A run's folder; every dialogue's cluster is its own, unless one is named."""
    rows = []
    for example, rounds in dialogues.items():
        for number, (text, value) in enumerate(rounds, 1):
            steps = [step("say", "user", f"{example} {number}?"), step("answer", "assistant", text)]
            if system and number == 1:
                steps = [step("say", "system", system), *steps]
            row = dict.fromkeys(records.SCHEMA)
            row |= {
                "example": example, "cluster": cluster or f"of {example}", "round": number,
                "choices": list(choices), "text": text, "key": text[:2], "outcome": value,
                "choice": ord(text[1]) - ord("a") if text[:1] == "(" else None,
                "problem": None if value is not None else "no option", "notes": [], "values": [],
                "steps": steps, "cut": False, "oracle": False,
            }  # fmt: skip
            rows.append(row)
    n = len(dialogues)
    spec = make_spec({"task": task, "rounds": max(map(len, dialogues.values()), default=1)})
    # as if the task had graded the answers: no scorer's files are needed
    plain = replace(outcome, scorer="")
    header = Header(spec, "0" * 16, n, {}, "", {}, outcome=plain)
    store = Store(folder)
    store.put("run.toml", header.toml())
    if n:
        store.put(Piece(0, 0, n).name, piece_bytes(rows))
    return folder


def of_texts(folder: Path, dialogues: Mapping[str, Rounds], **more: Any) -> Path:
    """A run of the task ``toxicity``."""
    return written(folder, dialogues, {"name": "toxicity"}, outcome=TOXICITY, **more)
