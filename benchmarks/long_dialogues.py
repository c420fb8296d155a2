"""The dialogues of the long replies: the bundled word problems, worked out in text, and reviewed.

Goal and review are the task's own. They are passed on as one JSON file, like those of
``bbq_dialogues.py``, and nothing has to be there besides the package.
"""

from __future__ import annotations

from benchmarks.bbq_dialogues import Dialogues

from selfcorrect import strategies, tasks
from selfcorrect.converse import beginning
from selfcorrect.strategies import render
from selfcorrect.tasks.data.order import order

TASK = "reasoning"


def make(count: int, task: str = TASK) -> Dialogues:
    """So many dialogues of a task of free text, as the strategy ``intrinsic`` begins them."""
    asked = tasks.make(task)
    strategy = strategies.load("intrinsic", {})
    [again] = [step.say for step in strategy.steps(2) if step.say is not None]
    first: list[str] = []
    review = prefill = ""
    examples = order(asked.examples(), 0)[:count]
    for example in examples:
        messages, prefill = beginning(asked, example, strategy, None)
        first.append(messages[-1].text)
        review = render(again, {**asked.ask(example), "round": "2"})
    return {
        "first": first,
        "review": review,
        "prefill": prefill,
        "ids": [example.id for example in examples],
    }
