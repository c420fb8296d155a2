"""How many tokens eight arms take together, and each alone: their common beginning is encoded once.

    python -m benchmarks.arms

The eight arms of the factorial design on the bundled model and the bundled questions, through the
loop of every run. Counted are all tokens that go through the model, guesses of drafts among them.
Writes ``benchmarks/arms.json`` and the table of ``docs/benchmarks.md``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.documented import DOCS, filled

from selfcorrect import models, strategies, tasks
from selfcorrect.converse import Arm, converse
from selfcorrect.models.local.files import BUNDLED
from selfcorrect.studies.design import ARMS

RESULT = Path(__file__).with_name("arms.json")
PAGE = DOCS / "benchmarks.md"
HEAD = ("rounds", "each arm alone", "together", "share of the tokens")
EXAMPLES, ROUNDS = 6, 2
#: The most tokens of a rationale and of feedback, of which their number depends.
MOST = {"rationale": 32, "feedback": 32}


def encoded(model: Any, task: Any, names: Sequence[str], rounds: int) -> int:
    """Tokens that go through the model for these arms together."""
    total = 0

    def add(tokens: int) -> None:
        nonlocal total
        total += tokens

    arms = [Arm(name, strategies.load(name), rounds) for name in names]
    converse(model, task, task.examples()[:EXAMPLES], arms, seed=0, max_tokens=MOST, on_encoded=add)
    return total


def table(result: dict[str, Any]) -> list[list[str]]:
    """The rows of the page."""
    return [
        [rounds, f"{of['alone']:,}", f"{of['together']:,}",
         f"{100 * of['together'] / of['alone']:.0f} %"]
        for rounds, of in result["rounds"].items()
    ]  # fmt: skip


def main() -> None:
    model, task, names = models.load(BUNDLED, "float32"), tasks.make("sample"), list(ARMS)
    result: dict[str, Any] = {"examples": EXAMPLES, "arms": len(names), "most": MOST, "rounds": {}}
    for rounds in range(1, ROUNDS + 1):
        alone = {name: encoded(model, task, [name], rounds) for name in names}
        together = encoded(model, task, names, rounds)
        result["rounds"][str(rounds)] = {
            "together": together, "alone": sum(alone.values()), "by_arm": alone,
        }  # fmt: skip
        print(rounds, together, sum(alone.values()))
    RESULT.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
    PAGE.write_text(filled(PAGE, "arms", HEAD, table(result)), "utf-8")


if __name__ == "__main__":
    main()
