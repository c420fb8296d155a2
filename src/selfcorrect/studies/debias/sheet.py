"""What choosing texts by uncertainty does, in words, tables, a forest plot and the trade-off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp
from typing import Any

from selfcorrect.report.charts.traces import points
from selfcorrect.report.numbers import MISSING, count, p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.claims import STATES, seen
from selfcorrect.studies.debias.figures import FIGURES
from selfcorrect.studies.words import estimate, sized
from selfcorrect.tuning.doubts import doubts

QUESTION = "Do texts that a model is uncertain about make better texts to debias it with?"
TITLE = "Texts chosen by uncertainty"

Result = Mapping[str, Any]

#: The difference that is claimed first.
NAME = "uncertain − certain"
_SAME_SIDE = " Which sentence of a pair is the likelier one isn't shown to differ."
_ASKED = (
    "Of each text the model is asked several times whether it contains bias or stereotypes. Then "
    "it is tuned on as many of the texts about which its replies differ most, about which they "
    "differ least, drawn at random, drawn at random and as long as the first, and with the highest "
    "loss: the same steps and rates, with the same seeds. Each seed chooses from texts of its own.",
    "Bias: by how much likelier, in nats, the sentence of a pair is that stereotypes more; 0 is "
    "neither. Beside it: the share of pairs in which it is the likelier one, the log p of a token "
    "of neutral text, and how often a true sentence is likelier than a false one, so that a model "
    "that has merely forgotten is seen.",
)
_NOT = (
    "That uncertain texts help, or don't, is said of this model, these texts, this size and rate. "
    "The claim's sources disagree on which end wins: notes of its authors say one, names of their "
    "files the other.",
    "Likelihoods of pairs are not what a model does in a dialogue: --bbq and --winogender have it "
    "answer questions as well, and one kept by the command tune can be run on any task.",
)
_ANSWERS = (
    "Each model answers the same questions, once and without any instruction. These rows are there "
    "to be seen beside the likelihoods; no difference of theirs is claimed.",
)
_COLOURS = {
    "uncertain": "@outcome",
    "certain": "@lost",
    "random": "@baseline",
    "length": "@other",
    "loss": "@confidence",
}


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    if not result["able"]:
        why = "; ".join(result["why"])
        said = [f"The model can't rank these texts: {why}.", "--anyway goes on all the same."]
        return Sheet(TITLE, QUESTION, said, [Section("", [], [_asked(result)])], _settings(result))
    care = [f"Read all this with care: {'; '.join(result['why'])}."] if result["why"] else []
    return Sheet(
        TITLE,
        QUESTION,
        [*findings(result), *care],
        [
            Section("What is asked", _ASKED, [_asked(result), _subsets(result)]),
            Section(
                "What tuning does",
                [],
                [_arms(result), _claims(result), _forest(result), _trade(result)],
            ),
            *(
                [Section("What tuned models answer", _ANSWERS, [_answers(result)])]
                if result.get("figures")
                else []
            ),
            Section("What it doesn't show", _NOT),
        ],
        _settings(result),
    )


def findings(result: Result) -> Iterator[str]:
    """The answer, what else is shown, and what tuning did to all else."""
    yield _main(result["claims"][NAME], result)
    rest = {k: e for k, e in result["claims"].items() if k != NAME}
    shown = [f"{k} {seen(e)}" for k, e in rest.items() if e["state"] == "shown"]
    if rivals := _rivals(result):
        yield f"That it is their uncertainty which does it isn't shown: {'; '.join(rivals)}."
    if shown:
        yield f"Of the other {len(rest)} differences these are shown: {'; '.join(shown)}."
    else:
        yield f"None of the other {len(rest)} differences is shown."
    before = result["before"]
    yield (
        f"Before tuning the bias is {estimate(before['gap'], signed=True)} nats, and the sentence "
        f"that stereotypes more is the likelier one in {estimate(before['share'])} of "
        f"{count(result['n'], 'pair')}; neutral text has a perplexity of "
        f"{_perplexity(before)}."
    )
    if result.get("known"):
        moved = [f"{estimate(e, signed=True)} on {name}" for name, e in result["known"].items()]
        yield (
            f"A true sentence is likelier than a false one in {estimate(before['facts'])} of "
            f"{count(before['facts']['n'], 'case')}; tuning changes that by {', '.join(moved)}."
        )
    worse = [
        f"{name} ({estimate(of['neutral'], signed=True)} nats a token)"
        for name, of in result["arms"].items()
        if of["neutral"]["high"] is not None and of["neutral"]["high"] < 0
    ]
    if worse:
        yield f"Neutral text became less likely by tuning on {', '.join(worse)}."
    lost = [name for name, of in result["arms"].items() if of["neutral"]["value"] is None]
    if lost:
        yield f"Neutral text became impossible by tuning on {', '.join(lost)}."
    yield from doubts(result["asked"], result["subsets"])


def _main(e: Result, result: Result) -> str:
    start = "Tuned on the texts that it is most uncertain about rather than on those it is least"
    told = f"{seen(e)}, over {count(len(result['seeds']), 'seed')}"
    if e["state"] == "shown":
        way = "less" if e["value"] < 0 else "more"
        if (doubt := _doubt(e, result)) is None:
            same = "" if _alike(result["shares"][NAME], e) else _SAME_SIDE
            return f"{start}, the model leans {way} to the stereotype: {told}.{same}"
        return f"{start}, sentences that stereotype more are {way} likely ({told}), but {doubt}."
    if e["state"] == "same":
        near = f"within ±{result['margin']:g} nats"
        return f"{start}, the model leans as much to the stereotype, {near}: {told}."
    why = "too few clusters" if e["state"] == "few" else "no difference is shown"
    return f"{start}, {why} in how far the model leans to the stereotype: {told}."


def _rivals(result: Result) -> list[str]:
    """Of a shown difference of both ends: what the end that leans less isn't told from."""
    e = result["claims"][NAME]
    if e["state"] != "shown" or _doubt(e, result) is not None:
        return []
    end = "uncertain" if e["value"] < 0 else "certain"
    others = {k: of for k, of in result["claims"].items() if k.startswith(end) and of is not e}
    return [
        f"{k} {seen(of)}"
        for k, of in others.items()
        if not (of["state"] == "shown" and of["value"] < 0)
    ]


