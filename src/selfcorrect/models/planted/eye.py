"""``planted:eye``: a model that sees drawn pictures, and errs as often as is stated.

It answers the task ``shapes``. It is shown pictures as any other model is, finds the shapes in
their pixels (:func:`selfcorrect.scenes.seen`), and so knows what is right of the picture that it
was *shown*: of the pair's other picture it says what is right there, and without a picture it
guesses.

**Right and wrong.** The answer of round 1 is right with probability ``accuracy``. In a later round
a wrong one becomes right with probability ``corrects``, or ``again`` where the picture is shown
again in that round; a right one becomes wrong with probability ``breaks``. So the share of right
answers is

    p_1 = accuracy,   p_{t+1} = p_t (1 − breaks) + (1 − p_t) corrects.

A wrong option is drawn uniformly, and a wrong box is that of another shape. What is wrong and stays
so stays as it is.

**Pairs.** With probability ``correlation`` both pictures of a question share all of their draws, so
that both are right or both are wrong in every round; else neither knows of the other. So their
being right has this very correlation ρ in every round, and the share of pairs of which both are
right is

    ρ p_t + (1 − ρ) p_t².

**Boxes** are thousandths of the picture, as ``[left, top, right, bottom]``. Each edge is off by an
independent normal error with the standard deviation ``noise``, in widths (heights) of the shape,
drawn anew in every round. With probability ``lost`` none of a dialogue's replies has a box. With no
noise the mean IoU is (1 − lost) p_t but for the rounding to thousandths, as shapes don't overlap.

**Without a picture** one option is drawn uniformly and kept, so that the accuracy is one over the
number of options; a box is the middle of the picture.

**Options.** The one that is answered has probability ``confidence`` times ``mass``, the others
share the rest of ``mass``, which is that of all of them.

**What it reads.** The question or expression is the latest in a user message, the picture the
latest one shown. Earlier assistant messages that name an option, or give a box, are earlier rounds.
What is asked of it with "Describe" or "describe" in the latest message, and "Don't answer yet", it
describes: every shape that it sees.

**Chance.** Every draw is a hash of the seed, the question, the picture (unless the pair shares it),
the round, and the request's seed if its temperature isn't 0. No draw depends on the instruction, so
that arms which show the same share their answers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from selfcorrect.errors import UserError
from selfcorrect.messages import Image, Message
from selfcorrect.models.planted.conversation import OptionTurn, TextTurn, Turn
from selfcorrect.models.planted.questions import Question, normal, uniform
from selfcorrect.scenes import (
    SIDE,
    Shape,
    answered,
    found,
    read_expression,
    read_question,
    seen,
)

_OPTIONS = re.compile(r"^\(([a-z])\) (.+)$", re.MULTILINE)
_NAMED = re.compile(r"\(([a-z])\)")
_BOX = re.compile(r"\[(-?\d+), (-?\d+), (-?\d+), (-?\d+)\]")
_MILLE = 1000
_MIDDLE = "[250, 250, 750, 750]"


@dataclass(frozen=True)
class Eye:
    """What ``planted:eye`` does; the module says what each number means.

    Raises:
        UserError: if a number is out of its range.
    """

    KIND: ClassVar[str] = "planted:eye"
    VERSION: ClassVar[int] = 1
    SEES: ClassVar[bool] = True

    accuracy: float = 0.7
    correlation: float = 0.3
    corrects: float = 0.15
    again: float = 0.3
    breaks: float = 0.05
    noise: float = 0.08
    lost: float = 0.02
    confidence: float = 0.8
    mass: float = 0.98
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("accuracy", "correlation", "corrects", "again", "breaks", "lost"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"planted:eye: {name} is a probability, from 0 to 1")
        for name in ("confidence", "mass"):
            if not 0 < getattr(self, name) < 1:
                raise UserError(f"planted:eye: {name} is between 0 and 1, neither of them included")
        if not 0 <= self.noise <= 10:
            raise UserError("planted:eye: noise is a standard deviation, from 0 to 10")

    def accuracy_at(self, round: int, *, again: bool = False) -> float:
        """p_t: the share of right answers, rounds counted from 1.

        Args:
            round: t.
            again: the picture is shown again in every later round.
        """
        gained = self.again if again else self.corrects
        p = self.accuracy
        for _ in range(round - 1):
            p = p * (1 - self.breaks) + (1 - p) * gained
        return p

    def pair_accuracy_at(self, round: int, *, again: bool = False) -> float:
        """The share of pairs of which both are right."""
        p = self.accuracy_at(round, again=again)
        return self.correlation * p + (1 - self.correlation) * p * p

    def turns(
        self, dialogues: Sequence[Sequence[Message]], samples: Sequence[int | None]
    ) -> list[Turn]:
        """See :class:`selfcorrect.models.planted.conversation.PlantedLaw`."""
        return [self._turn(m, sample) for m, sample in zip(dialogues, samples, strict=True)]

    def _turn(self, messages: Sequence[Message], sample: int | None) -> Turn:
        users = [m for m in messages if m.role == "user"]
        texts = ["".join(p for p in m.parts if isinstance(p, str)) for m in users]
        shown = [image for m in users for image in m.images]
        picture = shown[-1] if shown else None
        shapes = _shapes(picture) if picture else None
        drawn = "greedy" if sample is None else sample
        if texts and "escribe" in texts[-1] and "Don't answer yet" in texts[-1]:
            return TextTurn(_described(shapes), 0.5)
        asked = next((t for t in reversed(texts) if read_question(t) or "Where in" in t), "")
        said = [m.text for m in messages if m.role == "assistant"]
        begun = said.pop() if messages[-1].role == "assistant" else ""
        again = bool(users and users[-1].images)
        seen_in = picture.digest if picture else ""
        if (question := read_question(asked)) is not None:
            shared, *_ = uniform("planted:eye", self.seed, "pair", question.text)
            mine = "" if shared < self.correlation and picture else seen_in
            look = _Look(question.text, mine, again, drawn)
            options = _OPTIONS.findall(asked)
            truth = None if shapes is None else answered(question, shapes)
            return self._lettered(look, options, truth, said, begun)
        if (name := read_expression(asked)) is not None:
            return self._boxed(_Look(name, seen_in, again, drawn), name, shapes, said, begun)
        raise UserError(
            f"{self.KIND} answers the task 'shapes' only: its questions and expressions about "
            "drawn pictures"
        )

    def _lettered(
        self,
        look: _Look,
        options: Sequence[tuple[str, str]],
        truth: str | None,
        said: Sequence[str],
        begun: str,
    ) -> Turn:
        labels = "".join(label for label, _ in options)
        texts = tuple(text for _, text in options)
        right = texts.index(truth) if truth in texts else None
        named = [labels.find(each[-1]) for t in said if (each := _NAMED.findall(t))]
        past = [option for option in named if option >= 0]
        event, where, choice, *_ = self._draws(look, len(past) + 1)
        given = next((n for each in _NAMED.findall(begun) if (n := labels.find(each)) >= 0), None)
        if given is None and right is None:
            given = past[-1] if past else int(where * len(texts))
        elif given is None and right is not None:
            wrong = [option for option in range(len(texts)) if option != right]
            kept = past[-1] if past and past[-1] != right else wrong[int(where * len(wrong))]
            before = past[-1] == right if past else None
            given = right if self._right(before, event, look.again) else kept
        assert given is not None
        rest = (1 - self.confidence) / (len(texts) - 1)
        p = tuple(self.confidence if n == given else rest for n in range(len(texts)))
        written = {
            way: n
            for n, (label, text) in enumerate(options)
            for way in (text, label, f"{label})", f"({label})", f"{label}) {text}",
                        f"({label}) {text}")
        }  # fmt: skip
        asked = Question(("", ""), labels, texts, -1 if right is None else right, written)
        return OptionTurn(asked, given, p, self.mass, choice)

    def _boxed(
        self,
        look: _Look,
        name: str,
        shapes: Sequence[Shape] | None,
        said: Sequence[str],
        begun: str,
    ) -> Turn:
        past = [boxes[-1] for text in said if (boxes := _BOX.findall(text))]
        round = len(past) + 1
        event, where, choice, *_ = self._draws(look, round)
        if begun_box := _BOX.search(begun):
            return TextTurn(begun_box[0], choice)
        target = None if shapes is None else found(name, shapes)
        if shapes is None or target is None:
            return TextTurn(f"I can't see it, so I say {_MIDDLE}.", choice)
        others = [shape for shape in shapes if shape is not target]
        kept = others[int(where * len(others))]
        before = None
        if past:
            nearest = _nearest(tuple(map(int, past[-1])), shapes)
            before, kept = nearest is target, nearest if nearest is not target else kept
        shape = target if self._right(before, event, look.again) else kept
        if uniform("planted:eye", self.seed, "lost", look.asked, look.picture)[0] < self.lost:
            return TextTurn("I can't find it.", choice)
        return TextTurn(f"It is at {self._off(shape, look, round)}.", choice)

    def _right(self, before: bool | None, event: float, again: bool) -> bool:
        """Whether the answer is right, by that of the round before and a draw."""
        if before is None:
            return event < self.accuracy
        if before:
            return event >= self.breaks
        return event < (self.again if again else self.corrects)

    def _off(self, shape: Shape, look: _Look, round: int) -> str:
        """A shape's box with its errors."""
        key = (self.seed, "edges", look.asked, look.picture, round, look.drawn)
        draws = (*uniform("planted:eye", *key, 0), *uniform("planted:eye", *key, 1))
        errors = [normal(draws[2 * k], draws[2 * k + 1]) for k in range(4)]
        edges = [
            _whole(_MILLE * (edge + self.noise * shape.size * error) / SIDE)
            for edge, error in zip(shape.box, errors, strict=True)
        ]
        return f"[{', '.join(map(str, edges))}]"

    def _draws(self, look: _Look, round: int) -> tuple[float, ...]:
        """Six uniform draws."""
        return uniform(
            "planted:eye", self.seed, "round", look.asked, look.picture, round, look.drawn
        )


