"""Progress: every dialogue as it finishes, of local models too, whoever does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tiny
from selfcorrect import runs
from selfcorrect.cli.display import line
from selfcorrect.models.base import OutOfMemoryError
from selfcorrect.runs import ExecutorSettings, Progress, RunSpec, read_spec
from selfcorrect.runs.executors.worker import Worker

N, ROUNDS = 12, 2


def spec(model: str, **more: Any) -> RunSpec:
    values = {"model": model, "task": "planted", "rounds": ROUNDS, "limit": N, "chunk": 8}
    return read_spec(values={**values, **more})


def followed(told: list[Progress]) -> None:
    """What holds of progress wherever it comes from."""
    assert told[0].dialogues == told[0].steps == 0
    assert told[-1].dialogues == told[-1].wanted == N
    assert told[-1].steps == told[-1].all_steps
    steps = [each.steps for each in told]
    assert steps == sorted(steps)
    assert [e.dialogues for e in told] == sorted(e.dialogues for e in told)
    for each in told:
        assert each.dialogues <= (N if each.through is None else each.through)
        assert each.steps <= each.all_steps


def test_a_local_run_tells_of_every_dialogue(tmp_path: Path) -> None:
    told: list[Progress] = []
    one = spec("tiny-llama", task="sample", **{"max_tokens.answer": 4})
    model = tiny.model("llama")
    runs.run(one, out=tmp_path, controls=False, model=model, progress=told.append)
    followed(told)
    # not by the chunk, which has 8 of them: one by one, in the last round too
    assert {each.dialogues for each in told} >= set(range(9))
    assert {each.through for each in told if each.round == 1} >= set(range(1, 9))


def test_dialogues_that_are_done_again_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Progress] = []
    through, failed = Worker.through, []

    def full_at_first(self: Worker, job: Any, examples: Any, observer: Any) -> Any:
        taken = through(self, job, examples, observer)
        if not failed:
            failed.append(len(examples))
            raise OutOfMemoryError("full")
        return taken

    monkeypatch.setattr(Worker, "through", full_at_first)
    runs.run(spec("planted:chain"), out=tmp_path, controls=False, progress=told.append)
    assert failed == [8]
    again = next(
        k for k, each in enumerate(told) if each.steps < max(e.steps for e in told[: k + 1])
    )
    assert told[again].steps < 2 * 8
    followed([told[0], *told[again:]])


def test_workers_tell_of_their_rounds(tmp_path: Path) -> None:
    told: list[Progress] = []
    two = ExecutorSettings(workers=2)
    runs.run(
        spec("planted:chain"), out=tmp_path, controls=False, executor=two, progress=told.append
    )
    followed(told)
    assert any(0 < each.steps < 8 * ROUNDS for each in told)  # within a piece


def test_a_line_says_what_is_through() -> None:
    told = Progress("intrinsic", 3, 5, 12, 96, 200, 480, 0.5, through=37, spent="1,234 tokens")
    assert line(told, (None, None)) == (
        "intrinsic round 3/5: 37/96 dialogues · 41 % · 12 finished · accuracy .500 · 1,234 tokens"
    )


def test_what_is_counted_moves_in_every_round_of_every_arm(tmp_path: Path) -> None:
    """Dialogues of a local model go through the rounds together, and are finished at the end."""
    told: list[Progress] = []
    runs.run(spec("planted:chain", chunk=N), out=tmp_path, progress=told.append)
    said = [line(each, (None, None)) for each in told if each.round]
    for arm, rounds in (("intrinsic", ROUNDS), ("repeat", ROUNDS)):
        for number in range(1, rounds + 1):
            mine = [each for each in said if each.startswith(f"{arm} round {number}/{rounds}: ")]
            assert any(f": {N}/{N} dialogues" in each for each in mine), (arm, number)