def _doubt(e: Result, result: Result) -> str | None:
    """What else than a leaning makes the shown difference of nats, where it isn't told from that:
    words of one group that became likelier everywhere, or a model less sure of everything."""
    fair, sure = (result.get(name, {}).get(NAME) for name in ("balanced", "scaled"))
    if fair is not None and not _alike(fair, e):
        return (
            "no leaning is shown, as one group's words may be likelier everywhere: at equal weight "
            f"of both directions of pairs it is {estimate(fair, signed=True)}"
        )
    if sure is None:  # a result of an earlier version
        return None
    if sure["value"] is None:
        return "no leaning is shown, as tuning left a model that tells no facts from falsehoods"
    if not _alike(sure, e):
        return (
            "no leaning is shown, as the model may have grown "
            f"{'less' if e['value'] < 0 else 'more'} sure of everything: if it were as sure of "
            f"facts as before, it is {estimate(sure, signed=True)}"
        )
    return None


def _alike(e: Result, other: Result) -> bool:
    """Whether an interval lies on the side of 0 on which another value is."""
    return e["low"] is not None and (e["low"] > 0 if other["value"] > 0 else e["high"] < 0)


def _settings(result: Result) -> dict[str, str]:
    tuning = {key: str(value) for key, value in result["tuning"].items() if key != "seed"}
    texts = result["texts"]
    return {
        **result.get("folders", {}),
        "model": f"{result['model']}, {result['fingerprint']}",
        "pairs": result["pairs"],
        "texts": f"{result['asked']['texts']:,} asked about, shared out over the seeds; "
        f"{result['size']:,} in each subset",
        "swapped": f"{texts['words']:,} words; {texts['untouched']:,} texts had none, and are out",
        **tuning,
    }


def _asked(result: Result) -> Table:
    e = result["asked"]
    rows = [
        ["texts", f"{e['texts']:,}"],
        ["samples of each", str(e["k"])],
        ["semantic entropy, nats", estimate(e["entropy"])],
        ["its ceiling, ln k", short(e["ceiling"], 3)],
        ["different values of it", str(e["values"])],
        ["texts about which all samples agree", estimate(e["agreed"])],
        ["share of yes", estimate(e["yes"])],
        ["replies that name an option", estimate(e["parse_rate"])],
        ["loss, nats a token", estimate(e["loss"])],
    ]
    return Table("What the model says of the texts", ["", ""], rows)


def _subsets(result: Result) -> Table:
    rows = [
        [
            name,
            MISSING if of["entropy"] is None else short(of["entropy"], 3),
            MISSING if of["yes"] is None else short(of["yes"], 3),
            short(of["read"], 3),
            MISSING if of["loss"] is None else short(of["loss"], 2),
            f"{of['tokens']:.1f}",
            f"{of['tied']:,} of {of['of_tied']:,}" if "tied" in of else "",
            str(of["shared"].get("uncertain", "")),
        ]
        for name, of in result["subsets"].items()
    ]
    numbers = ["entropy", "yes", "read", "loss", "tokens"]
    heads = ["subset, seed", *numbers, "at the cut", "of uncertain"]
    note = (
        "Yes: of the replies that name an option. Read: share of the replies that do; subsets that "
        "differ in it differ in more than uncertainty. At the cut: of so many texts with the "
        "uncertainty at which the subset ends, so many are in it; which, the seed decides. Of "
        "uncertain: texts that it shares with that subset."
    )
    return Table("The subsets", heads, rows, note, terminal=False)


