"""What a model is shown in each reading: a recorded dialogue with some of its parts taken out,
shown alone, or replaced by neutral words.

A reading is worded by the strategies themselves. The dialogue without feedback, say, is what the
arm without feedback would have said, with the answers and rationales that were recorded. So no
template's sentence on advice is left standing where the advice is taken out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from selfcorrect.errors import UserError
from selfcorrect.messages import Message, Transcript, message
from selfcorrect.strategies import Strategy, render
from selfcorrect.studies.design import ARMS, COT, FEEDBACK, INSTRUCTION

_BY_FACTORS = {factors: arm for arm, factors in ARMS.items()}
#: The reply that a factor puts into a round.
REPLIES = {COT: "rationale", FEEDBACK: "feedback"}


def without(arm: str, *factors: str) -> str:
    """The arm that lacks these factors."""
    return _BY_FACTORS[ARMS[arm] - set(factors)]


@dataclass(frozen=True)
class Recorded:
    """A dialogue as it was recorded.

    Attributes:
        example: its id.
        cluster: of the example.
        rounds: of each round the text of the latest reply of each kind, prefills included.
        choices: the answer's index among the options, ``None`` where it couldn't be read.
        target: the right option's.
        shown: the messages that the model had been shown before the last answer.
    """

    example: str
    cluster: str
    rounds: tuple[Mapping[str, str], ...]
    choices: tuple[int | None, ...]
    target: int | None
    shown: tuple[Message, ...]


def recorded(frames: Iterator[pl.DataFrame]) -> Iterator[Recorded]:
    """The dialogues of a run that have an answer in every round, in its order.

    Args:
        frames: with ``example``, ``cluster``, ``round``, ``choice``, ``target``, ``steps``.
    """
    for frame in frames:
        for (example,), dialogue in frame.group_by("example", maintain_order=True):
            rows = dialogue.sort("round").to_dicts()
            rounds = tuple(_replies(row["steps"]) for row in rows)
            if not all("answer" in each for each in rounds):
                continue  # it outgrew the context window, or ended early
            said = Transcript()
            for row in rows:
                for step in row["steps"]:
                    if step["shown"]:
                        said = Transcript() if step["begin"] else said
                        said.say(message(step["role"], step["text"]))
            yield Recorded(
                str(example),
                str(rows[0]["cluster"]),
                rounds,
                tuple(row["choice"] for row in rows),
                rows[0]["target"],
                said.messages[:-1],
            )


def _replies(steps: Sequence[Mapping[str, object]]) -> dict[str, str]:
    made = (s for s in steps if s["kind"] != "say" and s["finish"] not in ("context", "overflow"))
    return {str(step["kind"]): str(step["text"]) for step in made}


@dataclass(frozen=True, slots=True)
class Shown:
    """A transcript at whose end an answer is due.

    Attributes:
        messages: before the answer.
        prefill: what the answer begins with.
    """

    messages: tuple[Message, ...]
    prefill: str


@dataclass(frozen=True)
class Worded:
    """How the arms word a dialogue about one example.

    Attributes:
        strategies: by arm.
        texts: what the task lets templates say of the example.
        system: the run's system message, or ``None``.
    """

    strategies: Mapping[str, Strategy]
    texts: Mapping[str, str]
    system: str | None = None

    def shown(self, dialogue: Recorded, arms: Sequence[str], goal: str | None = None) -> Shown:
        """The transcript before the answer of a round.

        Args:
            dialogue: whose replies stand in it.
            arms: by which each round up to that one is worded.
            goal: in place of the task's own.

        Raises:
            UserError: the dialogue lacks a reply that an arm puts in.
        """
        texts = dict(self.texts) if goal is None else {**self.texts, "goal": goal}
        said = self._start()
        for number, arm in enumerate(arms, start=1):
            for step in self.strategies[arm].steps(number):
                texts["round"] = str(number)
                if step.elicit is None:
                    if step.say is not None and step.source is None:
                        said.say(message(step.role, render(step.say, texts)))
                    continue
                if step.elicit == "answer" and number == len(arms):
                    return Shown(said.messages, render(step.prefill, texts))
                texts[step.elicit] = self.reply(dialogue, step.elicit, number)
                if step.source is None:
                    said.say(message("assistant", texts[step.elicit]))
        raise UserError(f"the strategy {arms[-1]} asks for no answer in round {len(arms)}.")

    def alone(self, text: str) -> Shown:
        """A text by itself as the user's message, with the answer's beginning."""
        said = self._start()
        said.say(message("user", text))
        return Shown(said.messages, self.texts["answer_prefill"])

    def _start(self) -> Transcript:
        return Transcript(() if self.system is None else (message("system", self.system),))

    def reply(self, dialogue: Recorded, kind: str, number: int) -> str:
        """What was replied in a round.

        Raises:
            UserError: nothing of that kind.
        """
        if kind not in dialogue.rounds[number - 1]:
            raise UserError(
                f"the dialogue of example {dialogue.example!r} has no {kind} in round {number}, "
                "and the study reads it: run the study's own arms again."
            )
        return dialogue.rounds[number - 1][kind]


#: What a dialogue is read as, in the order of the tables.
READINGS = (
    "whole",
    "input",
    "neutral instruction",
    "rationale",
    "without rationale",
    "neutral rationale",
    "feedback",
    "without feedback",
    "neutral feedback",
    "neither",
    "before",
    "with feedback",
)


def readings(
    worded: Worded, arm: str, dialogue: Recorded, number: int, neutral: Callable[[str, str], str]
) -> dict[str, Shown]:
    """All readings of a dialogue before the answer of a round.

    Args:
        worded: about its example.
        arm: in which it took place.
        dialogue: as it was recorded.
        number: of the round.
        neutral: gives words of the same length as a text that say nothing; told a key as well,
            which decides with which they begin.

    Returns:
        By names of :data:`READINGS`: ``whole``, as it was; ``input``, round 1 without rationale;
        ``neutral instruction``, that with other words in the goal's place; a ``rationale`` or
        ``feedback`` alone, the dialogue without any, and with neutral words in the place of each;
        ``neither``, without both; and, the rounds before being as they were, this round ``before``
        the feedback and ``with feedback`` before the rationale.
    """
    factors = ARMS[arm]
    advised = FEEDBACK in factors and number > 1
    bare = without(arm, FEEDBACK, COT)
    found = {"whole": worded.shown(dialogue, [arm] * number)}
    if number == 1:
        found["input"] = worded.shown(dialogue, [bare])
        if INSTRUCTION in factors:
            goal = neutral(worded.texts["goal"], f"goal:{dialogue.example}")
            found["neutral instruction"] = worded.shown(dialogue, [bare], goal)
    for factor, there in ((COT, COT in factors), (FEEDBACK, advised)):
        if not there:
            continue
        kind = REPLIES[factor]
        found[kind] = worded.alone(worded.reply(dialogue, kind, number))
        found[f"without {kind}"] = worded.shown(dialogue, [without(arm, factor)] * number)
        found[f"neutral {kind}"] = worded.shown(_with(dialogue, kind, neutral), [arm] * number)
    if advised:
        earlier = [arm] * (number - 1)
        found["before"] = worded.shown(dialogue, [*earlier, bare])
        if COT in factors:
            found["neither"] = worded.shown(dialogue, [bare] * number)
            found["with feedback"] = worded.shown(dialogue, [*earlier, without(arm, COT)])
    return found


def _with(dialogue: Recorded, kind: str, neutral: Callable[[str, str], str]) -> Recorded:
    """A dialogue with neutral words in the place of all its replies of a kind."""
    rounds = tuple(
        {**each, kind: neutral(each[kind], f"{kind}:{number}:{dialogue.example}")}
        if kind in each
        else each
        for number, each in enumerate(dialogue.rounds, start=1)
    )
    return replace(dialogue, rounds=rounds)
