"""What a task offers to whoever plans a run of it, known by its name before any data are read.

Other rooms go by these, never by a task's name, so that a new task may offer the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from selfcorrect.tasks.source import Source

#: The stereotyped person and the other, as the options name them, by the example's id.
People = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Offers:
    """What the module of a task states in ``OFFERS``; without one a task has the defaults.

    Attributes:
        concept: the concept that is read of a model's states where nobody names one.
        continued_by: the strategy that goes on from the first answers that it gives; empty where
            the model gives them.
        bundled: its questions lie in this package, unless data are named.
        asks: by its options, the task whose questions it asks; ``None`` where it has its own.
        published: where its data are read from by default; empty where they aren't published.
        evidence: it has the option ``evidence``, hints that leave its questions open.
        attacks: its prompts are attacks, graded by whether a model gives in.
        people: of data as they were published, whom each question's two people are; ``None`` where
            they are about none.
        continuations: its answers go on from a beginning, so that those of two rounds can be
            compared.
        boxes: whether these options ask for boxes, so that it must know how the model writes them
            (its option ``box_format``).
    """

    concept: str = "correct"
    continued_by: str = ""
    bundled: bool = False
    asks: Callable[[Mapping[str, object]], str] | None = None
    published: str = ""
    evidence: bool = False
    attacks: bool = False
    people: Callable[[Source], People] | None = None
    continuations: bool = False
    boxes: Callable[[Mapping[str, object]], bool] | None = None

    @property
    def compared(self) -> str:
        """What of its dialogues the task ``distinguish`` asks about: ``people``, ``texts``; empty
        where nothing."""
        return "people" if self.people else "texts" if self.continuations else ""


#: Of a task that states nothing.
NOTHING = Offers()
