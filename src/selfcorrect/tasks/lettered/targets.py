"""Which of its choices a row of data calls the right one.

An answer may be a choice's text, its letter, its number, or the name that the data themselves give
it. What it is follows from the whole column: ``1`` alone may be the second choice, the first, or
the one whose text is 1. What the column leaves open is asked for, and never decided row by row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from selfcorrect.errors import UserError, nearest
from selfcorrect.tasks.data.cells import nested, number
from selfcorrect.tasks.data.row import Row, short
from selfcorrect.tasks.lettered.letters import LETTERS
from selfcorrect.tasks.plain import folded, tidy

NAME, TEXT, LETTER = "name", "text", "letter"
FROM_0, FROM_1, FLAGS = "index-from-0", "index-from-1", "flags"
#: What an answer may be read as, with a phrase for each.
READINGS: Mapping[str, str] = {
    NAME: "the names of choices",
    TEXT: "texts of choices",
    LETTER: "letters",
    FROM_0: "indices from 0",
    FROM_1: "indices from 1",
    FLAGS: "a 1 in the place of the right choice",
}
#: What a user may say with ``--answers``, and what it leaves.
ASKED: Mapping[str, tuple[str, ...]] = {
    "index": (FROM_0, FROM_1),
    FROM_0: (FROM_0,),
    FROM_1: (FROM_1,),
    TEXT: (TEXT,),
    LETTER: (LETTER,),
}
#: Values that say that nobody said which is right, as in test sets whose answers are kept back.
_NONE = ("", "-1", "?")
#: A column of indices from 0 in which no 0 is: by chance alone it would be rarer than this.
_CHANCE = 0.01
_LETTER = re.compile(r"(\()?([a-z])([).:]?)(?:\s+(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Keyed:
    """A row's answer before it is read.

    Attributes:
        value: as the data have it.
        names: what the data call the choices, in their order; may be empty.
    """

    row: Row
    choices: Sequence[str]
    value: object
    names: Sequence[str] = ()

    @property
    def unlabelled(self) -> bool:
        """Whether nobody said which choice is right."""
        value = self.value
        return value is None or (
            isinstance(value, str | int) and str(value).strip() in _NONE and not self.fits()
        )

    def fits(self) -> dict[str, int]:
        """The choice that the answer stands for, by what it is read as."""
        value: object = self.value
        if isinstance(value, str) and _only(tidy(value), self.choices) is None:
            value = nested(value)
        if isinstance(value, list):
            if len(value) == 1:
                return Keyed(self.row, self.choices, value[0], self.names).fits()
            flags = _flagged(value, len(self.choices))
            return {} if flags is None else {FLAGS: flags}
        found: dict[str, int] = {}
        whole = number(value) if isinstance(value, float) else None  # 2.0, beside empty cells
        text = tidy(str(value if whole is None else whole))
        if text and text in self.names:
            found[NAME] = list(self.names).index(text)
        at = _only(text, self.choices)
        if at is not None:
            found[TEXT] = at
        at, bare = _lettered(text, self.choices)
        if at is not None and not bare:
            return {LETTER: at}  # nobody writes (b) and means a text
        if at is not None:
            found[LETTER] = at
        index = number(value)
        if index is not None:
            found |= {FROM_0: index} if 0 <= index < len(self.choices) else {}
            found |= {FROM_1: index - 1} if 1 <= index <= len(self.choices) else {}
        return found


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column of answers is read.

    Attributes:
        kinds: what an answer may be; where several fit one, they agree.
        about: the same as a phrase.
    """

    kinds: Collection[str]
    about: str

    def target(self, keyed: Keyed) -> int:
        """The index of the choice that a row's answer stands for.

        Raises:
            UserError: for none of them.
        """
        row, choices = keyed.row, keyed.choices
        if keyed.unlabelled:
            empty = keyed.value is None or keyed.value == ""
            why = "the field 'answer' is missing" if empty else f"the answer is {keyed.value!r:.20}"
            raise row.error(
                f"{why}, so that nobody says which choice is right; parts of data sets whose "
                "answers are kept back can't be used"
            )
        found = {at for kind, at in keyed.fits().items() if kind in self.kinds}
        if len(found) == 1:
            return found.pop()
        last = LETTERS[len(choices) - 1]
        raise row.error(
            f"the answer {short(keyed.value)} is none of the {len(choices)} choices (a to {last}: "
            f"{_listed(choices)}); answers are read as {self.about}, or else as --answers says"
        )


def reading_of(column: Sequence[Keyed], asked: str = "", stated: str = "") -> Reading:
    """How a column of answers is read, decided by all of it.

    Args:
        column: every row's answer.
        asked: by the user, one of :data:`ASKED`; empty where nothing is.
        stated: by the layout of a known data set, one of :data:`READINGS`.

    Raises:
        UserError: the column leaves it open, with a row for which it matters and what to say.
    """
    if asked and asked not in ASKED:
        raise UserError(f"answers can't be read as {asked!r}: {nearest(asked, ASKED)}")
    if stated and not asked and all(stated in fits for each in column if (fits := each.fits())):
        return Reading({stated}, READINGS[stated])
    wanted = ASKED.get(asked, tuple(READINGS))
    rows = [
        (each, {kind: at for kind, at in each.fits().items() if kind in wanted}) for each in column
    ]
    rows = [(each, fits) for each, fits in rows if fits]
    if not rows:
        return _reading([kind for kind in wanted if kind not in (FROM_1, FLAGS)] or wanted)
    common = set(wanted).intersection(*(fits for _, fits in rows))
    if NAME in common:
        common = {NAME}  # the data themselves say which is called so
    if common == {FROM_1} and asked != FROM_1:
        return _counted(rows)
    if common and len({tuple(fits[kind] for _, fits in rows) for kind in common}) == 1:
        return _reading(common)
    if common and common <= {FROM_0, FROM_1}:
        return _counted(rows)
    return _mixed(rows, common or wanted)


