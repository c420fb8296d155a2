"""What people call the columns of their own questions, whatever the case, blanks and signs.

Nothing is guessed: a part is found where exactly one column has one of its usual names, or where
one has the part's own name (``Question``, ``answer``). Several that could be it are told.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_lowercase

from selfcorrect.tasks.data.cells import MISSING, nested, pick
from selfcorrect.tasks.data.row import plain_name

#: Part → its usual names, as :func:`plain_name` writes them; the first stands before all others.
NAMES: Mapping[str, tuple[str, ...]] = {
    "question": (
        "question", "questiontext", "questionstem", "stem", "prompt", "query", "problem", "input",
    ),
    "choices": (
        "choices", "options", "alternatives", "candidates", "answerchoices", "answeroptions",
        "possibleanswers",
    ),
    "answer": (
        "answer", "target", "label", "gold", "correct", "key", "answerkey", "answerindex",
        "answeridx", "answerletter", "correctanswer", "correctoption", "correctchoice",
        "correctindex", "correctletter", "rightanswer", "goldanswer", "goldlabel", "groundtruth",
        "solution",
    ),
}  # fmt: skip
#: What options in columns of their own begin with: ``Option A``, ``choice_1``, ``B``.
_FAMILIES = ("", "choice", "option", "opt", "answer", "ans", "alternative")
#: Columns called by a letter alone are options up to this many.
_ALONE = 10
#: There are no more options than letters.
_MOST = len(ascii_lowercase)


@dataclass(frozen=True, slots=True)
class Found:
    """What the names of columns say.

    Attributes:
        columns: part → its columns; ``choices`` may have several.
        open: part → the columns that could be it, where there are several.
        gap: what is wrong with columns of options (one is left out, say); empty if nothing is.
    """

    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    open: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gap: str = ""


def named(columns: Sequence[str], wanted: str) -> list[str]:
    """The columns that have a name but for case, blanks and signs."""
    return [each for each in columns if plain_name(each) == plain_name(wanted)]


def found_in(fields: Mapping[str, object], said: Mapping[str, Sequence[str]]) -> Found:
    """The parts of a question that usual names give, without those that a user says.

    Args:
        fields: of a row.
        said: part → columns, by the user; these are no other part's.
    """
    taken = {column for columns in said.values() for column in columns}
    columns = [name for name in fields if name not in taken]
    options, gap = _families(columns) if "choices" not in said else ([], "")
    result = Found(gap=gap)
    in_options = {column for each in options for column in each}
    for part, names in NAMES.items():
        if part in said:
            continue
        one = [(each,) for each in columns if plain_name(each) in names and each not in in_options]
        own = [each for each in one if plain_name(each[0]) == names[0]]
        could = [*one, *options] if part == "choices" else one
        if len(own) == 1 and not (part == "choices" and options):
            could = own
        if len(could) == 1:
            result.columns[part] = could[0]
        elif could:
            result.open[part] = tuple(each[0] for each in could)
    return result


def _families(columns: Sequence[str]) -> tuple[list[tuple[str, ...]], str]:
    """Columns that are one option each, in order, and what is wrong where a letter is left out, two
    columns are the same option, or there are more than options can be."""
    by_name: dict[str, list[str]] = {}
    for each in columns:
        by_name.setdefault(plain_name(each), []).append(each)
    found: list[tuple[str, ...]] = []
    gap = ""
    for family in _FAMILIES:
        rows: list[Sequence[str]] = [ascii_lowercase]
        if family:  # from 0 where there is a 0: it is an option, too
            start = 0 if f"{family}0" in by_name else 1
            rows.append([str(n) for n in range(start, start + _MOST + 1)])
        for marks in rows:
            there = [n for n, mark in enumerate(marks) if family + mark in by_name]
            if len(there) < 2 or there[0]:
                continue
            first, last = (by_name[family + marks[n]][0] for n in (there[0], there[-1]))
            missing = next((n for n, m in enumerate(there) if n != m), len(there))
            twice = next((c for n in there if len(c := by_name[family + marks[n]]) > 1), None)
            most = _MOST if family else _ALONE
            if missing > most:
                gap = f"the columns {first!r} to {last!r} are more than {most} options"
            elif missing < len(there) and (family or missing < _ALONE > there[-1]):
                gap = f"there is a column {last!r} but none for {marks[missing]}"
            elif twice:
                gap = f"the columns {' and '.join(map(repr, twice[:2]))} are the same option"
            else:
                found.append(tuple(by_name[family + marks[n]][0] for n in there[:missing]))
    return found, gap


def inside(fields: Mapping[str, object], column: str) -> tuple[str, str]:
    """The paths of the choices in a column, and of what they are called; that is empty where they
    are a plain list."""
    value = nested(fields.get(column))
    if pick({"it": value}, "it.text") is not MISSING:
        labels = pick({"it": value}, "it.label") is not MISSING
        return f"{column}.text", f"{column}.label" if labels else ""
    return column, ""


def command(lacking: Sequence[str], suggest: Callable[[str], str | None]) -> str:
    """The options to copy that say parts which aren't found: ``--field question=COLUMN``."""
    said = (f"{part}={suggest(part) or 'COLUMN'}" for part in lacking)
    return " ".join(f"--field {shlex.quote(each)}" for each in said)


def turned_round(column: str, part: str) -> str:
    """What is wrong with ``--field Frage=question``."""
    wrong, right = shlex.quote(f"{column}={part}"), shlex.quote(f"{part}={column}")
    return f"--field {wrong} is the wrong way round, as it says PART=COLUMN: write --field {right}"
