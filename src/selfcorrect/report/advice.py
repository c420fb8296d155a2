"""What a comparison of runs advises: one paragraph and one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from selfcorrect.report.advised import advised, estimate
from selfcorrect.report.costs import of_advised
from selfcorrect.report.findings import many_unread
from selfcorrect.report.numbers import (
    change,
    clusters,
    count,
    decides,
    examples_needed,
    p_value,
    percent,
    places_of,
    short,
    within,
)
from selfcorrect.report.phrases import is_share, listed, none_moved, said_of
from selfcorrect.report.sheet import Section, Sheet

_Table = Mapping[str, Any]

QUESTION = "Is more than one round worth it, and which?"
#: So many groups are named in a sentence; the table has all.
_NAMED = 5


def said(table: _Table) -> list[str]:
    """The paragraph, a sentence or two each, the advice first and what isn't known last.

    Args:
        table: as :func:`selfcorrect.runs.compare.compare` makes it, with ``advice``.
    """
    advice = table["advice"]
    said = many_unread(table)
    if advice["word"] is None:
        nothing = "Nothing can be advised: each of these runs is a single answer, so add one of "
        return [*said, f"{nothing}several rounds, or a majority of samples."]
    return [
        *said,
        _headline(table),
        *_worse(table),
        *_taken(advice),
        *_rounds(table),
        _gain(table),
        *_wider(advice),
        *_beside(table),
        _moved(table),
        *_hurts(table),
        of_advised(table),
        f"Not known: {'; '.join(_unknown(table))}.",
    ]


def sheet(table: _Table) -> Sheet:
    """The advice as a sheet of its own."""
    advice = table["advice"]
    parts = [] if advice["word"] is None else [advised(table)]
    return Sheet(
        title="Advice",
        question=QUESTION,
        findings=advice["said"],
        sections=[Section("In numbers", [], parts)],
        settings={"runs": ", ".join(run["folder"] for run in table["runs"])},
    )


def section(table: _Table) -> list[Section]:
    """The advice as a section of a comparison's page."""
    advice = table["advice"]
    parts = [] if advice["word"] is None else [replace(advised(table), terminal=False)]
    return [Section("Advice", [" ".join(advice["said"])], parts)]


def _headline(table: _Table) -> str:
    advice, arm = table["advice"], table["advice"]["arm"]
    if advice["word"] == "do":
        what = f"with {count(advice['rounds'][-1], 'round')}"
        if advice["votes"]:
            what = "with one round of samples"
        return f"Do: use {arm}, {what}.{_why(table)}"
    rest = f"What follows is of {arm}{_leads(table)}."
    if advice["word"] == "don't":
        return f"Don't: ask once. {_against(advice)} {rest}"
    if advice["without"]:
        told = "; ".join(f"{name} ({why.rstrip('.')})" for name, why in advice["without"].items())
        return f"Not on this evidence: a control can't be read that may do as well: {told}. {rest}"
    if advice["alike"]:
        return (
            f"Not on this evidence: {arm} is shown to gain over one round, but {_alike(advice)} as "
            "well as far as this shows."
        )
    return f"Not on this evidence: nothing here is shown to be better than asking once. {rest}"


def _against(advice: _Table) -> str:
    """Why one is to ask once."""
    gain, arm = advice["gain"], advice["arm"]
    said = []
    if gain.get("small") == "better":
        said.append(f"What {arm} gains is too small to matter.")
    if gain["verdict"] == "worse":
        said.append(f"{arm} is shown to be worse than asking once.")
    if advice["open"]:
        said.append(f"Whether {' or '.join(advice['open'])} gains anything isn't known.")
    return " ".join(said) or "Nothing here is shown to be better, or may still be."


def _worse(table: _Table) -> Iterator[str]:
    """What else is shown to be worse than a single answer, and which methods than another run."""
    advice = table["advice"]
    lost = [
        name
        for name, e in advice["gains"].items()
        if e is not None and e["verdict"] == "worse" and name != advice["arm"]
    ]
    if lost:
        yield f"Shown to be worse than asking once{_too(advice)}: {', '.join(lost)}."
    for run in table["runs"]:
        name, best = run["name"], run["best"]
        known = advice["gains"].get(name) or {"verdict": "worse"}
        if name in advice["methods"] and known["verdict"] != "worse" and best["worse_than"]:
            yield f"{name} is shown to be worse than {listed(best['worse_than'], 'and')}."


def _too(advice: _Table) -> str:
    return ", too" if advice["gain"]["verdict"] == "worse" else ""


