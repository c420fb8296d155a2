"""Effects, interactions, the best arm and its cost, in words, tables and charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from selfcorrect.report.charts.traces import error_bars, said, scatter
from selfcorrect.report.numbers import MISSING, p_value, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.claims import STATES, allowed, counted, seen
from selfcorrect.studies.words import estimate, label, sheet_of, sized

QUESTION = (
    "Do goal, external feedback and chain of thought help, and do they help less together than "
    "each by itself?"
)
TITLE = "Factorial design"

Result = Mapping[str, Any]

_ASKED = (
    "Three parts of a method are there or not: the goal in every round (I), external feedback from "
    "round 2 on (F) and chain of thought (C). All eight arms go through the same examples and as "
    "many rounds; the arm with none of them repeats the question. The last round is analysed.",
    "Effects are contrasts of the eight outcomes within each example. Two effects interact where "
    "they don't add up; but what adds up in probability doesn't in log odds, and the other way "
    "round: two effects that add up in log odds, of 2 each, lack .28 of adding up in probability. "
    "So an interaction is claimed only where both scales show it.",
)
_NOT = (
    "A part's effect is that of its words, what it costs in tokens included: an arm with feedback "
    "or reasons computes more than one without, and more votes at equal tokens might do as much.",
    "An interaction is one of the arms' mean outcomes, and may be shown on both scales where no "
    "single question has one: if some questions are always answered right and others never, parts "
    "that add up exactly in the log odds of every other question don't add up in the means.",
    "The examples in which no feedback names an answer are chosen after the treatment: what "
    "feedback names follows from how the arms went. On them feedback that does nothing may seem to "
    "harm or to help, so their effects are estimates without a verdict. And only what is named in "
    "known ways is found, so leaks are a lower bound.",
    "Each part has one wording here, and feedback one source.",
)
_NAMES = {"I": "the goal", "F": "feedback", "C": "reasons"}


def sheet(result: Result) -> Sheet:
    """The sheet of what the analysis, or the preflight, returns."""
    return sheet_of(TITLE, QUESTION, result, findings, _ASKED, _sections, _NOT)


def _sections(result: Result) -> list[Section]:
    clean = result["leak_free"]
    parts: list[Table | Chart] = [_effects(result), _forest(result)]
    if clean is not None:
        parts.append(_clean(clean, label(result["outcome"])))
    return [
        Section("Effects and interactions", [], parts),
        Section("The arms", [], [_arms(result), _levels(result)]),
    ]


def findings(result: Result) -> Iterator[str]:
    """What each part does, whether parts interact, which arm is best, what it costs, and leaks."""
    for effect in _NAMES:
        yield _main(result, effect)
    yield from _interactions(result)
    yield _best(result)
    yield from _cost(result)
    yield from _leaks(result)
    yield from _unread(result)


def _called(effect: str) -> str:
    *first, last = [_NAMES[letter] for letter in effect.split("×")]
    return f"{', '.join(first)} and {last}" if first else last


def _main(result: Result, effect: str) -> str:
    each = result["effects"][effect]
    e, odds = each["difference"], each["log_odds"]
    name = _called(effect).capitalize()
    if e["value"] is None or e["low"] is None:
        return f"{name}: the effect can't be told ({e.get('why')})."
    told = seen(e)
    beside = f"in log odds {estimate(odds, signed=True)}"
    what = f"{label(result['outcome'])} in round {result['round']}"
    if each["state"] == "shown":
        verb = "raises" if e["value"] > 0 else "lowers"
        plural = "s" if effect != "C" else ""
        verb = verb if plural else verb.removesuffix("s")
        return f"{name} {verb} {what} by {told}; {beside}."
    if each["state"] == "same":
        return (
            f"{name}: no effect on {what} beyond ±{short(result['margin'], 3)}, {told}; {beside}."
        )
    if each["state"] == "few":
        return f"{name}: the effect on {what} can't be told, clusters are too few: {told}."
    if each["state"] == "turns":
        return f"{name}: the effect on {what} depends on the round in which one stops, {told}."
    return f"{name}: no effect on {what} is shown, {told}; {beside}."


def _interactions(result: Result) -> Iterator[str]:
    """Those that are claimed, or depend on the scale, one by one; all others together."""
    sign = 1 if result["better"] == "higher" else -1
    others: dict[str, list[str]] = {}
    some = None
    for effect, each in result["effects"].items():
        if "×" not in effect:
            continue
        e, odds = each["difference"], each["log_odds"]
        some = e
        name = _called(effect)
        if each["state"] == "shown":
            less = sign * e["value"] < 0
            means = f", they gain {'less' if less else 'more'} together than their sum"
            yield (
                f"{name.capitalize()}: a {'negative' if less else 'positive'} interaction on both "
                f"scales{means if effect.count('×') == 1 else ''}, {estimate(e, signed=True)} of "
                f"{label(result['outcome'])} and {estimate(odds, signed=True)} in log odds, p "
                f"{p_value(each['p_both'])} (Holm, both), {sized(e)}."
            )
        elif each["state"] == "scale":
            yield (
                f"Whether {name} interact depends on the scale: {estimate(e, signed=True)} of "
                f"{label(result['outcome'])} (p {p_value(e['p_holm'])}) and "
                f"{estimate(odds, signed=True)} in log odds (p {p_value(odds['p_holm'])}; Holm), "
                f"{sized(e)}."
            )
        else:
            others.setdefault(each["state"], []).append(f"{name} ({estimate(e, signed=True)})")
    words = {
        "same": f"No interaction beyond ±{short(result['margin'], 3)}",
        "few": "Clusters are too few to tell of an interaction",
        "open": "No interaction is shown",
        "turns": "It depends on the round in which one stops whether there is an interaction",
    }
    for state, names in others.items():
        of = f" ({sized(some)})" if some and some["n"] else ""
        yield f"{words[state]} between {'; '.join(names)}{of}."


def _best(result: Result) -> str:
    arms = result["arms"]
    left = [arm for arm, of in arms.items() if not of["best"]["worse_than"]]
    most = f"the {'highest' if result['better'] == 'higher' else 'lowest'} " + label(
        result["outcome"]
    )
    held = f"at 95 % for all comparisons together, n {result['n']:,}"
    out = len(arms) - len(left)
    if not out:
        return (
            f"Which of the eight arms has {most} can't be told: none is shown to be worse than "
            f"another ({held})."
        )
    which = f"{left[0]} has {most}" if len(left) == 1 else f"any of {_listed(left)} may have {most}"
    return (
        f"{which[0].upper()}{which[1:]}; {out} of the eight arms {'is' if out == 1 else 'are'} "
        f"shown to be worse than another ({held})."
    )


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _cost(result: Result) -> Iterator[str]:
    costs = {arm: of["cost"]["tokens"] for arm, of in result["arms"].items()}
    known = {arm: e["value"] for arm, e in costs.items() if e and e["value"] is not None}
    if len(known) < len(costs):
        return
    least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    on = [arm for arm, of in result["arms"].items() if of["frontier"] and of["frontier"]["on"]]
    yield (
        f"A dialogue takes {known[least]:,.0f} tokens ({least}) to {known[most]:,.0f} ({most}). By "
        f"the estimates no other arm beats {_listed([f'{arm} ({known[arm]:,.0f})' for arm in on])} "
        f"in both {label(result['outcome'])} and tokens."
    )


def _leaks(result: Result) -> Iterator[str]:
    told = {arm: e for arm, e in result["leaks"].items() if e["value"] is not None}
    if not told:
        return
    named = {arm: e for arm, e in result["named"].items() if e["value"] is not None}
    rates = f"Dialogues whose feedback told the answer, at least: {_rates(told)}"
    rates += f"; named one at all, right or wrong: {_rates(named)}" if named else ""
    clean = result["leak_free"]
    if clean is None:
        whether = any(e["value"] for e in named.values())
        end = ". No example is left in which no arm's did" if whether else ""
        yield f"{rates}{end}."
        return
    e = clean["effects"]["F"]["difference"]
    yield (
        f"{rates}. On the {clean['n']:,} examples in which no arm's feedback named an answer, the "
        f"difference with feedback is {estimate(e, signed=True)}, which is no effect of it: they "
        "are chosen by what feedback said. On all it is "
        f"{estimate(result['effects']['F']['difference'], signed=True)}."
    )


def _rates(shares: Result) -> str:
    return ", ".join(f"{arm} {estimate(e)}" for arm, e in shares.items())


def _unread(result: Result) -> Iterator[str]:
    if not (of := counted(result["unread"])):
        return
    yield (
        f"Answers of round {result['round']} that aren't known, of {result['n']:,}: {of}. Nothing "
        "is claimed of an effect that they could turn; the table has how far they could move each."
    )


def _effects(result: Result) -> Table:
    rows = []
    for effect, each in result["effects"].items():
        e, odds = each["difference"], each["log_odds"]
        rows.append(
            [
                effect,
                estimate(e, signed=True),
                p_value(e["p_holm"]),
                allowed(e.get("unread")),
                estimate(odds, 2, signed=True),
                p_value(odds["p_holm"]),
                STATES[each["state"]],
            ]
        )
    e = result["effects"]["I"]["difference"]
    note = (
        "I: goal, F: feedback, C: chain of thought; × an interaction, the difference of "
        f"differences. p is Holm's over the seven, on each scale. Here {sized(e)}."
    )
    heads = ["", f"of {label(result['outcome'])}", "p", "unread allow", "log odds", "p", ""]
    return Table("Effects in the last round", heads, rows, note)


def _clean(clean: Result, name: str) -> Table:
    """Estimates alone: these examples were chosen after the treatment."""
    rows = []
    for effect, each in clean["effects"].items():
        e, odds = each["difference"], each["log_odds"]
        rows.append(
            [
                effect,
                estimate(e, signed=True),
                allowed(e.get("unread")),
                estimate(odds, 2, signed=True),
            ]
        )
    note = (
        f"The {clean['n']:,} examples of which no arm's feedback does, right or wrong. Chosen by "
        "what feedback said, so no interval, no p and no verdict."
    )
    heads = ["", f"of {name}", "unread allow", "log odds"]
    return Table("Where no feedback names an answer", heads, rows, note, terminal=False)


def _arms(result: Result) -> Table:
    rows = []
    for arm, of in result["arms"].items():
        cost, best, edge = of["cost"], of["best"], of["frontier"]
        tokens, money = cost["tokens"], cost["money"]
        rows.append(
            [
                arm,
                estimate(of["first"]),
                estimate(of["last"]),
                estimate(best, signed=True),
                MISSING if tokens is None else f"{tokens['value']:,.0f}",
                MISSING if money is None else f"{money['value']:.4g}",
                MISSING if edge is None else "no arm" if edge["on"] else _listed(edge["beaten_by"]),
            ]
        )
    heads = [
        "",
        "round 1",
        f"round {result['round']}",
        "less the best other",
        "tokens",
        "money",
        "beaten by",
    ]
    note = (
        f"{label(result['outcome']).capitalize()}; “less the best other” above 0 is better, in "
        "intervals that hold together for all comparisons of the arm; tokens and money of a "
        "dialogue, feedback's included; beaten by, in outcome and tokens, as far as the estimates "
        "tell."
    )
    return Table("The eight arms", heads, rows, note)


def _forest(result: Result) -> Chart:
    rows = [(name, each) for name, each in result["effects"].items()]
    rows = [r for r in reversed(rows) if r[1]["difference"]["value"] is not None]
    traces = []
    for interaction, colour in ((False, "@outcome"), (True, "@confidence")):
        some = [(name, each) for name, each in rows if ("×" in name) == interaction]
        found = [each["difference"] for _, each in some]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "interaction" if interaction else "main effect",
                "x": [e["value"] for e in found],
                "y": [name for name, _ in some],
                "error_x": error_bars(found, colour),
                "marker": {
                    "color": colour,
                    "symbol": "diamond" if interaction else "circle",
                    "size": 9,
                },
                "hovertext": [f"{name}: {said(e, 'score')}" for (name, _), e in
                              zip(some, found, strict=True)],
                "hoverinfo": "text",
            }
        )  # fmt: skip
    order = [name for name, _ in rows]
    return Chart(
        name="effects",
        title=f"Effects on {label(result['outcome'])}, round {result['round']}",
        alt="; ".join(
            f"{name}: {estimate(each['difference'], signed=True)}" for name, each in reversed(rows)
        ),
        data=[trace for trace in traces if trace["x"]],
        layout={
            "xaxis": {
                "title": {"text": f"difference in {label(result['outcome'])}"},
                "zeroline": True,
            },
            "yaxis": {"categoryorder": "array", "categoryarray": order, "automargin": True},
        },
        caption="Bars are 95 % intervals over clusters, each by itself.",
        height="20rem",
    )


def _levels(result: Result) -> Chart:
    """Outcome against reasons, a line for each of the other two's combinations."""
    lines = {
        (): ("neither", "@baseline", "dash"),
        ("I",): ("goal", "@outcome", "solid"),
        ("F",): ("feedback", "@confidence", "dashdot"),
        ("I", "F"): ("goal and feedback", "@other", "longdash"),
    }
    traces = []
    for at, (which, (name, colour, dash)) in enumerate(lines.items()):
        found = [
            of["last"]
            for cot in (False, True)
            for of in result["arms"].values()
            if set(of["factors"]) == {*which, *(["C"] if cot else [])}
        ]
        if any(e["value"] is None for e in found):
            continue
        how: dict[str, Any] = {"form": "score", "dash": dash, "aside": 0.03 * at}
        traces.append(scatter(name, (0, 1), found, colour, **how))
    return Chart(
        name="arms",
        title=f"{label(result['outcome']).capitalize()} in round {result['round']}, by arm",
        alt="; ".join(f"{arm}: {estimate(of['last'])}" for arm, of in result["arms"].items()),
        data=traces,
        layout={
            "xaxis": {
                "tickvals": [0.05, 1.05],
                "ticktext": ["no reasons", "reasons"],
                "range": [-0.3, 1.4],
            },
            "yaxis": {"title": {"text": label(result["outcome"])}},
        },
        caption="Parallel lines add up, on this scale. Bars are 95 % intervals over clusters.",
    )
