"""What the tests of strategies share."""

from __future__ import annotations

OFFERED = {
    "question",
    "goal",
    "reversed_goal",
    "review",
    "reversed_review",
    "repeat",
    "answer_prefill",
    "specific_goal",
}


FIRST = """about = "a strategy of one's own"
[[first]]
say = "{question}"
[[first]]
elicit = "answer"
"""


CRITIC = '''
about = "Only the dialogues whose critique finds a mistake answer again."

[parameters]
wording = "Is {it} right?"   # braces in a parameter are text
budget = 32

[[first]]
say = """
{question}

{goal}"""
[[first]]
elicit = "rationale"
max_tokens = "{budget}"
[[first]]
elicit  = "answer"
prefill = "{answer_prefill}"

[[again]]
say = "{wording} You said: {answer}"
[[again]]
elicit = "critique"
choices = ["yes", "no"]
[[again]]
when = { critique = "no" }
say = "What is wrong with it?"
from = "critic"
[[again]]
when = { critique = "no" }
elicit = "feedback"
from = "critic"
[[again]]
when = { critique = "no" }
say = "Somebody said: {feedback} (round {round})"
begin = true
[[again]]
when = { critique = "no" }
elicit = "answer"
temperature = 0.7
samples = 5
take = "majority"

[stop]
unchanged = 2
'''
