"""What a model prefers, in words and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.evaluation.preference import VERSIONS
from selfcorrect.measures.clusters import LEAST_EFFECTIVE
from selfcorrect.measures.intervals import FEW
from selfcorrect.report.numbers import MISSING, count, interval, short
from selfcorrect.report.sheet import Section, Sheet, Table

Result = Mapping[str, Any]

QUESTION = "Which sentence does the model find likelier: the one that stereotypes more?"
_SHOWN = {
    "text": "each sentence by itself, after the token that begins a text",
    "reply": "each sentence as the reply to a request for one, since a server takes no bare text",
}


def written(e: Result, *, signed: bool = False) -> str:
    """``.601 [.552, .663]``, or a dash."""
    if e["value"] is None:
        return MISSING
    return f"{short(e['value'], 3, signed=signed)} {interval(e, 3)}"


def sheet(result: Result) -> Sheet:
    """The sheet of a stored result of ``bias``."""
    make = _stereoset if "ss" in result else _pairs
    return make(result)


def _settings(result: Result) -> dict[str, str]:
    return {
        "model": f"{result['model']}, {result['fingerprint']}",
        "data": f"{result['data']}, {result['digest']}",
        "shown": _SHOWN[result["shown"]],
        "n": f"{result['n']:,}",
        "clusters": f"{result['clusters']:,}",
    }


def _pairs(result: Result) -> Sheet:
    whole = result["versions"]["whole"]
    e, faults, known = whole["share"], result["faults"], result["n"]
    known -= result["left_out"]["unscored"]
    side = _leaning(whole)
    findings = [
        f"Of {result['data']}, the sentence that stereotypes more is likelier to {result['model']} "
        f"in {written(e)} of the pairs (n {e['n']:,}, {count(e['clusters'], 'cluster')}): {side}. "
        ".500 would be neither.",
        _published(side, result["versions"]["shared"]),
        f"{count(faults['either'], 'pair')} of {known:,} have a known fault: "
        f"{faults['not_minimal']:,} differ in several places, of {faults['uneven']:,} the "
        f"differing parts have unequally many tokens. Without them: "
        f"{written(result['versions']['whole-clean']['share'])}.",
        *_left_out(result["left_out"]),
    ]
    text = [
        "The likelihood of whole sentences also weighs how frequent the differing words are; that "
        "of the tokens which both have, the published score, only sees what follows them. A model "
        "that finds one group's words likelier everywhere gets as much in one direction as it "
        "loses in the other: at equal weight of both that is gone.",
    ]
    return Sheet(
        "Likelier sentences",
        QUESTION,
        findings,
        [Section("What was found", text, [_versions(result), _categories(result)])],
        _settings(result),
    )


_LEANS = {1: "it leans towards the stereotype", -1: "it leans away from the stereotype"}


def _leaning(of: Result) -> str:
    """What pairs say: a leaning has to be there at equal weight of both directions, too, or one
    group's words may be likelier everywhere."""
    said, fair = _side(of["share"]), of["balanced"]
    if said not in _LEANS.values():
        return said
    if fair["value"] is None:
        return f"{said}, or one group's words are likelier everywhere: all are of one direction"
    if _side(fair) == said:
        return said
    alone = " and ".join(
        f"{written(of['directions'][name])} of the {of['directions'][name]['n']:,} {name} ones"
        for name in ("stereo", "antistereo")
    )
    return (
        f"no leaning can be said from that: it is {alone}, and {written(fair)} where both kinds "
        "count half. A model that finds one group's words likelier in every sentence gains in the "
        "one kind what it loses in the other, so a leaning has to show there, too"
    )


def _published(side: str, of: Result) -> str:
    """The published score beside it: which of both is looked at may decide the side."""
    other = _leaning(of)
    but = "" if other == side else " So the two scores don't say the same"
    return (
        f"By the tokens that both sentences have, the published score, it is "
        f"{written(of['share'])}: {other}.{but}{'.' if but else ''}"
    )


def few(e: Result) -> bool:
    """Whether its clusters are too few to name a side, or for the interval of a mean."""
    return float(e.get("effective_clusters") or e["clusters"]) < LEAST_EFFECTIVE


def _few_note(*of: Result) -> str:
    """Why some figures of a table come without an interval, where some do."""
    lacking = any(e["value"] is not None and e["low"] is None for e in of)
    return f" Without an interval: {FEW}, or all alike." if lacking else ""


def _side(e: Result) -> str:
    if e["low"] is None or few(e):
        return "nothing can be told from so few clusters"
    return _LEANS.get((e["low"] > 0.5) - (e["high"] < 0.5), "no leaning is shown")


def _left_out(counts: Result) -> list[str]:
    words = {
        "equal": "with twice the same sentence",
        "bad": "that couldn't be read",
        "unscored": "too long for the model, or impossible to it",
    }
    told = [f"{n:,} {words[name]}" for name, n in counts.items() if n]
    return [f"Left out: {', '.join(told)}."] if told else []


def _row(name: str, of: Result) -> list[str]:
    return [
        name,
        f"{of['share']['n']:,}",
        written(of["share"]),
        written(of["gap"], signed=True),
        written(of["directions"]["stereo"]),
        written(of["directions"]["antistereo"]),
        written(of["balanced"]),
    ]


_HEADS = ["", "n", "likelier", "log p, more − less", "stereo", "antistereo", "equal weight"]


def _versions(result: Result) -> Table:
    rows = [_row(VERSIONS[name], of) for name, of in result["versions"].items()]
    note = "Likelier: share of pairs in which the sentence that stereotypes more is likelier; "
    note += "log p in nats. Intervals are 95 %, over templates."
    note += _few_note(*_estimates(result["versions"]))
    return Table("By what is compared", _HEADS, rows, note)


def _categories(result: Result) -> Table:
    categories = result["versions"]["whole"]["categories"]
    rows = [_row(name, of) for name, of in categories.items()]
    note = _few_note(*_estimates(categories)).strip()
    return Table("By category, whole sentences", _HEADS, rows, note)


def _estimates(of: Result) -> list[Result]:
    return [
        e
        for each in of.values()
        for e in (each["share"], each["gap"], *each["directions"].values(), each["balanced"])
    ]


def _stereoset(result: Result) -> Sheet:
    e = result["ss"]
    findings = [
        f"Of {result['data']}, the stereotype is likelier to {result['model']} than its opposite "
        f"in {written(e)} of the items (n {e['n']:,}, {count(e['clusters'], 'target')}): "
        f"{_side(e)}. Sensible texts are likelier than unrelated ones in {written(result['lms'])}.",
        *_left_out(result["left_out"]),
    ]
    rows = [
        [name, f"{of['ss']['n']:,}", *(written(of[key]) for key in ("ss", "lms", "icat"))]
        for name, of in {"all": result, **result["groups"]}.items()
    ]
    note = "SS .5 is neither; ICAT = LMS · min(SS, 1 − SS) / .5. Intervals are 95 %, over targets."
    parts = [result, *result["groups"].values()]
    note += _few_note(*(of[key] for of in parts for key in ("ss", "lms", "icat")))
    table = Table("By kind and category", ["", "n", "SS", "LMS", "ICAT"], rows, note)
    return Sheet(
        "Likelier sentences", QUESTION, findings, [Section("", [], [table])], _settings(result)
    )
