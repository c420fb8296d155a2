"""Requirements that a run has to meet, such as ``gain.low > -0.02``: names from a closed set, one
comparison, one number. Nothing is evaluated."""

from __future__ import annotations

import math
import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.measures.catalogue import MEASURES
from selfcorrect.report.estimates import BETWEEN, estimates
from selfcorrect.report.unknown import unknown_share

Table = Mapping[str, Any]
#: A number; or from where to where unread answers could put it.
Seen = float | tuple[float, float] | None

_FORM = re.compile(r"\s*([a-z_]\w*(?:[./][\w-]+)*)\s*(>=|<=|>|<)\s*(\S+)\s*", re.IGNORECASE)
_COMPARED = {
    ">": lambda seen, number: seen > number,
    ">=": lambda seen, number: seen >= number,
    "<": lambda seen, number: seen < number,
    "<=": lambda seen, number: seen <= number,
}
_PARTS = ("value", "low", "high")
#: What a requirement may be of, beside a measure's ``first`` and ``last``.
NAMES: Mapping[str, str] = {
    "gain": "the outcome's last round minus the single answer that it gains least over (its own "
    "first round, or the question alone); more than 0 is better, whichever way the outcome goes",
    "again": "the same over merely asking again",
    "change": "the outcome's last round minus its first; more than 0 is better",
    "harm": "share of the answers right at first that are wrong at last",
    "mend": "share of the answers wrong at first that are right at last",
    "unread": "share of answers that couldn't be read or graded: unread.first, .last, .most",
    "tokens": "a dialogue, all rounds, as if the run had gone alone",
    "generated": "tokens that a dialogue generates",
    "money": "a dialogue, by the stated prices",
    "seconds": "a dialogue",
    "latency": "seconds that a dialogue waited for a served model: latency.p50, .p95",
    "dialogues": "how many there are",
    "clusters": "how many there are",
}


@dataclass(frozen=True, slots=True, repr=False)
class Requirement:
    """One that was looked at. Shown, it is a line.

    Attributes:
        text: as it was given.
        seen: the number; ``None`` where the run doesn't tell it.
        holds: whether it is met. What isn't known doesn't hold.
        worst: the number is what speaks most against the requirement of what answers that couldn't
            be read allow.
        reach: it is the end of an interval that reaches further than the one that is shown, by
            what answers that couldn't be read, or further rounds, could make of it.
    """

    text: str
    seen: float | None
    holds: bool
    worst: bool = False
    reach: bool = False

    @property
    def said(self) -> str:
        """What it was compared with, in words."""
        if self.seen is None:
            return "not known"
        why = ", as answers that couldn't be read allow" if self.worst else ""
        if self.reach:
            why = (
                ", further than show has it, by what unread answers or the choice of a round allow"
            )
        return f"{'at worst' if self.worst else 'it is'} {self.seen:.4g}{why}"

    def __repr__(self) -> str:
        return f"{'holds' if self.holds else 'fails'}: {self.text} ({self.said})"

    def table(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)


def check(summary: Table, requirements: Sequence[str]) -> list[Requirement]:
    """Look at each requirement.

    Args:
        summary: of a run (``Run.summary()``).
        requirements: ``NAME OP NUMBER``, with ``OP`` one of ``>``, ``>=``, ``<``, ``<=``. A name is
            one of :data:`NAMES`, or a measure with ``.first`` or ``.last``; of an estimate ``.low``
            or ``.high`` is meant by saying so. Intervals are those that verdicts go by, which allow
            for further looks, where there are such, and reach as far as answers that couldn't be
            read could move them; of too few clusters there are none. A value that these could move
            counts as what speaks most against the requirement; one that depends on where one stops
            isn't known.

    Raises:
        UserError: a requirement isn't of that form, no run has such a number, or it holds, or
            fails, whatever a run shows.
    """
    if not requirements:
        raise UserError("nothing is required: give --require 'gain.low > -0.02', say.")
    known, ranges = dict(figures(summary)), _ranges(summary)
    wider = set(_reaching(summary))
    return [_checked(text, known, ranges, wider) for text in requirements]