def _leads(table: _Table) -> str:
    """Why an arm is told of that isn't advised; nothing where there is no other of its kind."""
    advice = table["advice"]
    several = [name for name, each in advice["gains"].items() if each is not None]
    end = "highest" if table["outcome"]["better"] == "higher" else "lowest"
    if advice["arm"] in advice["methods"]:
        of = "the methods" if len(advice["methods"]) > 1 else ""
    else:
        of = "what may be the best" if len(several) > 1 else ""
    return f", which has the {end} {said_of(table)} of {of}" if of else ""


def _taken(advice: _Table) -> Iterator[str]:
    """That controls were taken along, which nobody named."""
    if advice["controls"]:
        what = "a control beside" if len(advice["controls"]) == 1 else "controls beside"
        yield f"Counted, too: {listed(advice['controls'], 'and')}, {what} what was named."


def _why(table: _Table) -> str:
    """Why this arm and no other."""
    advice, arm = table["advice"], table["advice"]["arm"]
    if advice["alike"]:
        cheaper = f", and {arm} is the cheapest" if advice["cheapest"] else ""
        return f" {_alike(advice)} as well as far as this shows{cheaper}."
    others = [name for name in table["best"] if name != arm]
    if not others:
        return ""
    chosen = "is the cheapest" if advice["cheapest"] else "is named, as tokens aren't known"
    return (
        f" Any of {', '.join([arm, *others[:-1]])} and {others[-1]} may have the best "
        f"{said_of(table)}; of those that are shown to gain over one round {arm} {chosen}."
    )


def _alike(advice: _Table) -> str:
    """``repeat does``, ``repeat and negation do``."""
    return f"{listed(advice['alike'], 'and')} {'do' if len(advice['alike']) > 1 else 'does'}"


def _gain(table: _Table) -> str:
    advice, e = table["advice"], table["advice"]["gain"]
    own = advice["over"] == advice["arm"]
    return (
        f"Over {'its own first round' if own else 'one round of ' + advice['over']}, "
        f"{advice['arm']} changes {said_of(table)} by "
        f"{_change(e, table)}: {_word(e, table)}."
    )


def _wider(advice: _Table) -> Iterator[str]:
    """Why the interval isn't that of the run's own decision."""
    if (n := advice["gain"]["together"]) > 1 and advice["gain"]["low"] is not None:
        yield (
            f"That interval is wider than the one of {advice['arm']}'s own decision, as it holds "
            f"together with those of {n} arms that may be advised."
        )


def _change(e: _Table, table: _Table) -> str:
    """A difference with the interval that its verdict goes by, and n."""
    if e["value"] is None:
        return f"an amount that isn't known ({e.get('why', 'no example has both')})"
    return f"{change(decides(e), is_share(table))} (n {e['n']:,}, {clusters(e)})"


def _word(e: _Table, table: _Table) -> str:
    """A verdict in words."""
    share = is_share(table)
    if e.get("hangs"):
        low, high = (
            "–" if x is None else change({"value": x, "low": None, "high": None}, share)
            for x in e["unread"]
        )
        return f"undecided, as answers that couldn't be read allow anything from {low} to {high}"
    if e.get("depends"):
        return "undecided, as it depends on the round in which one stops"
    if e.get("moved") == 0:
        margin = within(e["margin"], share)
        sure = f"the same within {margin}" if e["verdict"] == "same" else "undecided"
        return f"{sure}, as {none_moved(e)}"
    match e["verdict"]:
        case "better" | "worse" as told:
            return f"shown to be {told}"
        case "same" if small := e.get("small"):
            near = within(e["margin"], share)
            return f"shown to be {small}, but within {near}, which counts as none"
        case "same":
            return f"the same within {within(e['margin'], share)}"
        case "undecided" if e.get("few"):
            return "undecided, as clusters are too few"
        case "undecided":
            needed = e.get("n_needed")
            more = ""
            if needed is not None:
                said = examples_needed(needed, e, table["examples"])
                more = f"; {said} would decide it, if it is as seen"
            return f"undecided{more}"
    return f"undecided ({e.get('why', 'there is no interval')})"


def _beside(table: _Table) -> Iterator[str]:
    """The arm beside a majority and the repeated question, where these are at hand."""
    advice = table["advice"]
    if (found := advice["majority"]) is not None:
        ratio = found["ratio"]
        at = "at unknown tokens" if ratio is None else f"at {estimate(ratio, 2)} times its tokens"
        unequal = "" if found["equal"] else ", which isn't equal"
        yield (
            f"Beside a majority ({found['arm']}, {at}{unequal}): "
            f"{_change(found['difference'], table)}, {_word(found['difference'], table)}."
        )
    if (e := advice["control"]) is not None:
        yield f"Beside the question merely repeated: {_change(e, table)}, {_word(e, table)}."


