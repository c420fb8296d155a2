"""What the readings of recorded dialogues show, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from selfcorrect.report.numbers import p_value
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.mechanism.charts import by_layer
from selfcorrect.studies.words import estimate, sheet_of, sized

QUESTION = "Where is the concept activated: by the goal, by feedback, or by the model's reasons?"
TITLE = "Mechanism"

Result = Mapping[str, Any]

SITES = {
    "residual": "the residual stream",
    "attention": "the attention blocks",
    "mlp": "the MLP blocks",
}
PARTS = {
    "instruction": "the goal",
    "feedback": "the feedback",
    "rationale": "the rationale",
}
_CHAINS = {
    "round 1": "Round 1: question, rationale, both",
    "last round": "Last round: before feedback, feedback, with it, rationale, all",
    "feedback": "Feedback: the dialogue as it was, feedback alone, feedback taken out",
}
_ASKED = (
    "Published (arXiv 2410.20513, 2407.15286): feedback and reasons act on the states in which a "
    "concept such as bias shows, by attention or by the MLPs. So every dialogue is encoded again "
    "with one of its parts taken out (worded as the arm without that part words it), with the part "
    "alone, and with other words in its place. All readings end with the same token, the last one "
    "before the answer, where the state is read: its cosine with the concept's direction at that "
    "layer and site, in the space in which the concept was trained.",
    "Any words move a state. So what a part does is told *beyond* neutral everyday sentences of as "
    "many tokens in its place, without the concept's words. Beside it stands what those "
    "do by merely being there. The mean is over the upper-middle layers, .47 to .88 of the depth; "
    "the round is the last one, fixed beforehand (the goal's is the first, where it is said).",
)
_NOT = (
    "A part that moves an activation is no cause of the answer. That an activation rises by words "
    "which speak of the concept is what a reader of words would show too; the neutral words have "
    "the length, not the topic.",
    "Parts alone are shown as the user's message, whoever wrote them, as many templates "
    "refuse a transcript that the assistant begins.",
    "The rationale, the feedback and the answers stay as they were recorded. Without the "
    "feedback the model would have reasoned otherwise: readings take words away, not their "
    "consequences. The answer given was the likeliest in the dialogue as it was, so whatever is "
    "taken out tends to make it less likely; that of the right option has no such tilt.",
    "Cosines have bounds, but intervals allow for nothing that no record showed: with so few "
    "clusters that would leave none of use.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, sections, _NOT)


def sections(result: Result) -> list[Section]:
    """The study's own tables and charts."""
    chains: list[Table | Chart] = []
    for name in result["chains"]:
        chains.append(_chain_table(result, name))
        chains += [by_layer(result, name, site) for site in result["sites"]]
    return [
        Section("What each part does", [_lengths(result)], [_parts_table(result)]),
        Section("Chains of readings", [], chains),
        Section("The arms as they were", [], [_factors_table(result), _levels_table(result)]),
        Section("The answer's likelihood", [], [_likelihood_table(result)]),
    ]


def findings(result: Result) -> Iterator[str]:
    """A sentence a part, then chains, arms and likelihoods."""
    yield from part_findings(result)
    yield _chain_finding(result, "round 1", "rationale", "whole")
    yield _chain_finding(result, "last round", "with feedback", "whole")
    yield _factors_finding(result)
    yield from _likelihood_findings(result)
    yield from _weak(result)
    if result["leaked"] and result["leaked"]["value"]:
        yield (
            f"In {estimate(result['leaked'])} of the dialogues with feedback it told the answer "
            f"({sized(result['leaked'])}): what feedback does is then also what a told answer does."
        )
    read = result["read"]
    if read["left_out"]:
        yield (
            f"{read['left_out']:,} readings were longer than the model's context window, and are "
            "left out."
        )


def part_findings(result: Result) -> Iterator[str]:
    """What each part does beyond neutral words, at every site."""
    first, last = result["upper"]
    for kind, of in result["parts"].items():
        each = [
            f"{estimate(row['beyond'], signed=True)} in {SITES[site]} ({state(row['beyond'])})"
            for site, row in of.items()
        ]
        site, some = next(iter(of.items()))
        yield (
            f"Beyond as many neutral words in its place, {PARTS[kind]} moves the activation of "
            f"“{result['concept']}” in layers {first} to {last} by {_listed(each)}; "
            f"{sized(some['beyond'])}. Merely being there, neutral words move it by "
            f"{estimate(some['mere'], signed=True)} in {SITES[site]}."
        )


def _chain_finding(result: Result, name: str, before: str, after: str) -> str:
    chain = result["chains"][name]
    site = result["sites"][0]
    one, two = (chain["upper"][link][site] for link in (before, after))
    what = {
        "round 1": (
            "In round 1, seen from the question with its instruction, the rationale alone lies "
            "{} in {}, and both together {}"
        ),
        "last round": (
            "In the last round, seen from the dialogue before the feedback, the dialogue with it "
            "lies {} in {}, and with the rationale after it {}"
        ),
    }[name]
    said = [f"{estimate(e, signed=True)} ({state(e)})" for e in (one, two)]
    return what.format(said[0], SITES[site], said[1]) + f"; {sized(two)}."


