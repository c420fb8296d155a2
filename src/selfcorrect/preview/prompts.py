"""The prompts of a preview, and what all stand-ins write down while the loop goes on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

#: Stands where the model's reply will: no tokenizer has these marks in a word of its own.
PLACEHOLDER = "‹reply {}›"
PLACEHOLDERS = re.compile(r"‹reply \d+›")


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is shown at one step.

    Attributes:
        round: from 1.
        speaker: the model that is asked.
        text: exactly as the model is shown it; ``‹reply n›`` where replies will stand.
        known: how many characters of it at the beginning are encoded already.
        tokens: of the prompt, every placeholder counted as long as its reply may be.
        exact: whether no placeholder is in it, so that ``tokens`` is no upper bound.
        whole: it is sent to a server whole, whose tokens are estimated.
        encoded: tokens that will go through the model, the longest reply among them.
        reply: the placeholder that stands for the reply.
        max_tokens: the longest reply.
        samples: how many replies are drawn.
        choices: the reply is the likeliest of these; empty: it is generated.
        notes: what has to be done differently (a role folded), a sentence each.
        fits: whether prompt and reply fit the model's context window.
    """

    round: int
    speaker: str
    text: str
    known: int
    tokens: int
    exact: bool
    whole: bool
    encoded: int
    reply: str
    max_tokens: int
    samples: int
    choices: tuple[str, ...]
    notes: tuple[str, ...]
    fits: bool


@dataclass
class Trace:
    """What the stand-ins of a preview write down together.

    Attributes:
        preferred: how often steps depend on a choice: the one that most depend on is taken.
        prompts: of the first dialogue, in order.
        assumed: of its replies, a sentence each.
        round: that is under way.
        replies: how many were asked for.
        longest: by placeholder, the most tokens that its reply may have.
        encoded: tokens that go through the models at most, what arms share counted once.
        spare: those among them that seldom do: guesses that are wrong, replies read again.
    """

    preferred: Mapping[str, int]
    prompts: list[Prompt] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    round: int = 1
    replies: int = 0
    longest: dict[str, int] = field(default_factory=dict)
    encoded: int = 0
    spare: int = 0
