"""Labelled dialogues of planted:mixture's language, as a file that a concept is trained on.

    python -m benchmarks.mixture_dialogues dialogues.jsonl --n 1600
    selfcorrect concept train planted --model planted:mixture --data dialogues.jsonl

As many under C+ as under C-, of 1 to 10 rounds, each up to where a letter is due. ``--answers
concept`` takes those whose answers depend on the concept alone, ``--answers alike`` the others.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path

from selfcorrect.messages import Message
from selfcorrect.models.planted.mixture import corpus
from selfcorrect.planted_words import ALIKE

_ALIKE = {word for kind in ALIKE for word in kind}


def dialogues(seed: int, answers: str = "both") -> Iterator[tuple[list[Message], bool]]:
    """Dialogues up to where a letter is due, and whether C+ governs them, without end."""
    rng = random.Random(seed)
    for drawn in corpus(seed):
        kind = "alike" if set(drawn.messages[0].text.split()) & _ALIKE else "concept"
        if answers in ("both", kind):
            rounds = rng.randint(1, len(drawn.messages) // 2)
            yield list(drawn.messages[: 2 * rounds - 1]), drawn.plus


def write(path: Path, n: int, seed: int, answers: str = "both") -> Path:
    """Write so many of them into a file, as many of C+ as of C-."""
    left = {True: n // 2, False: n // 2}
    with path.open("w") as file:
        for messages, plus in dialogues(seed, answers):
            if left[plus]:
                left[plus] -= 1
                told = [{"role": m.role, "content": m.text} for m in messages]
                told.append({"role": "assistant", "content": "I choose ("})
                file.write(json.dumps({"messages": told, "label": plus}) + "\n")
            if not any(left.values()):
                break
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("file", type=Path)
    parser.add_argument("--n", type=int, default=1600)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--answers", choices=("both", "concept", "alike"), default="both")
    given = parser.parse_args()
    write(given.file, given.n, given.seed, given.answers)


if __name__ == "__main__":
    main()
