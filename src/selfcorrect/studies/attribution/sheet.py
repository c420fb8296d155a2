"""Of what a gain consists, in words, tables and a chart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from selfcorrect.report.charts.traces import points
from selfcorrect.report.ledger import ENDS, NAMES, between, word
from selfcorrect.report.numbers import MISSING, count, decides, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.words import change, estimate, sheet_of, sized

QUESTION = "Of what does a method's gain consist, and would it have come without its instruction?"
TITLE = "Attribution"

Result = Mapping[str, Any]

_ASKED = (
    "A gain from the first round to the last isn't yet an effect of the instruction. So it is "
    "split by arms on the same examples, each of which has one thing more than the one before: "
    "the first answer; another first answer, drawn anew (regression to the mean); a majority of "
    "samples at about the method's tokens (sampling); the question asked again in one dialogue, "
    "in place of the samples (mere repetition); neutral words as long as the method's (length); "
    "and the method (its instruction). Each part is the outcome of an arm minus that of the one "
    "before, so that they add up to the whole.",
    "Dialogues that were wrong at first can only gain, and those that were right only lose: what "
    "another first answer does to them is what chance alone would do.",
)
_NOT = (
    "The order of the arms was fixed beforehand. Parts of another order would be others: sampling "
    "stands before repetition, as it is what the tokens buy without a dialogue, so repetition is "
    "what a dialogue does beyond that, and may take back what sampling gains.",
    "The first answer is the run's own, mostly the likeliest one, and another first answer is "
    "drawn at temperature 1. Where the likeliest is better than a drawn one, regression to the "
    "mean holds that, too, and sampling gives it back.",
    "Of dialogues that were wrong, or right, at first, the question again, neutral words and the "
    "method go on from that answer, and another first answer and a majority don't. So repetition "
    "holds there what merely keeping the first answer does, and is no harm, or help, of asking "
    "again.",
    "Neutral words are as many as the method's, and not as many tokens to the last one; and other "
    "neutral words might do otherwise.",
)
_WHOSE = {"all": "all", "wrong": "wrong at first", "right": "right at first"}
#: An arm whose tokens are further from the method's than this isn't at equal tokens.
EQUAL = 0.2


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    parts = Section("The parts", [], [_ledger(result), _chart(result), _levels(result)])
    return [parts, Section("What the arms take", [], [_tokens(result)])]


def findings(result: Result) -> Iterator[str]:
    """The whole and the instruction's part first, then the others, then what casts doubt."""
    first, last = result["rounds"][0], result["rounds"][-1]
    whole = result["all"]["whole"]
    if whole["value"] is None:
        yield "No dialogue has a known outcome in every arm, so there is nothing to split."
        return
    yield (
        f"From round {first} to round {last} {result['method']} changed {_outcome(result)} by "
        f"{change(whole)} ({sized(whole)}): {word(whole)}."
    )
    parts = result["all"]["parts"]
    yield f"Of that {_part('instruction', parts)}."
    others = [name for name in parts if name != "instruction"]
    yield f"The rest: {'; '.join(_part(name, parts) for name in others)}."
    for name, said in (("control", "the question merely repeated"), ("majority", _voted(result))):
        e = result["beside"][name]
        yield (f"{result['method']} minus {said}: {change(decides(e))} ({sized(e)}), {word(e)}.")
    wrong = result["wrong"]
    if wrong["whole"]["value"] is not None:
        yield (
            f"Of dialogues that were {_bad(result)} at first{_only(result, 'gain')}, another first "
            f"answer alone changes {_outcome(result)} by "
            f"{change(wrong['parts']['regression'])}, and {result['method']} by "
            f"{change(wrong['whole'])} ({sized(wrong['whole'])}){_rest(result)}."
        )
    yield from _doubts(result)


def _rest(result: Result) -> str:
    """What the dialogues lose that the other half of a finding is about."""
    right = result.get("right")
    if right is None or right["whole"]["value"] is None:
        return ""
    return (
        f"; of the others{_only(result, 'lose')}, by {change(right['parts']['regression'])} "
        f"and {change(right['whole'])} ({sized(right['whole'])})"
    )


def _only(result: Result, way: str) -> str:
    return f", which can only {way}" if result["share"] else ""


def _part(name: str, parts: Result) -> str:
    e = parts[name]
    return f"{NAMES[name]} {change(decides(e))}, {word(e)}"


def _outcome(result: Result) -> str:
    return str(result["outcome"]).replace("_", " ")


def _bad(result: Result) -> str:
    return "wrong" if result["share"] else "in the worse half"


