"""Records without what models replied, of tasks whose answers aren't to be kept.

What stays is what a strategy and the task say by themselves, numbers, and replies that are one of a
step's own choices. Everything else that a model wrote, or that quotes it, is replaced, so that
whoever stores the records stores none of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

from selfcorrect.converse.record import Record, SampleRecord, StepRecord
from selfcorrect.strategies import KINDS, Strategy, placeholders, render
from selfcorrect.tasks.base import Example, Task

#: What stands in a text's place.
INSTEAD = "[not kept]"


def withheld(
    rows: Sequence[Record],
    task: Task,
    examples: Sequence[Example],
    strategy: Strategy,
    system: str | None = None,
) -> list[Record]:
    """The records of an arm without the texts of replies.

    A key becomes a digest, so that equal answers still have equal keys; tokens and their
    likelihoods are left out.

    Args:
        rows: of some dialogues.
        task: which asked them.
        examples: theirs, and maybe others.
        strategy: of the arm.
        system: its system prompt.
    """
    by_id = {example.id: example for example in examples}
    known: dict[tuple[str, int], set[str]] = {}
    found = []
    for row in rows:
        at = row["example"], row["round"]
        if at not in known:
            texts = task.ask(by_id[row["example"]])
            known[at] = {*_own_words(strategy, texts, row["round"]), system or ""}
        found.append(_without(row, known[at]))
    return found


def _own_words(strategy: Strategy, texts: Mapping[str, str], number: int) -> set[str]:
    """All that a strategy says in a round, or has a reply begin with, that quotes no reply."""
    said = [each for step in strategy.steps(number) for each in (step.say, step.prefill) if each]
    values = {**texts, "round": str(number)}
    return {render(each, values) for each in said if not placeholders(each) & set(KINDS)}


def _without(row: Record, known: set[str]) -> Record:
    return {
        **row,
        "text": _hidden(row["text"]),
        "key": _digest(row["key"]),
        "samples": [_sample(each) for each in row["samples"]],
        "steps": [_step(each, known) for each in row["steps"]],
    }


def _step(step: StepRecord, known: set[str]) -> StepRecord:
    prefill = step["prefill"]
    own = not prefill or prefill in known
    stated = own and (step["finish"] == "choice" or step["speaker"] == "oracle")
    stays = step["text"] in known if step["kind"] == "say" else stated
    return {
        **step,
        "text": step["text"] if stays else _hidden(step["text"]),
        "prefill": prefill if own else INSTEAD,
        "token_ids": [],
        "token_logps": [],
    }


def _sample(sample: SampleRecord) -> SampleRecord:
    return {**sample, "text": _hidden(sample["text"]), "key": _digest(sample["key"])}


def _hidden(text: str) -> str:
    """Where there is nothing, nothing is hidden: a reader of the record sees that it was empty."""
    return INSTEAD if text.strip() else text


def _digest(key: str | None) -> str | None:
    if key is None:
        return None
    return blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()
