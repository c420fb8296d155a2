"""Whether feedback tells the answer that it is to help with, or names any answer.

Asked where answers are graded, when the dialogue has gone on without knowing: nothing of a target,
and nothing of what is found here, reaches a dialogue.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from selfcorrect.tasks.base import Answer, Example, Task
from selfcorrect.tasks.free.numbers import numbers, plain
from selfcorrect.tasks.plain import bare, folded

#: So many words in a row that are another text's make feedback a copy of it; of a shorter text all
#: of them, but never fewer than ``FEWEST``.
COPIED, FEWEST = 8, 3

_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "*": None, "_": None, "`": None})
#: What follows a letter that stands by itself: the end, or punctuation.
_END = r"(?=\s*(?:$|[\n.,;:!?)\]\"']))"
#: A line of an enumeration, up to what it says.
_LINE = re.compile(r"^[ \t]*[(\[]?([a-z])[)\].:][ \t]+", re.MULTILINE)
_COUNTED = re.compile(r"^[ \t]*[(\[]?(\d+)[)\].:][ \t]+", re.MULTILINE)


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
    quotes it from the question or the response), or its letter as an answer: in brackets, after
    ``option``, after ``answer``, ``choice`` and the like where nothing but punctuation follows.
    Of a number or another key: it has the right one in it, unless the question has, too. Of other
    text: it shares ``COPIED`` words in a row with the answer that followed or with the reference,
    which are neither in the question nor in the answer before.

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


def named(feedback: str, choices: Sequence[str], labels: Sequence[str] = ()) -> list[int]:
    """Indices of the options that a text names, right or wrong."""
    return [k for k in range(len(choices)) if names_option(feedback, k, choices, labels)]


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


def names_option(
    feedback: str, right: int, choices: Sequence[str], labels: Sequence[str] = ()
) -> bool:
    """Whether a text names an option, by its letter as an answer or by its own text.

    An option that is part of a longer one's text is named only where it stands by itself; lines
    that enumerate (a), (b), … name none by their letters.
    """
    text = _shown(feedback)
    wanted = _shown(bare(choices[right]))
    longer = [_shown(bare(choice)) for k, choice in enumerate(choices) if k != right]
    apart = text
    for other in sorted((o for o in longer if wanted and wanted in o), key=len, reverse=True):
        apart = re.sub(_whole(other), " ", apart)
    if wanted and re.search(_whole(wanted), apart):
        return True
    label = _shown(labels[right]) if labels else ""
    return bool(label) and _names_letter(text, label)


def copies(feedback: str, text: str, known: str) -> bool:
    """Whether a text's words stand in feedback, as many in a row as make it a copy, and are not
    known anyway."""
    words = _words(text)
    n = min(COPIED, len(words))
    if n < FEWEST:
        return False
    return bool((_runs(words, n) & _runs(_words(feedback), n)) - _runs(_words(known), n))


def _names_letter(text: str, label: str) -> bool:
    letter = re.escape(label)
    marks = [found[1] for found in _LINE.finditer(text)]
    if "a" in marks and "b" in marks:  # it enumerates what is to be done
        text = _LINE.sub("", text)
    return any(
        re.search(pattern, text)
        for pattern in (
            rf"[(\[]\s*{letter}\s*[)\]]",
            rf"(?<!\w){letter}\)",
            rf"\b(?:options?|alternative)\s+[\"']?{letter}(?!\w)",
            rf"\b(?:answer|choice|letter|is|be|choose|chosen|pick|select|:)\s*[\"']?{letter}(?!\w){_END}",
            rf"^\W*{letter}(?!\w)\s*(?:$|[.:\n])",
        )
    )


def _holds(feedback: str, key: str, question: str) -> bool:
    """Whether a key stands in feedback and not in the question."""
    value = _number(key)
    if value is None:
        whole = _whole(_shown(key))
        return bool(re.search(whole, _shown(feedback)) and not re.search(whole, _shown(question)))
    return value in _values(feedback) - _values(question)


def _number(key: str) -> Fraction | None:
    try:
        return Fraction(key)
    except (ValueError, ZeroDivisionError):
        return None


def _values(text: str) -> set[Fraction]:
    """The numbers of a text, without those that only count its lines."""
    marks = [found[1] for found in _COUNTED.finditer(text)]
    if "1" in marks and "2" in marks:
        text = _COUNTED.sub("", text)
    return {n.value for n in numbers(plain(text)) if n.value is not None}


def _shown(text: str) -> str:
    """A text without differences that don't matter here; line breaks stay."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    return "\n".join(folded(line) for line in text.splitlines())


def _whole(text: str) -> str:
    """A pattern for a text that stands by itself, however its blanks are written."""
    words = r"\s+".join(re.escape(word) for word in text.split())
    return rf"(?<!\w){words}(?!\w)"


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", _shown(text))


def _runs(words: Sequence[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + n]) for at in range(len(words) - n + 1)}
