"""What speaks against taking a ranking by uncertainty at its word: a sentence each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.numbers import count, interval, short

#: A smaller share of replies that were read is said.
_READ = 0.95
#: Chance is said to decide where it takes at least this share of a subset.
_CHANCE = 0.5
_ENDS = {"uncertain": "most", "certain": "least"}


def doubts(asked: Mapping[str, Any], subsets: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Of texts that a model was asked about.

    Args:
        asked: of :meth:`~selfcorrect.tuning.choose.Asked.table`.
        subsets: of :func:`~selfcorrect.tuning.choose.described`, of one choice or of several (then
            each name has its number after a space).
    """
    unsaid = asked.get("unsaid", 0)  # a result of an earlier version has neither it nor cuts
    found = [(name.partition(" "), of) for name, of in subsets.items()]
    ends = {each: [of for (name, *_), of in found if name == each] for each in _ENDS}
    silent = max(
        (of["tied"] for each in ends.values() for of in each if of.get("cut", 0) is None),
        default=0,
    )
    if not asked["values"]:
        yield (
            "No reply to any text names an answer, so that no text has an uncertainty, and any "
            "ranking of them is arbitrary."
        )
        return
    if not asked["ranked"]:
        same = (
            "that have an uncertainty have the same one" if unsaid else "have the same uncertainty"
        )
        yield f"All texts {same}, so any ranking of them is arbitrary."
    else:
        both = list(zip(*ends.values(), strict=True))
        if any(most["cut"] <= least["cut"] for most, least in both if _cut(most, least)):
            yield (
                "The most and the least uncertain texts end at the same uncertainty: some of the "
                "one's could as well be the other's."
            )
        yield from (each for name in ends if (each := _by_chance(name, ends[name])))
    if silent:
        yield (
            f"Of {count(unsaid, 'text')} no reply names an answer, so that there is no uncertainty "
            f"to tell, and too few others fill an end: up to {silent:,} of those are in it, and "
            "texts that have an uncertainty are at both ends."
        )
    elif unsaid:
        yield (
            f"At neither end: {count(unsaid, 'text')} of which no reply names an answer, "
            "so that there is no uncertainty to tell."
        )
    # of the texts that have an uncertainty: the others' replies are no part of any
    read = asked["parse_rate"]["value"] * asked["texts"] / (asked["texts"] - unsaid)
    if read < _READ:
        every = asked["parse_rate"]
        those = (
            f"{short(read, 3)} of the replies about the other texts"
            if unsaid
            else f"{short(every['value'], 3)} {interval(every, 3)} of the replies"
        )
        yield (
            f"Only {those} name an answer; others count as a meaning of their own, so part of "
            "the uncertainty is about how to answer."
        )


def _cut(*ends: Mapping[str, Any]) -> bool:
    return all(of.get("cut") is not None for of in ends)


def _by_chance(name: str, each: list[Mapping[str, Any]]) -> str | None:
    decided = [of for of in each if of.get("cut", 0) is not None and of["tied"] < of["of_tied"]]
    if not decided or max(of["tied"] / of["texts"] for of in decided) < _CHANCE:
        return None
    of = max(decided, key=lambda of: of["tied"] / of["texts"])
    others = f", in the subset of {len(each)} where it is most" if len(each) > 1 else ""
    return (
        f"Which texts are the {_ENDS[name]} uncertain is decided by chance for {of['tied']:,} of "
        f"{of['texts']:,}{others}: {of['of_tied']:,} are equally uncertain."
    )
