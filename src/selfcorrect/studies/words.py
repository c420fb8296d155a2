"""How studies of real models write their estimates, and what their findings have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from selfcorrect.report.charts.traces import Trace, scatter
from selfcorrect.report.numbers import MISSING, count, interval, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table

#: What is said of an estimate whose series is the same throughout.
UNVARYING = "it doesn't vary"
#: A share of dialogues that ever change their answer up to which hardly any do.
FEW_MOVE = 0.05
#: A letter is preferred that is chosen so many times as often as if all were alike.
MUCH_OFTENER = 1.5

Estimate = Mapping[str, Any]
Result = Mapping[str, Any]

#: How each arm is drawn: colour, dash.
LINES = {
    "intrinsic": ("@outcome", "solid"),
    "repeat": ("@baseline", "dash"),
    "negation": ("@lost", "dot"),
    "baseline": ("@other", "longdash"),
    "injection": ("@confidence", "dashdot"),
}


def label(name: str) -> str:
    """A measure's name for readers."""
    from selfcorrect.measures.catalogue import MEASURES  # imports scipy
    from selfcorrect.measures.own import label_of

    labels = {m.name: m.label for m in MEASURES}
    return labels.get(name) or label_of(name)


def estimate(e: Estimate | None, places: int = 3, *, signed: bool = False) -> str:
    """``.601 [.552, .663]``, or a dash."""
    if e is None or e["value"] is None:
        return MISSING
    if e["value"] == e["low"] == e["high"]:  # of a series that is the same throughout
        return UNVARYING
    return f"{short(e['value'], places, signed=signed)} {interval(e, places)}"


def change(e: Estimate | None, places: int = 3) -> str:
    """``+.060 [.011, .109]``, or a dash."""
    return estimate(e, places, signed=True)


def sized(e: Estimate) -> str:
    """``n 120, 40 clusters``, and how many of one size these are worth where sizes differ."""
    effective = e.get("effective_clusters")
    worth = "" if effective is None else f", worth {effective:.1f} of one size"
    return f"n {e['n']:,}, {count(e['clusters'], 'cluster')}{worth}"


#: What else looks like a lead of one series, and like one both ways.
BETTER_READING = "a better reading of the same thing would look so, too"
EACH_THE_OTHERS = (
    "dialogues that settle or alternate, and two readings of one thing, look so without any lead"
)


def never_changes(order: Result, one: str, other: str) -> str:
    """Which of two series stays as it is in every dialogue, so that neither can go ahead of the
    other; "" where both change.

    Args:
        order: the table of :func:`selfcorrect.measures.lagged.order`, of a stored result maybe one
            that doesn't say so yet.
        one, other: what its ``c`` and ``u`` are called.
    """
    still = [{"c": one, "u": other}[name] for name in order.get("still", ())]
    if not still:
        return ""
    verb = "change" if len(still) > 1 else "changes"
    return f"{' and '.join(still)} never {verb} from one round to the next"


def sheet_of(
    title: str,
    question: str,
    result: Result,
    findings: Callable[[Result], Iterable[str]],
    asked: Sequence[str],
    sections: Callable[[Result], Sequence[Section]],
    shows_not: Sequence[str],
) -> Sheet:
    """The sheet of a study of a real model: what is asked and what was checked first, the study's
    own sections, and what it doesn't show; or why the model can't answer.

    Args:
        title, question: of the study.
        result: of its analysis, or of its preflight.
        findings: in sentences, from the result.
        asked: paragraphs on the question.
        sections: the study's own, from the result.
        shows_not: paragraphs.
    """
    from selfcorrect.studies.able import sentence

    found = result["preflight"]
    checked = preflight(found)
    if not result["able"]:
        go_on = "" if found["missing"] else "; --anyway does it all the same"
        said = [sentence(found), f"So nothing is analysed{go_on}."]
        first = [Section("What was checked first", [], [checked])]
        return Sheet(title, question, said, first, settings(result))
    doubts = found["why"]
    care = [f"Read all this with care: {'; '.join(doubts)}."] if doubts else []
    return Sheet(
        title,
        question,
        [*turns(result), *findings(result), *limits(found), *care, *looked(result)],
        [
            Section("What is asked", asked, [checked]),
            *sections(result),
            Section("What it doesn't show", shows_not),
        ],
        settings(result),
    )


def turns(result: Result) -> Iterator[str]:
    """That answers go back and forth, where a study says of which arms (``turning``)."""
    if turning := result.get("turning"):
        some = "; ".join(f"of {arm} {estimate(e)}" for arm, e in turning.items())
        yield (
            "What the last round shows may depend on where one stops, as dialogues go back and "
            f"forth between two answers ({some}): a direction is named only where the round before "
            "shows it, too."
        )