def _reading(kinds: Collection[str]) -> Reading:
    names = [READINGS[kind] for kind in READINGS if kind in kinds]
    return Reading(frozenset(kinds), " or ".join(names))


_Rows = Sequence[tuple[Keyed, Mapping[str, int]]]


def _counted(rows: _Rows) -> Reading:
    """Indices without a 0: from 1 if the numbers of last choices show it, else from 0, as is said
    everywhere, unless it would be odd that no 0 is among them.

    Raises:
        UserError: that leaves it open.
    """
    lasts = [each for each, fits in rows if FROM_0 not in fits]
    likely = prod(1 - 1 / len(each.choices) for each, _ in rows) >= _CHANCE
    if len(lasts) > 1 or (lasts and not likely):
        return _reading({FROM_1})
    if likely and not lasts:
        return Reading({FROM_0}, f"{READINGS[FROM_0]} (from 1, if --answers index-from-1 says so)")
    each = lasts[0] if lasts else rows[0][0]
    last = "once" if lasts else "never"
    raise each.row.error(
        f"the answer {short(each.value)} and the others are whole numbers that may count from 0 or "
        f"from 1 (of {len(rows):,}, none is 0, and {last} one is the number of a last choice): say "
        "--answers index-from-0 or --answers index-from-1"
    )


def _mixed(rows: _Rows, kinds: Collection[str]) -> Reading:
    """Of a column that no single reading fits, or several do: rows that mean one choice whatever
    they are read as. Numbers count from 0, as is said everywhere.

    Raises:
        UserError: a row could mean two, or numbers more often fit from 1.
    """
    numbers = [(each, set(fits)) for each, fits in rows if set(fits) <= {FROM_0, FROM_1}]
    zeros = sum(fits == {FROM_0} for _, fits in numbers)
    lasts = [each for each, fits in numbers if fits == {FROM_1}]
    if lasts and len(lasts) >= zeros:
        raise lasts[0].row.error(
            f"the answer {short(lasts[0].value)} is no index from 0, and other answers are none "
            "from 1: say how they are read with --answers index-from-0 or --answers index-from-1"
        )
    left = [
        (each, {kind: fits[kind] for kind in fits if kind in kinds and kind != FROM_1})
        for each, fits in rows
    ]
    for each, fits in left:
        if len(set(fits.values())) > 1:
            raise _open(each, fits)
    return _reading(set().union(*(fits for _, fits in left)))


def _open(each: Keyed, fits: Mapping[str, int]) -> UserError:
    meant = [
        f"{_ONE[kind]} of ({LETTERS[at]}) {each.choices[at]!r:.40}" for kind, at in fits.items()
    ]
    said = [kind for kind in ("index", TEXT, LETTER) if set(ASKED[kind]) & set(fits)]
    bracket = ", or write a letter in brackets, as (b)" if LETTER in fits else ""
    return each.row.error(
        f"the answer {short(each.value)} is {' and '.join(meant)}, and the other rows don't decide "
        f"it: say how answers are read with --answers {' or '.join(said)}{bracket}"
    )


_ONE = {
    NAME: "the name",
    TEXT: "the text",
    LETTER: "the letter",
    FROM_0: "the index (from 0)",
    FROM_1: "the index (from 1)",
    FLAGS: "the flag",
}


def _only(text: str, choices: Sequence[str]) -> int | None:
    """The one choice that has a text, exactly or but for capitals."""
    for form in (tidy, folded):
        same = [at for at, choice in enumerate(choices) if text and form(choice) == form(text)]
        if len(same) == 1:
            return same[0]
    return None


def _lettered(text: str, choices: Sequence[str]) -> tuple[int | None, bool]:
    """The choice of a letter, and whether the letter stands alone; ``b)`` may have the choice's
    text behind it."""
    said = _LETTER.fullmatch(text.casefold())
    labels = LETTERS[: len(choices)]
    if said is None or said[2] not in labels or (said[1] and said[3] != ")"):
        return None, False
    at = labels.index(said[2])
    if said[4] is not None and (not said[3] or folded(choices[at]) != folded(said[4])):
        return None, False
    return at, not said[1] and not said[3]


def _flagged(value: Sequence[object], choices: int) -> int | None:
    """Where the only 1 of a list of 0 and 1 stands, as long as there are choices."""
    if len(value) != choices or not all(each in (0, 1) for each in value):
        return None
    return value.index(1) if sum(each == 1 for each in value) == 1 else None


def _listed(choices: Sequence[str]) -> str:
    shown = ", ".join(f"{choice:.30}" for choice in choices[:4])
    return shown + (", …" if len(choices) > 4 else "")