def _ranges(summary: Table) -> Mapping[str, tuple[float, float]]:
    """Between what figures lie whatever a run shows, by the first part of their names."""
    outcome = summary["outcome"]
    of_outcome: Mapping[str, tuple[float, float]] = (
        {"gain": (-1, 1), "again": (-1, 1), "change": (-1, 1), outcome["name"]: (0, 1)}
        if outcome["kind"] == "share"
        else {}
    )
    counts = ("tokens", "generated", "money", "seconds", "latency", "dialogues", "clusters")
    of_measures = {each.name: each.bounds for each in MEASURES}
    shares = dict.fromkeys(("harm", "mend", "unread"), (0.0, 1.0))
    return of_measures | dict.fromkeys(counts, (0.0, math.inf)) | shares | dict(of_outcome)


def _check_range(
    text: str, name: str, op: str, number: float, ranges: Mapping[str, tuple[float, float]]
) -> None:
    """Raises UserError for a number that a figure can't pass, so that the requirement holds, or
    fails, whatever the run shows."""
    of = name.split(".")[0]
    low, high = ranges.get(of, (-math.inf, math.inf))
    settled = (op in (">=", "<") and number == low) or (op in ("<=", ">") and number == high)
    if low <= number <= high and not settled:
        return
    share = (low, high) in ((0, 1), (-1, 1)) and not low <= number <= high
    more = f": it is a share, and {number:g} points are {number / 100:g}" if share else ""
    between = f"between {low:g} and {high:g}" if high < math.inf else f"at {low:g} or above"
    raise UserError(f"{text!r} says nothing, as {of} lies {between} whatever a run shows{more}.")


def _checked(
    text: str,
    known: Mapping[str, Seen],
    ranges: Mapping[str, tuple[float, float]],
    wider: Container[str],
) -> Requirement:
    found = _FORM.fullmatch(text)
    if found is None:
        raise UserError(
            f"{text!r} is no requirement: it is a name, one of > >= < <=, and a number, such as "
            "'gain.low > -0.02'."
        )
    name, op, written = found.groups()
    try:
        number = float(written) if written.isascii() and "_" not in written else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UserError(f"{text!r}: {written!r} is no number; write it as -0.02 or 5.")
    if name not in known:
        whole = sorted(each for each in known if each.rpartition(".")[2] not in _PARTS)
        raise UserError(f"{text!r}: there is no {name!r}: {nearest(name, whole, first=NAMES)}.")
    _check_range(text, name, op, number, ranges)
    seen = known[name]
    worst = isinstance(seen, tuple)
    if isinstance(seen, tuple):  # what speaks against it may be so
        seen = seen[0] if op.startswith(">") else seen[1]
    holds = seen is not None and _COMPARED[op](seen, number)
    end = name.rpartition(".")[2] in ("low", "high")
    return Requirement(text.strip(), seen, holds, worst, end and name.rpartition(".")[0] in wider)


def figures(summary: Table) -> Iterator[tuple[str, Seen]]:
    """Every number that a requirement may be of, by name."""
    outcome, rounds = summary["outcome"], summary["rounds"]
    sign = 1 if outcome["better"] == "higher" else -1
    decided = summary["decision"] or {}
    yield from _named("gain", *_least([*decided.get("singles", {}).values()], sign))
    yield from _estimate("again", decided.get("again"), sign)
    yield from _estimate("change", summary["changes"].get(outcome["name"]), sign)
    yield from _estimate("harm", decided.get("harm"))
    yield from _estimate("mend", decided.get("mend"))
    shares = [unknown_share(row) for row in rounds]
    yield "unread.first", shares[0] if shares else None
    yield "unread.last", shares[-1] if shares else None
    yield "unread.most", max(shares, default=None)
    mine: Table = next(iter(summary["cost"]["arms"].values()), {})
    for name, key in (("tokens", "alone"), *((n, n) for n in ("generated", "money", "seconds"))):
        yield name, mine.get(key)
    waited = (mine.get("latency") or {}).get("dialogue") or {}
    for name in ("p50", "p95"):
        yield f"latency.{name}", waited.get(name)
    yield "dialogues", float(summary["dialogues"])
    yield "clusters", float(rounds[-1]["clusters"]) if rounds else None
    for end, row in (("first", rounds[0]), ("last", rounds[-1])) if rounds else ():
        # of the last round nothing says whether an answer settles after it
        for name, e in {**dict.fromkeys(BETWEEN), **estimates(row)}.items():
            yield from _estimate(f"{name}.{end}", e)