def looked(result: Result) -> Iterator[str]:
    """That a study was made several times as its runs grew, and whether its verdicts allow for
    that (``level``)."""
    looks = result.get("looks", ())
    if len(looks) > 1:
        times = f"This study was made of these runs {len(looks)} times (n {_each(looks)})"
        if result.get("level") is not None:
            yield f"{times}; its verdicts allow for that."
        else:
            yield (
                f"{times}, and its tests are those of one look: whoever goes on until something is "
                "shown will see it by chance more often than they say."
            )


def _each(looks: Sequence[int]) -> str:
    return ", ".join(f"{n:,}" for n in looks)


def limits(found: Result) -> Iterator[str]:
    """What of a model's answers leaves little to be seen, in sentences, though the study goes on.

    Args:
        found: by the preflight.
    """
    flips, position, level = found["flips"], found["position"], found["outcome"]
    if found["rounds"] > 1 and flips["value"] is not None and flips["value"] <= FEW_MOVE:
        moves = "No answer moves" if not flips["value"] else "Hardly any answer moves"
        yield (
            f"{moves}: {estimate(flips)} of the dialogues ever change theirs, so what would move "
            "answers can't be seen here, and what is the same may be so for that reason."
        )
    if position is not None and (position["low"] or 0) > MUCH_OFTENER * position["alike"]:
        yield (
            f"One letter is preferred: {estimate(position)} of the first answers are "
            f"({_letter(position)}), where {short(position['alike'], 3)} would be if all letters "
            "were chosen alike; so outcomes tell where the right option stood, too."
        )
    chance = found["chance"]
    guessing = chance is not None and level["low"] is not None and level["low"] <= chance
    if guessing and not any("guessing" in why for why in found["why"]):
        yield (
            f"Its first answers aren't shown to be better than guessing: {estimate(level)}, and "
            f"{short(chance, 3)} by guessing."
        )


def _letter(position: Result) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[position["letter"] % 26]


def preflight(found: Result) -> Table:
    """What a model does in round 1."""
    rows = [
        ("answers read", estimate(found["read"]), "at least .8"),
        ("outcome, round 1", estimate(found["outcome"]), _than_chance(found)),
    ]
    if found["rounds"] > 1:
        rows.append(("dialogues whose answer ever changes", estimate(found["flips"]), ""))
    if found["mass"] is not None:
        rows.append(("option mass, median", short(found["mass"], 3), "at least .5"))
    if found["position"] is not None:
        letter = _letter(found["position"])
        alike = short(found["position"]["alike"])
        rows.append(
            (
                f"answers ({letter}), the most frequent",
                estimate(found["position"]),
                f"{alike} alike",
            )
        )
    if found["rounds"] > 1:
        smallest = found["detectable"]
        rows.append(
            (
                "smallest change of the outcome that is shown 4 times of 5",
                "can't be told" if smallest is None else short(smallest, 3),
                "" if found["flips"]["value"] else "had all that changes done so one way",
            )
        )
    return Table("Preflight", ["", "this model", "needed, or by chance"], rows)


def _than_chance(found: Result) -> str:
    return "" if found["chance"] is None else f"{short(found['chance'])} by guessing"


def settings(result: Result) -> dict[str, str]:
    """What the page says it was made with."""
    left = result.get("left_out", 0)
    return {
        **result.get("folders", {}),
        "examples": f"{result['n']:,}",
        "clusters": f"{result['clusters']:,}",
        **_concept(result),
        **({"left out, as not all arms have them": f"{left:,}"} if left else {}),
    }


def _concept(result: Result) -> dict[str, str]:
    if not result.get("concept"):
        return {}
    return {"concept": f"{result['concept']}, layer {result['layer']}"}


def curves(
    name: str, of: Mapping[str, Sequence[Estimate | None]], rounds: Sequence[int], caption: str = ""
) -> Chart:
    """A measure by round, an arm a line, each with its interval."""
    traces: list[Trace] = []
    for at, (arm, found) in enumerate(of.items()):
        known = [
            (t, e) for t, e in zip(rounds, found, strict=False) if e and e["value"] is not None
        ]
        if not known:
            continue
        colour, dash = LINES.get(arm, ("@ink", "solid"))
        each = [e for _, e in known]
        places = [t for t, _ in known]
        how: dict[str, Any] = {"form": "score", "dash": dash, "aside": 0.05 * at, "size": 6}
        traces.append(scatter(arm, places, each, colour, **how))
    return Chart(
        name="curve-" + "".join(c if c.isalnum() else "-" for c in name),
        title=label(name).capitalize(),
        alt=f"{label(name)} by round, a line for each of {', '.join(of)}, with intervals.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "round"}, "dtick": 1, "tickformat": "d"},
            "yaxis": {"title": {"text": label(name)}},
        },
        caption=caption or "Bars are 95 % intervals over clusters.",
    )
