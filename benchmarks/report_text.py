"""100,000 records of text with samples: 20,000 dialogues of 5 rounds, replies of about 60 words.

    python -m benchmarks.report_text     # prints, and writes report_text.json

Made by a model that draws words by a hash, so that no two replies are alike; as large as a run on
a real model would be, and as long to read. Measured as ``benchmarks.report`` measures.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import DIALOGUES, ROUNDS, measured

import selfcorrect as sc
from selfcorrect.messages import Message, Transcript, restart_all, say_all
from selfcorrect.models.base import InProcess, Likelihood, Reply, Request, Sample
from selfcorrect.outcome import Outcome
from selfcorrect.tasks.base import Answer, Example, Grade
from selfcorrect.tasks.free import Free, Item
from selfcorrect.tasks.wording import CORRECT

WORDS = 60
#: A vocabulary of 4,000 words of like length as English ones, so that texts compress as texts do.
_DRAW = random.Random(0)
VOCABULARY = ["".join(_DRAW.choices("aeioustrnlmdcp", k=_DRAW.randint(2, 9))) for _ in range(4000)]


class Words(InProcess):
    """A model that says words drawn by a hash of what stands in the transcript."""

    name, fingerprint, dtype, device, context = "words", "0" * 16, "none", "cpu", 1 << 20

    def open(self, dialogues: int) -> Talk:
        return Talk([Transcript() for _ in range(dialogues)])

    def count(self, text: str) -> int:
        return len(text.split())


class Talk:
    """See :class:`selfcorrect.models.base.Conversation`."""

    def __init__(self, transcripts: list[Transcript]) -> None:
        self.transcripts = transcripts

    def say(self, messages: Sequence[Message | None]) -> None:
        say_all(self.transcripts, messages)

    def restart(self, messages: Sequence[Sequence[Message] | None]) -> None:
        restart_all(self.transcripts, messages)

    def branch(self, copies: int = 1) -> Talk:
        return Talk([each.branch() for each in self.transcripts for _ in range(copies)])

    def close(self, which: Sequence[int]) -> None:
        for row in which:
            self.transcripts[row] = Transcript()

    def render(self, index: int, turn: str | None = None) -> str:
        return "\n".join(m.text for m in self.transcripts[index].messages) + (turn or "")

    def likelihoods(
        self, texts: Sequence[Sequence[str] | None]
    ) -> list[Sequence[Likelihood] | None]:
        return [None if t is None else [Likelihood(-1.0, 1) for _ in t] for t in texts]

    def elicit(self, requests: Sequence[Request | None]) -> list[Reply | None]:
        replies: list[Reply | None] = []
        for row, request in enumerate(requests):
            if request is None:
                replies.append(None)
                continue
            said = self.render(row)
            text = _words(said, 0)
            samples = tuple(
                Sample(_words(said, seed), WORDS, -2.0 * WORDS, encoded=WORDS)
                for seed in request.samples
            )
            self.transcripts[row].close_turn(text)
            replies.append(Reply(text, "stop", encoded=WORDS, generated=WORDS, samples=samples))
        return replies


def _words(said: str, seed: int) -> str:
    key = hashlib.blake2b(f"{seed}{said[-200:]}".encode(), digest_size=8).digest()
    return " ".join(random.Random(key).choices(VOCABULARY, k=WORDS))


def task(n: int) -> Any:
    """Prompts to which any text is an answer; how good it is, is the share of its letters that
    are vowels."""
    items = [
        Item(Example(f"prompt-{k}", {"question": f"Say something of {k}."}, (), f"prompt-{k}"))
        for k in range(n)
    ]

    def judge(_: Item, answer: Answer) -> Grade:
        return Grade(sum(answer.text.count(vowel) for vowel in "aeiou") / len(answer.text))

    outcome = Outcome("vowels", text="Share of letters that are vowels.")
    return Free("words", items, wording=CORRECT, outcome=outcome, judge=judge)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--dialogues", type=int, default=DIALOGUES)
    n = parser.parse_args().dialogues
    with tempfile.TemporaryDirectory() as out:
        run = sc.run(
            Words(), task(n), rounds=ROUNDS, samples=5, meanings="key", controls=False, out=out
        )
        figures: dict[str, Any] = {"records": n * ROUNDS, "samples": 5, **measured(run.folder)}
    for name, value in figures.items():
        print(f"{name:20} {round(value, 2)}")
    Path(__file__).with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