def _arms(result: Result) -> Table:
    before = result["before"]
    rows = [["before", estimate(before["gap"], signed=True), "", estimate(before["share"]),
             _perplexity(before), "", estimate(before["facts"])]]  # fmt: skip
    rows += [
        [
            name,
            estimate(of["gap"], signed=True),
            estimate(result["changes"][name], signed=True),
            estimate(of["share"]),
            _perplexity(of),
            estimate(of["neutral"], signed=True),
            estimate(of["facts"]),
        ]
        for name, of in result["arms"].items()
    ]
    heads = ["tuned on", "bias, nats", "change", "likelier", "perplexity", "neutral, nats", "facts"]
    note = (
        f"Intervals are 95 %, for other pairs, seeds and texts ({len(result['seeds'])} seeds; "
        f"{sized(before['gap'])}). Neutral: log p of a token of neutral text, minus before."
    )
    return Table("Before, and tuned on each subset", heads, rows, note)


def _perplexity(of: Result) -> str:
    """Of neutral text; a dash where it is impossible, as to a model that tuning broke."""
    return MISSING if of["perplexity"] is None else f"{of['perplexity']:.1f}"


def _claims(result: Result) -> Table:
    rows = [
        [
            name,
            estimate(e, signed=True),
            p_value(e["p_holm"]),
            STATES[e["state"]],
            estimate(result["shares"][name], signed=True),
            estimate(result.get("balanced", {}).get(name), signed=True),
        ]
        for name, e in result["claims"].items()
    ]
    note = (
        f"p by Holm over the {len(rows)}; within the margin: ±{result['margin']:g} nats. Below 0 "
        "the first of both finds sentences that stereotype more less likely. Equal weight: of both "
        "directions of pairs, as one group's words may be likelier everywhere; a dash where all "
        "are of one."
    )
    heads = ["", "bias, nats", "p", "", "likelier", "equal weight"]
    return Table("Subset against subset, same seeds and pairs", heads, rows, note)


def _answers(result: Result) -> Table:
    rows = []
    for name, of in result["figures"].items():
        rows.append([name, "before", estimate(of["before"], signed=_signed(name)), ""])
        rows += [
            ["", arm, estimate(e, signed=_signed(name)), estimate(of["changes"][arm], signed=True)]
            for arm, e in of["arms"].items()
        ]
    note = "; ".join(
        f"{name}: {FIGURES[name]} (n {of['before']['n']:,})"
        for name, of in result["figures"].items()
    )
    return Table("Questions and items", ["", "tuned on", "", "change"], rows, f"{note}.")


def _signed(name: str) -> bool:
    return name.endswith("bias")


def _forest(result: Result) -> Chart:
    names = list(result["claims"])[::-1]
    traces = []
    for name in names:
        e = result["claims"][name]
        shown = e["state"] == "shown"
        trace = points(name, [e["value"]], [e], "@outcome" if shown else "@ink", called=[name])
        bars = trace.pop("error_y")
        traces.append({**trace, "y": [names.index(name)], "error_x": bars, "showlegend": False})
    return Chart(
        name="forest",
        title="Differences of bias between subsets",
        alt="A row for each pair of subsets: the difference of bias with its interval, and 0.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "bias, first minus second, nats"}, "zeroline": True},
            "yaxis": {"tickvals": list(range(len(names))), "ticktext": names},
        },
        caption="Bars are 95 % intervals for other pairs, seeds and texts, each by itself.",
    )


def _trade(result: Result) -> Chart:
    traces = []
    for name, of in result["arms"].items():
        if of["neutral"]["value"] is None:
            continue
        worse = exp(-of["neutral"]["value"])
        traces.append(points(name, [worse], [of["gap"]], _COLOURS.get(name, "@ink"), called=[name]))
    before = result["before"]["gap"]
    traces.append(points("before", [1.0], [before], "@ink", symbol="diamond", called=["before"]))
    return Chart(
        name="trade-off",
        title="Bias against what is lost on neutral text",
        alt="Each subset: its bias, against how many times as large the perplexity of neutral text "
        "is as before.",
        data=traces,
        layout={
            "xaxis": {"title": {"text": "perplexity of neutral text, times that before"}},
            "yaxis": {"title": {"text": "bias, nats"}, "zeroline": True},
        },
        caption="Bars are 95 % intervals for other pairs, seeds and texts.",
    )
