"""Whether feedback tells the answer that it is to help with.

Asked where answers are graded, when the dialogue has gone on without knowing: nothing of a target,
and nothing of what is found here, reaches a dialogue.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
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
    try:
        value = Fraction(key)
    except (ValueError, ZeroDivisionError):
        whole = _whole(_shown(key))
        return bool(re.search(whole, _shown(feedback)) and not re.search(whole, _shown(question)))
    said, asked = ({n.value for n in numbers(plain(text))} for text in (feedback, question))
    return value in said - asked


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
