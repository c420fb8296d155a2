"""What the tests of converse share."""

from __future__ import annotations

from typing import Any

from selfcorrect import strategies
from selfcorrect.converse import Arm, converse

HEAD = 'about = "a test"\nsource = "here"\n'


FIRST = """
[[first]]
say = "{question}"
[[first]]
elicit = "answer"
prefill = "{answer_prefill}"
"""


REVIEW = """
[[again]]
say = "{review}"
[[again]]
elicit = "answer"
prefill = "{answer_prefill}"
"""


CRITIQUE = """
[[again]]
say = "Is it right? {round}"
[[again]]
elicit = "critique"
choices = ["yes", "no"]
"""


def _strategy(text: str, head: str = HEAD) -> Any:
    return strategies.parse(head + text, "test.toml")


def _run(
    model: Any, task: Any, text: str, rounds: int = 3, n: int = 3, head: str = HEAD, **more: Any
) -> list[dict[str, Any]]:
    arm = Arm("arm", _strategy(text, head), rounds, **more)
    return converse(model, task, task.examples()[:n], [arm], seed=1)["arm"]


STRATEGIES = {
    "review": FIRST + REVIEW,
    "critique": FIRST + CRITIQUE + '[[again]]\nsay = "So?"\n[[again]]\nelicit = "answer"',
    "continue": FIRST + '[[again]]\nsay = "Why?"\n[[again]]\nelicit = "rationale"\nmax_tokens = 5\n'
    '[[again]]\nelicit = "answer"\nprefill = "{answer_prefill}"',
    "begin": FIRST + '[[again]]\nbegin = true\nsay = "{question} One said: {answer}"\n'
    '[[again]]\nelicit = "answer"',
    "assistant": FIRST + '[[again]]\nrole = "assistant"\nsay = "Let me see."\n'
    '[[again]]\nelicit = "answer"',
    "tool": FIRST + '[[again]]\nrole = "tool"\nsay = "7"\n[[again]]\nelicit = "answer"',
    "system": FIRST + '[[again]]\nrole = "system"\nsay = "Now."\n[[again]]\nelicit = "answer"',
    "samples": FIRST + '[[again]]\nsay = "{review}"\n[[again]]\nelicit = "answer"\nsamples = 3\n'
    'take = "majority"\ntemperature = 1.0\nprefill = "{answer_prefill}"',
    "choices": FIRST + '[[again]]\nsay = "{review}"\n[[again]]\nelicit = "answer"\n'
    'prefill = "{answer_prefill}"\nchoices = ["a) so", "b) so", "c) so"]',
    "critic": FIRST + '[[again]]\nfrom = "critic"\nsay = "Judge: {answer}"\n[[again]]\n'
    'from = "critic"\nelicit = "critique"\nmax_tokens = 4\n[[again]]\nsay = "They say {critique}"\n'
    '[[again]]\nelicit = "answer"',
}