def _factors_finding(result: Result) -> str:
    site = result["sites"][0]
    rows = {name: of[site] for name, of in result["factors"].items()}
    mains = [f"{name} {estimate(e, signed=True)}" for name, e in rows.items() if "×" not in name]
    shown = [name for name, e in rows.items() if "×" in name and e["state"] == "shown"]
    which = f"shown of the interactions: {_listed(shown)}" if shown else "no interaction is shown"
    some = next(iter(rows.values()))
    return (
        f"Over the eight arms as they were, the effects on the activation in {SITES[site]} "
        f"are: {', '.join(mains)}; {which} ({sized(some)}). These are effects of having words "
        "there as well."
    )


def _likelihood_findings(result: Result) -> Iterator[str]:
    for which, rows in result["likelihood"].items():
        more = rows["difference"]
        if more["value"] is None:
            continue
        told = {"given": "of the answer given", "right": "of the right option"}[which]
        verdict = "with which of them it is lower isn't shown"
        if more["state"] == "shown":
            verdict = f"it is lower with the {'rationale' if more['value'] > 0 else 'feedback'}"
        beyond = rows["difference, beyond neutral words"]
        seen = "shown" if beyond["state"] == "shown" else "not shown"
        yield (
            f"NLL {told}: relative to neither, the rationale "
            f"{_lowers(rows['rationale'])} nats and the feedback {_lowers(rows['feedback'])}: "
            f"{verdict} (difference "
            f"{estimate(more, signed=True)}, {sized(more)}). Beyond neutral words in the place of "
            f"each, the difference is {estimate(beyond, signed=True)} ({seen})."
        )


def _weak(result: Result) -> Iterator[str]:
    for site, told in result["aurocs"].items():
        if told and (told.get("low") is None or told["low"] <= 0.5):
            yield (
                f"Read {SITES[site]} with care: there the concept isn't shown to tell its own "
                f"texts apart, AUROC {estimate(told)}."
            )


def state(row: Result) -> str:
    """What is said of an estimate, in a word or two."""
    if row["state"] == "shown":
        return "shown, and within ±.02" if row["within"] else "shown"
    return "within ±.02" if row["within"] else "not shown"


def _lowers(row: Result) -> str:
    """By how many nats something lowers the NLL, or raises it."""
    if row["value"] is None or row["value"] >= 0:
        return f"lowers it by {estimate(row)}"
    turned = {"low": "high", "high": "low", "value": "value"}
    ends = {name: None if row[of] is None else -row[of] for name, of in turned.items()}
    return f"raises it by {estimate(ends)}"


def _listed(texts: Iterable[str]) -> str:
    every = list(texts)
    return " and ".join(filter(None, [", ".join(every[:-1]), every[-1]])) if every else ""


def _lengths(result: Result) -> str:
    read = result["read"]
    saved = 1 - read["encoded"] / read["tokens"] if read["tokens"] else 0.0
    return (
        f"A replaced text has {read['length']:.1f} tokens on average, and the neutral words in its "
        f"place {read['neutral']:.1f}. Of the {read['tokens']:,} tokens of all readings "
        f"{round(100 * saved)} % were shared with another reading, and encoded once."
    )


def _parts_table(result: Result) -> Table:
    rows = [
        [
            f"{PARTS[kind]}, {SITES[site]}",
            estimate(row["raw"], signed=True),
            estimate(row["mere"], signed=True),
            *_judged(row["beyond"]),
        ]
        for kind, of in result["parts"].items()
        for site, row in of.items()
    ]
    heads = ["", "minus none", "neutral words minus none", "beyond neutral words", "p, Holm", ""]
    first, last = result["upper"]
    note = f"Cosines, mean of layers {first} to {last} of {result['layers']}, counted from 0."
    return Table(f"Activation of “{result['concept']}”", heads, rows, note)


def _judged(row: Result) -> Sequence[str]:
    return estimate(row, signed=True), p_value(row["p_holm"]), state(row)


def _chain_table(result: Result, name: str) -> Table:
    chain = result["chains"][name]
    rows = [
        [f"{link}, {SITES[site]}", *_judged(row)]
        for link, of in chain["upper"].items()
        for site, row in of.items()
    ]
    note = f"Round {chain['round']}; p over all rows of the table."
    return Table(
        _CHAINS[name], ["", f"minus “{chain['links'][0]}”", "p, Holm", ""], rows, note,
        terminal=False,
    )  # fmt: skip


def _factors_table(result: Result) -> Table:
    rows = [
        [f"{name}, {SITES[site]}", *_judged(row)]
        for name, of in result["factors"].items()
        for site, row in of.items()
    ]
    note = f"Round {result['last']}, the dialogue as it was; an interaction is the difference of " \
        "differences."  # fmt: skip
    return Table("Effects on the activation", ["", "effect", "p, Holm", ""], rows, note,
                 terminal=False)  # fmt: skip


def _levels_table(result: Result) -> Table:
    rows = [[arm, estimate(e)] for arm, e in result["levels"].items()]
    return Table("Outcome by arm", ["", f"{result['outcome']}, round {result['last']}"], rows)


def _likelihood_table(result: Result) -> Table:
    rows = []
    for which, of in result["likelihood"].items():
        for name, row in of.items():
            if row["value"] is None:
                continue
            p = p_value(row["p_holm"])
            rows.append([f"{which}: {name}", estimate(row, signed=True), p])
    note = "In the arms with both. “Beyond neutral words”: while the other stays as it was."
    return Table("By how many nats the NLL is lowered", ["", "nats", "p, Holm"], rows, note)
