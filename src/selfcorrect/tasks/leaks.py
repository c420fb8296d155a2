"""Whether feedback tells the answer that it is to help with, or names any answer.

Asked where answers are graded, when the dialogue has gone on without knowing: nothing of a target,
and nothing of what is found here, reaches a dialogue.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from selfcorrect.tasks.base import Answer, Example, Task
from selfcorrect.tasks.free.numbers import numbers, plain
from selfcorrect.tasks.naming import named, names_option, shown, whole

#: So many words in a row that are another text's make feedback a copy of it; of a shorter text all
#: of them, but never fewer than ``FEWEST``.
COPIED, FEWEST = 8, 3

#: A line of an enumeration, up to what it says; and a part of one within a line.
_COUNTED = (
    re.compile(r"^[ \t]*[(\[]?(\d+)[)\].:][ \t]+", re.MULTILINE),
    re.compile(r"(?:^|(?<=\s))[(\[]?(\d{1,2})\)[ \t]+(?=[^\W\d])", re.MULTILINE),
    re.compile(r"(?:^|(?<=[.:;!?] ))(\d{1,2})\.[ \t]+(?=[^\W\d])", re.MULTILINE),
)


@dataclass(frozen=True, slots=True)
class Told:
    """What a round's feedback tells of answers; ``None`` where there was none, or nobody can say.

    Attributes:
        leak: whether it tells the right answer: :func:`leaks`.
        names_answer: whether it names any answer, right or wrong: :func:`names_answer`.
        named: indices of the options that it names; ``None`` also where there are no options.
    """

    leak: bool | None = None
    names_answer: bool | None = None
    named: list[int] | None = None


def told(
    task: Task, example: Example, feedback: Sequence[str], answer: Answer, target: int | None
) -> Told:
    """What all feedback of a round tells; arguments as for :func:`leaks`."""
    if not feedback:
        return Told()
    options: list[int] | None = None
    if example.choices:
        labels = task.labels(example)
        options = sorted({k for text in feedback for k in named(text, example.choices, labels)})
    return Told(
        _any([leaks(task, example, text, answer, target) for text in feedback]),
        _any([names_answer(task, example, text, answer) for text in feedback]),
        options,
    )


def _any(found: Sequence[bool | None]) -> bool | None:
    return True if True in found else None if None in found else False


def leaks(
    task: Task, example: Example, feedback: str, answer: Answer, target: int | None
) -> bool | None:
    """Whether feedback names the right option or, of free text, writes the answer itself.

    Of a lettered question: it has the right option's text in it (also where it warns of it, or
    quotes it from the question or the response), or its letter or place as an answer:
    :func:`selfcorrect.tasks.naming.names_option`.
    Of a number or another key: it has the right one in it, unless the question has, too. Of other
    text: it shares ``COPIED`` words in a row with the answer that followed or with the reference,
    which are neither in the question nor in the answer before.

    What is found is a lower bound: a text may tell the answer in words that no rule knows.

    Args:
        task: which knows references.
        example: that is asked.
        feedback: as it was given.
        answer: that followed it, with the one before.
        target: index of the right option, as graded.

    Returns:
        ``None`` where nobody knows what is right.
    """
    reference = task.reference(example)
    if example.choices:
        if target is None and reference is not None:
            target = task.read(example, reference).choice
        if target is None:
            return None
        return names_option(feedback, target, example.choices, task.labels(example))
    question = task.ask(example)["question"]
    if task.meanings == "key":
        key = None if reference is None else task.read(example, reference).key
        return None if key is None else _holds(feedback, key, question)
    known = f"{question}\n{answer.before or ''}"
    texts = [answer.text, *([reference] if reference is not None else [])]
    return any(copies(feedback, text, known) for text in texts)


def names_answer(task: Task, example: Example, feedback: str, answer: Answer) -> bool | None:
    """Whether feedback names an answer at all, right or wrong.

    Of a lettered question: it names an option, or repeats the answer before, which may be one that
    couldn't be read. Of a number: it has a number that the question hasn't, or repeats the answer
    before. Of other text: what :func:`leaks` looks for, as repeating the answer before is no leak
    there.

    It isn't told which answer is right, so that of feedback which says the same of right and wrong
    answers it finds as many among both.

    Args:
        task, example, feedback, answer: as for :func:`leaks`.

    Returns:
        ``None`` where nobody can say, as any text may be an answer's key.
    """
    question = task.ask(example)["question"]
    repeated = copies(feedback, answer.before or "", question)
    if example.choices:
        return repeated or bool(named(feedback, example.choices, task.labels(example)))
    if task.meanings != "key":
        return leaks(task, example, feedback, answer, None)
    reference = task.reference(example)
    key = None if reference is None else task.read(example, reference).key
    if key is None or _number(key) is None:
        return None
    return repeated or bool(_values(feedback) - _values(question))


def copies(feedback: str, text: str, known: str) -> bool:
    """Whether a text's words stand in feedback, as many in a row as make it a copy, and are not
    known anyway."""
    words = _words(text)
    n = min(COPIED, len(words))
    if n < FEWEST:
        return False
    return bool((_runs(words, n) & _runs(_words(feedback), n)) - _runs(_words(known), n))


def _holds(feedback: str, key: str, question: str) -> bool:
    """Whether a key stands in feedback and not in the question."""
    value = _number(key)
    if value is None:
        wanted = whole(shown(key))
        return bool(re.search(wanted, shown(feedback)) and not re.search(wanted, shown(question)))
    return value in _values(feedback) - _values(question)


def _number(key: str) -> Fraction | None:
    try:
        return Fraction(key)
    except (ValueError, ZeroDivisionError):
        return None


def _values(text: str) -> set[Fraction]:
    """The numbers of a text, without those that only count its lines or parts."""
    for counted in _COUNTED:
        marks = [found[1] for found in counted.finditer(text)]
        if "1" in marks and "2" in marks:
            text = counted.sub("", text)
    return {n.value for n in numbers(plain(text)) if n.value is not None}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", shown(text))


def _runs(words: Sequence[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + n]) for at in range(len(words) - n + 1)}