def _moved(table: _Table) -> str:
    """What becomes of an arm's own first answers, and of those of the repeated question."""
    advice = table["advice"]
    if advice["harm"] is None:
        return "What it undoes can't be told, as a majority has no first answer of its own."
    harm, mend = (_rate(advice[name]) for name in ("harm", "mend"))
    again = "" if advice["again"] is None else _again(advice["again"], table)
    if not is_share(table):
        margin = short(table["outcome"]["margin"], places_of(table["outcome"]["margin"]))
        return f"It makes {harm} worse by more than {margin}, and {mend} better{again}."
    return (
        f"Of its own answers that were right at first it undoes {harm}; of wrong ones it mends "
        f"{mend}{again}."
    )


def _again(moved: _Table, table: _Table) -> str:
    harm, mend = (_rate(moved[name]) for name in ("harm", "mend"))
    if not is_share(table):
        return f"; the question merely repeated makes {harm} worse and {mend} better"
    return f"; the question merely repeated undoes {harm}, and mends {mend}"


def _rate(e: _Table) -> str:
    """``3.1 % [1.2, 6.0] (n 120, 25 clusters)``."""
    if e["value"] is None:
        return f"an unknown share ({e['why']})"
    ends = "" if e["low"] is None else f" [{percent(e['low'])}, {percent(e['high'])}]"
    text = f"{percent(e['value'])} %{ends} (n {e['n']:,}, {clusters(e)}"
    if e["unread"] is not None:
        low, high = (percent(end) for end in e["unread"])
        text += f"; with answers that couldn't be read anything from {low} to {high} %"
    return f"{text})"


def _hurts(table: _Table) -> Iterator[str]:
    told = table["advice"]["hurts"]
    if told is None:
        return
    hurt = [each for each in told["groups"] if each["hurts"]]
    n, could = len(told["groups"]), sum(each["could"] for each in told["groups"])
    blind = "" if could == n else f"; of {n - could} it can't be told, as clusters are too few"
    if hurt:
        names = "; ".join(
            f"{each['name']} {change(each, is_share(table))} (n {each['n']:,}, p "
            f"{p_value(each['p_holm'])})"
            for each in hurt[:_NAMED]
        )
        more = f", and {len(hurt) - _NAMED} more" if len(hurt) > _NAMED else ""
        yield f"It is shown to hurt in {len(hurt)} of {_categories(n)}: {names}{more}{blind}."
    elif could:
        yield f"Of {_categories(n)} none is shown to be hurt{blind}."
    elif n:
        yield (
            f"Whether it hurts in any of {_categories(n, holm=False)} can't be told: clusters are "
            "too few to show any loss, however large."
        )
    if few := told["few"]:
        names = ", ".join(
            f"{name} ({count(n, 'example')})" for name, n in list(few.items())[:_NAMED]
        )
        more = f" and {len(few) - _NAMED} more" if len(few) > _NAMED else ""
        yield f"Too small to say anything of: {names}{more}."


def _categories(n: int, *, holm: bool = True) -> str:
    return "1 category" if n == 1 else f"{n} categories{' (Holm)' if holm else ''}"


def _rounds(table: _Table) -> Iterator[str]:
    advice = table["advice"]
    last = advice["rounds"][-1]
    if last == advice["rounds"][0]:
        return
    margin = within(table["outcome"]["margin"], is_share(table))
    if advice["enough"] is None:
        yield f"No earlier round is shown to be as good as round {last} within {margin}."
    else:
        yield (
            f"From round {advice['enough']} on {said_of(table)} is the same as in round {last} "
            f"within {margin}, so stop there."
        )


def _unknown(table: _Table) -> Iterator[str]:
    """What these runs don't tell."""
    advice, runs = table["advice"], table["runs"]
    majority = advice["majority"]
    if majority is None and not advice["votes"]:
        yield "what a majority of samples gains at these tokens (run --strategy majority)"
    elif majority is not None and not majority["equal"]:
        yield "what a majority gains at equal tokens"
    if not advice["repeats"]:
        yield "what the question merely repeated gains (run --strategy repeat)"
    if advice["costs"]["tokens"] is None:
        yield "tokens, as the model counts none"
    if advice["costs"]["money"] is None:
        yield "money, as no prices are set (model.price)"
    if advice["costs"]["seconds"] is None:
        yield "seconds, as no run was timed"
    else:
        yield "seconds of one round alone"
    if advice["hurts"] is None:
        yield "whom it hurts, as its examples aren't of several categories"
    left = {run["name"]: run["examples"] - table["shared"] for run in runs}
    if any(left.values()):
        names = ", ".join(f"{name} {n:,}" for name, n in left.items() if n)
        yield f"anything of the examples that not all runs have, which were left out ({names})"
    if unread := sum(run["unknown"] for run in runs):
        yield f"what {count(unread, 'answer')} would be that couldn't be read or graded at last"
    if len({run["model"] for run in runs}) > 1:
        yield "what is the method's and what the model's, as the runs are of different models"
    yield "other questions, models and words"