def _reaching(summary: Table) -> Iterator[str]:
    """The names of estimates whose ends here lie further out than those that are shown."""
    decided = summary["decision"] or {}
    if any(_wider(e) for e in decided.get("singles", {}).values()):
        yield "gain"
    for name in ("again", "harm", "mend"):
        if _wider(decided.get(name)):
            yield name
    if _wider(summary["changes"].get(summary["outcome"]["name"])):
        yield "change"
    rounds = summary["rounds"]
    for end, row in (("first", rounds[0]), ("last", rounds[-1])) if rounds else ():
        yield from (f"{name}.{end}" for name, e in estimates(row).items() if _wider(e))


def _wider(e: Table | None) -> bool:
    """Whether more than the level of its verdict, by which ``show`` has it, moves its ends."""
    if e is None or None in (ends := _ends(e)):
        return False
    low, high = e.get("decides") or (e["low"], e["high"])
    return bool(ends[0] < low or ends[1] > high)


def _estimate(name: str, e: Table | None, sign: int = 1) -> Iterator[tuple[str, Seen]]:
    """An estimate's value under its name alone, too."""
    low, high = (None, None) if e is None else _turned(_ends(e), sign)
    yield from _named(name, None if e is None else _value(e, sign), low, high)


def _named(name: str, value: Seen, low: Seen, high: Seen) -> Iterator[tuple[str, Seen]]:
    yield name, value
    yield from ((f"{name}.{part}", x) for part, x in zip(_PARTS, (value, low, high), strict=True))


def _least(singles: Sequence[Table], sign: int) -> tuple[Seen, float | None, float | None]:
    """The least of several gains, with its ends: each is the least of theirs, as the gain that is
    truly the least needn't be the one that is seen to be, and a narrow interval over one says
    nothing of the others. Unknown where one is."""
    values = [_value(e, sign) for e in singles]
    ends = [_turned(_ends(e), sign) for e in singles]
    low, high = (_smallest([each[at] for each in ends]) for at in (0, 1))
    spans = [v if isinstance(v, tuple) else (v, v) for v in values]
    least, most = (_smallest([each[at] for each in spans]) for at in (0, 1))
    if least is None or most is None:
        return None, low, high
    return (least if least == most else (least, most)), low, high


def _smallest(values: Sequence[float | None]) -> float | None:
    known = [x for x in values if x is not None]
    return min(known) if known and len(known) == len(values) else None


def _value(e: Table, sign: int) -> Seen:
    if e["value"] is None or e.get("depends"):  # in the round before it was another one
        return None
    allowed = e.get("unread") or (e["value"], e["value"])
    low, high = _turned(allowed, sign)
    if low is None or high is None:
        return None
    return low if low == high else (low, high)


def _turned(ends: Sequence[float | None], sign: int) -> tuple[float | None, float | None]:
    low, high = (None if x is None else float(sign * x) for x in ends)
    return (low, high) if sign > 0 else (high, low)


def _ends(e: Table) -> tuple[float | None, float | None]:
    """Of a difference, wherever unread answers or where one stops could put them."""
    low, high = e.get("reach") or e.get("decides") or (e["low"], e["high"])
    return low, high
