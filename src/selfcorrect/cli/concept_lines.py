"""What is said below the table of a concept's layers, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.concepts.file import Concept
from selfcorrect.report.numbers import MISSING
from selfcorrect.report.numbers import short as number


def lines(concept: Concept) -> list[str]:
    """What a concept is, what it is made from, and what its figures say."""
    told, bound = concept.figures, concept.bound
    said = [
        f"{concept.name} ({concept.kind}), {concept.site} states of {bound.model} "
        f"({bound.fingerprint}), layer {concept.layer} chosen (*); layers are counted from 0 to "
        f"{concept.layers - 1}."
    ]
    if "imported" in told:
        said.append(f"Imported from {told['imported']['file']}: {told['imported']['unknown']}.")
    if "layers" in told:
        nested, words, data = told["nested"], told["text_only"], told["data"]
        of = f"n {told['n']:,} in {told['clusters']:,} clusters"
        said += [
            f"With the layer chosen inside: AUROC {interval(nested)}; {of}.",
            f"Words alone (TF-IDF on the same parts): AUROC {interval(words)}.",
            *_against_words(told),
            *_why_here(told, concept.layer),
            f"masked: the same texts with {told['in_place']!r} in place of "
            + (
                "your words"
                if told["words_given"]
                else "the words that a model of words weighs most "
                f"({', '.join(told['words'][:8])}, …)"
            )
            + f"; shuffled: probes made from shuffled labels, mean of {told['shuffles']}.",
            f"Texts: {data['about']}"
            + (
                f"; {data['left_out']:,} left out, {data['why_left_out']}."
                if data["left_out"]
                else "."
            ),
        ]
    return [*said, *([concept.place] if concept.place else [])]


def _against_words(told: Mapping[str, Any]) -> Iterator[str]:
    """Whether the probe is more than a reader of words; the file of an older version doesn't say.

    Args:
        told: the concept's figures.
    """
    more, masked = told.get("beyond_words"), told.get("when_masked")
    if more and more["value"] is None:
        yield f"Whether the probe is better than words alone can't be told: {_why(more)}."
    elif more:
        side = _side(more)
        how = {1: "better than", -1: "worse than", 0: "not shown to be better than"}[side]
        may = "" if side > 0 else ": it may read nothing but vocabulary"
        yield f"The probe is {how} words alone, by {_change(more)}{may}."
    if masked and masked["value"] is not None:
        falls = _side(masked) < 0
        how = "It falls" if falls else "It isn't shown to fall"
        part = ": that part of it is vocabulary" if falls else ""
        yield f"{how} where its words are masked, by {_change(masked)}{part}."


def _why_here(told: Mapping[str, Any], layer: int) -> Iterator[str]:
    """Why a layer was chosen above which others stand in the table."""
    own, rows = told["layers"][layer]["auroc"], told["layers"]
    above = 0 if own is None else sum((row["auroc"] or 0) > own for row in rows)
    if above and told.get("chosen") is not None:
        yield (
            f"{above} of the {len(rows)} layers stand above the chosen one in the table, where "
            "each part chose a penalty of its own. It was chosen for its AUROC of "
            f"{short(told['chosen'])} with one penalty for all parts; such differences are small "
            "beside the intervals."
        )


def _side(e: Mapping[str, Any]) -> int:
    """The side of 0 on which a difference's interval lies."""
    if e["low"] is None or e["high"] is None:
        return 0
    return int(e["low"] > 0) - int(e["high"] < 0)


def _why(e: Mapping[str, Any]) -> str:
    return str(e.get("why") or "there are too few texts")


def _change(e: Mapping[str, Any]) -> str:
    if e["low"] is None or e["high"] is None:
        return f"{short(e['value'], signed=True)} (no interval: {_why(e)})"
    return f"{short(e['value'], signed=True)} [{short(e['low'])}, {short(e['high'])}]"


def interval(e: Mapping[str, Any]) -> str:
    """An AUROC with its interval."""
    if e["auroc"] is None:
        return MISSING
    return ends(e["auroc"], e["low"], e["high"])


def ends(value: float | None, low: float | None, high: float | None) -> str:
    """A figure with its interval, where it has one."""
    both = "" if low is None or high is None else f" [{short(low)}, {short(high)}]"
    return short(value) + both


def short(value: float | None, *, signed: bool = False) -> str:
    """A figure, or a dash."""
    return MISSING if value is None else number(value, signed=signed)
