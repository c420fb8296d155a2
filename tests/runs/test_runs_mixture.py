"""Runs of planted:mixture: what was planted is in the records, and nothing is where nothing was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import selfcorrect as sc
from selfcorrect.messages import message
from selfcorrect.models.planted.mixture import exact
from selfcorrect.tasks import make

ROUNDS, LIMIT = 5, 40
SAID = {
    "intrinsic": ("{question}\n\n{goal}", "{review}"),
    "negation": ("{question}\n\n{reversed_goal}", "{reversed_review}"),
    "repeat": ("{question}\n\n{goal}", "{repeat}"),
}


def play(out: Path, strategy: str = "intrinsic", *, limit: int = LIMIT, **options: Any) -> Any:
    return sc.run(
        model="planted:mixture",
        task="planted-mixture",
        strategy=strategy,
        rounds=ROUNDS,
        limit=limit,
        dtype="float32",
        task_options=options,
        out=out,
        progress=False,
    )


def options_p(run: Any) -> NDArray[np.float64]:
    """P(option) as recorded [dialogues, rounds, 3]."""
    rows = run.records.sort("example", "round")
    return np.array(rows["option_p"].to_list()).reshape(-1, ROUNDS, 3)


def should_be(run: Any, strategy: str, **options: Any) -> tuple[Any, Any]:
    """P(option) that is exact for the dialogues as they went [dialogues, rounds, 3], and the log
    odds when each answer was due [dialogues, rounds]."""
    task = make("planted-mixture", options=options)
    known = {example.id: example for example in task.examples()}
    first, again = SAID[strategy]
    p, odds = [], []
    for (name,), mine in run.records.sort("example", "round").group_by(
        "example", maintain_order=True
    ):
        said = task.ask(known[str(name)])
        messages = []
        for number, text in enumerate(mine["text"]):
            messages.append(message("user", (again if number else first).format(**said)))
            messages.append(message("assistant", text))
        found = exact(messages)
        p.append(found.predictive)
        odds.append(found.log_odds[list(found.positions)])
    return np.stack(p), np.stack(odds)


@pytest.mark.parametrize("strategy", ["intrinsic", "negation"])
def test_records_hold_the_exact_uncertainty(tmp_path: Path, strategy: str) -> None:
    run = play(tmp_path, strategy)
    p, odds = should_be(run, strategy)
    found = options_p(run)
    assert (p * np.log(p / found)).sum(axis=2).mean() < 0.01
    rising = np.diff(odds.mean(axis=0))
    assert (rising > 0).all() if strategy == "intrinsic" else (rising < 0).all()
    rounds = run.summary()["rounds"]
    first, last = (rounds[at]["measures"]["accuracy"]["value"] for at in (0, -1))
    assert last > first if strategy == "intrinsic" else last < first


def test_instructions_that_say_nothing_gain_nothing_over_the_control(tmp_path: Path) -> None:
    """The model's own answers are evidence still, alike in both arms; where they are none either,
    nothing moves at all."""
    run = play(tmp_path, instructions="neutral")
    both = options_p(run), options_p(run.control("repeat"))
    assert np.abs(both[0] - both[1]).mean() < 0.03
    still = play(tmp_path, instructions="neutral", answers="alike")
    p = options_p(still)
    assert np.abs(p - p[:, :1]).max() < 0.05
    _, odds = should_be(still, "intrinsic", instructions="neutral", answers="alike")
    np.testing.assert_allclose(odds, odds[:, :1].repeat(ROUNDS, axis=1), atol=1e-9)


def test_answers_alike_leave_the_uncertainty_where_it_is_while_the_concept_moves(
    tmp_path: Path,
) -> None:
    run = play(tmp_path, answers="alike")
    entropy = run.records.sort("example", "round")["entropy"].to_numpy().reshape(-1, ROUNDS)
    assert np.abs(entropy - entropy[:, :1]).mean() < 0.02
    _, odds = should_be(run, "intrinsic", answers="alike")
    assert (np.diff(odds, axis=1) > 1).all()


def test_a_larger_limit_extends_a_run(tmp_path: Path) -> None:
    small = play(tmp_path, limit=8)
    large = play(tmp_path, limit=16)
    assert large.folder == small.folder
    assert large.dialogues == 16
    assert large.control("repeat").dialogues == 16