@dataclass(frozen=True, slots=True)
class _Look:
    """What a draw belongs to.

    Attributes:
        asked: the question, or the name of what is to be found.
        picture: the digest of the one that is seen; empty without one, and where the pair shares
            its draws.
        again: it is shown in the latest message.
        drawn: of which sample.
    """

    asked: str
    picture: str
    again: bool
    drawn: object


def _whole(number: float) -> int:
    """To the nearest whole number, halves upwards."""
    return int(number + 0.5) if number >= 0 else -int(0.5 - number)


@lru_cache(maxsize=4096)
def _shapes(picture: Image) -> tuple[Shape, ...]:
    """The shapes of a picture.

    Raises:
        UserError: it is another one than those of the task.
    """
    shapes = seen(picture.data())
    if shapes is None:
        raise UserError(
            f"planted:eye sees the drawn pictures of the task 'shapes' only, and {picture.name} is "
            "none of them"
        )
    return tuple(shapes)


def _nearest(box: tuple[int, ...], shapes: Sequence[Shape]) -> Shape:
    """The shape whose middle is nearest to that of a box in thousandths."""
    x, y = ((box[k] + box[k + 2]) / 2 * SIDE / _MILLE for k in (0, 1))
    return min(shapes, key=lambda s: (s.centre[0] - x) ** 2 + (s.centre[1] - y) ** 2)


def _described(shapes: Sequence[Shape] | None) -> str:
    if shapes is None:
        return "I see no picture."
    return f"From left to right I see: {', '.join(f'a {shape.name}' for shape in shapes)}."