def _voted(result: Result) -> str:
    ratio = result["tokens"]["majority"]["ratio"]
    at = "" if ratio is None else f" at {short(ratio['value'])} times its tokens"
    return f"a majority of {result['votes']}{at}"


def _doubts(result: Result) -> Iterator[str]:
    """Arms that aren't as large as they should be, and dialogues that are missing."""
    ratio = result["tokens"]["majority"]["ratio"]
    if ratio is None:
        yield "The model counts no tokens, so nothing says that the majority takes as many."
    elif abs(ratio["value"] - 1) > EQUAL:
        better = max(2, round(result["votes"] / ratio["value"]))
        yield (
            f"The majority takes {estimate(ratio, 2)} times the method's tokens, which isn't "
            f"equal: about --votes {better} would."
        )
    later = result["tokens"]["padded"]["later"]
    if later is not None and abs(later["value"] - 1) > EQUAL:
        yield (
            f"The neutral words take {estimate(later, 2)} times the tokens of the method's later "
            "rounds, so length is only partly what differs between them."
        )
    if result["unknown"]:
        yield (
            f"{count(result['unknown'], 'dialogue')} without a known outcome in some arm left out "
            f"of all values{_lacking(result)}; verdicts stand for whatever those outcomes are."
        )


def _lacking(result: Result) -> str:
    some = [f"{ENDS[arm]} {n:,}" for arm, n in result["lacking"].items()]
    return f" (at last without one: {', '.join(some)})" if some else ""


def _ledger(result: Result) -> Table:
    share = result["share"]
    rows = [
        [
            f"{NAMES[name]}: {ENDS[ends[1]]} − {ENDS[ends[0]]}",
            *(_cell(result[whose]["parts"][name]) for whose in _WHOSE),
            word(result["all"]["parts"][name]),
        ]
        for name, ends in between().items()
    ]
    rows.append(
        [
            "together: the gain",
            *(_cell(result[whose]["whole"]) for whose in _WHOSE),
            word(result["all"]["whole"]),
        ]
    )
    sizes = [f"{result[whose]['whole']['n']:,}" for whose in _WHOSE]
    heads = [f"{said} (n {n})" for said, n in zip(_WHOSE.values(), sizes, strict=True)]
    if not share:
        heads[1:] = [f"worse half at first (n {sizes[1]})", f"better half (n {sizes[2]})"]
    return Table(
        f"Changes of {_outcome(result)}",
        ["part", *heads, "of all"],
        rows,
        "Each with its own 95 % interval over clusters. What is said of all goes by intervals "
        "that hold together for the five parts. A first answer that couldn't be read is neither "
        "right nor wrong.",
    )


def _cell(e: Result) -> str:
    return change(e)


def _levels(result: Result) -> Table:
    rows = [
        [said, *(estimate(result[whose]["levels"][end]) for whose in _WHOSE)]
        for end, said in ENDS.items()
    ]
    return Table(f"{_outcome(result).capitalize()} of each arm", ["", *_WHOSE.values()], rows)


def _tokens(result: Result) -> Table:
    rows = []
    for arm, of in result["tokens"].items():
        tokens = MISSING if of["tokens"] is None else f"{of['tokens']['value']:,.1f}"
        rows.append([ENDS[arm], tokens, estimate(of["ratio"], 2), estimate(of["later"], 2)])
    with_it = "with the question after them" if result["asks"] else "without the question"
    return Table(
        "Tokens",
        ["", "of a dialogue", "to the method's", "of a later round, to the method's"],
        rows,
        f"All that went through a model, as if each arm had gone alone; the majority is one of "
        f"{result['votes']} samples; neutral words stand {with_it}. Another first answer is drawn "
        "after a first one, which is counted.",
    )


def _chart(result: Result) -> Chart:
    known = [
        (NAMES[name], e) for name, e in result["all"]["parts"].items() if e["value"] is not None
    ]
    known.append(("together", result["all"]["whole"]))
    traces = [
        {
            **points(name, [name], [e], colour),
            "hovertext": [f"{name}: {_cell(e)}, {sized(e)}"],
            "hoverinfo": "text",
        }
        for name, e in known
        for colour in ["@ink" if name == "together" else "@outcome"]
    ]
    return Chart(
        name="parts",
        title=f"Parts of the change in {_outcome(result)}",
        alt="; ".join(f"{name} {_cell(e)}" for name, e in known),
        data=traces,
        layout={
            "xaxis": {"title": {"text": ""}},
            "yaxis": {"title": {"text": f"change of {_outcome(result)}"}, "zeroline": True},
            "showlegend": False,
        },
        caption="All dialogues. Bars are 95 % intervals over clusters, each by itself.",
        height="18rem",
    )
