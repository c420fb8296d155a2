"""What a comparison of runs says, in a few sentences, and nothing beyond its intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.definitions import definer
from selfcorrect.report.numbers import (
    change,
    clusters,
    count,
    decides,
    examples_needed,
    interval,
    p_value,
    short,
    within,
)
from selfcorrect.report.phrases import (
    MORE_CLUSTERS,
    is_share,
    listed,
    none_moved,
    nothing_in_both,
    said_of,
)
from selfcorrect.report.unknown import MUCH, between, called, left_out

_Table = Mapping[str, Any]
#: So many rounds are named in a sentence.
_NAMED = 4


def findings(table: _Table) -> list[str]:
    """The findings as plain text, a sentence or two each, the most important first.

    Args:
        table: as :func:`selfcorrect.runs.compare.compare` makes it.
    """
    return [
        *many_unread(table),
        _best(table),
        *(_against(told, table) for told in table["comparisons"]),
        *_others(table),
        *_frontier(table),
    ]


def many_unread(table: _Table) -> list[str]:
    """That many answers of a round that is compared couldn't be read, where that is so."""
    told, places = [], []
    for run in table["runs"]:
        for row in run["unread"]:
            if row["n"] and row["unread"] > MUCH * row["n"]:
                told.append(f"{row['unread']:,} of {row['n']:,} in round {row['round']} of "
                            f"{run['name']}")  # fmt: skip
                places.append(called(run["folder"]))
    if not told:
        return []
    *some, last = told[:_NAMED]
    more = f", and in {count(len(told) - _NAMED, 'more round')}" if len(told) > _NAMED else ""
    said = f"{', '.join(some)} and {last}" if some else last
    return [
        f"Many answers couldn't be read: {said}{more}. Look at them first: selfcorrect show "
        f"{places[0]} --unread."
    ]


def together(difference: _Table) -> _Table:
    """A difference with the interval that its verdict goes by."""
    if difference["verdict"] == "same" and difference.get("together"):
        low, high = difference["together"]
        return {**difference, "low": low, "high": high}
    return decides(difference)


def _most(table: _Table) -> str:
    end = "highest" if table["outcome"]["better"] == "higher" else "lowest"
    return f"the {end} {said_of(table)}"


def _best(table: _Table) -> str:
    """The one sentence: which runs may be the best."""
    ranked = [run for run in table["runs"] if run["best"] is not None]
    left: list[str] = table["best"]
    if len(ranked) < 2:
        (only,) = [run for run in table["runs"] if not run["oracle"]]
        return f"Only {only['name']} doesn't use the truth (oracle), so nothing is ranked."
    of = f"n {table['shared']:,}, {count(table['clusters'], 'cluster')}"
    joint = " for all comparisons together" if len(ranked) > 2 else ""
    held = f"at 95 %{joint}, {of}"
    out = [run for run in ranked if run["name"] not in left]
    if not out:
        names = listed([run["name"] for run in ranked], "and")
        return (
            f"Which of {names} has {_most(table)} can't be told: none is shown to be worse than "
            f"another ({held})."
        )
    first = f"{left[0]} has" if len(left) == 1 else f"Any of {listed(left, 'and')} may have"
    return f"{first} {_most(table)}: {_worse(out, left)} ({held})."


def _worse(out: Sequence[_Table], left: Sequence[str]) -> str:
    """Which runs can't be the best, and what is better: those that may be, where it is one."""
    if len(out) > 1:
        names = listed([run["name"] for run in out], "and")
        return f"{names} are each shown to be worse than another run"
    (run,) = out
    better = [name for name in run["best"]["worse_than"] if name in left] or left
    return f"{run['name']} is shown to be worse than {listed(better, 'and')}"


def _against(told: _Table, table: _Table) -> str:
    """A run beside the reference."""
    name, other = told["run"], table["reference"]
    difference: _Table = told["difference"][table["outcome"]["name"]]
    share, said = is_share(table), said_of(table)
    places = f"n {difference['n']:,}, {clusters(difference)}, {_rounds(told)}"
    if told["oracle"]:
        return (
            f"{name} uses the truth (oracle), so it is shown and never ranked: "
            f"{change(decides(difference), share)} of {said} beside {other} ({places})."
        )
    if difference["value"] is None:
        return nothing_in_both(name, other)
    seen = together(difference)
    p = difference.get("p_holm")
    holm = " after Holm" if table["tests"] > 1 else ""
    of = places if p is None else f"{places}, p {p_value(p)}{holm}"
    if difference.get("hangs"):
        return (
            f"Whether {name} is better or worse than {other} can't be said, as answers that "
            f"couldn't be read or graded decide it: as recorded {change(seen, share)} ({of})"
            f"{left_out(difference, share)}; they allow {between(difference, share)}."
        )
    if difference.get("depends"):
        before = decides(told["parity"]["previous"])
        return (
            f"Whether {name} is better or worse than {other} depends on where one stops: "
            f"{change(seen, share)} in the last round, {change(before, share)} in the one before "
            f"({of})."
        )
    match difference["verdict"]:
        case "better" | "worse":
            by = change(seen, share, signed=False, turned=difference["value"] < 0)
            way = "higher" if difference["value"] > 0 else "lower"
            return (
                f"{name} is {difference['verdict']} than {other}: its {said} is {way} by {by} "
                f"({of})."
            )
        case "same":
            margin = within(difference["margin"], share)
            return (
                f"{name} and {other} have the same {said} within {margin}: {change(seen, share)} "
                f"({of})."
            )
        case "undecided":
            return (
                f"Whether {name} is better or worse than {other} is undecided: "
                f"{change(seen, share)} of {said} ({of}){_more(difference, table)}."
            )
    return (
        f"{name} and {other} differ by {change(seen, share)} of {said}, but that says nothing of "
        f"other data: {difference.get('why', 'there is no interval')} ({places})."
    )


def _rounds(told: _Table) -> str:
    mine, theirs = told["round"], told["reference_round"]
    return f"round {mine}" if mine == theirs else f"round {mine} and round {theirs}"


def _more(difference: _Table, table: _Table) -> str:
    if difference.get("few"):
        return MORE_CLUSTERS
    if difference.get("moved") == 0:
        return f", as {none_moved(difference)}"
    if difference.get("n_needed") is None:
        return ""
    needed = examples_needed(difference["n_needed"], difference, table["examples"])
    return f"; {needed} would decide it, if it is as seen"


def _others(table: _Table) -> list[str]:
    """What else is shown to differ."""
    outcome, define = table["outcome"]["name"], definer(table)
    said = []
    for told in table["comparisons"]:
        every = {name: e for name, e in told["difference"].items() if name != outcome}
        words = [
            f"{define(name).label} ({short(e['value'], 3, signed=True)} {interval(together(e), 3)})"
            for name, e in every.items()
            if e["verdict"] not in (None, "same", "undecided")
        ]
        if words:
            said.append(
                f"{told['run']} differs from {table['reference']} in {listed(words, 'and')}, too."
            )
        if (changed := told["change"]) and changed["verdict"] in ("better", "worse"):
            by = change(together(changed), is_share(table))
            said.append(
                f"From its first round to its last {told['run']} changed {changed['verdict']} than "
                f"{table['reference']}: a difference of {by}."
            )
    return said


def _frontier(table: _Table) -> list[str]:
    """What the outcome costs."""
    ranked = [run for run in table["runs"] if run["frontier"] is not None]
    if not ranked:
        return []
    sure = [run for run in ranked if run["frontier"]["on"] and not run["frontier"]["open"]]
    off = [run for run in ranked if not run["frontier"]["on"]]
    unread = [run for run in ranked if run["frontier"]["on"] and run["frontier"]["open"]]
    if not sure:
        return [
            f"Which of {listed([run['name'] for run in ranked], 'and')} does best for its tokens "
            "can't be told, as answers that couldn't be read or graded decide it."
        ]
    first, *more = (_at(run) for run in sure)
    names = listed([f"{first[:-1]} tokens a dialogue)", *more], "and")
    do, for_ = ("do", "one of them") if more else ("does", "it")
    said = [
        f"By the estimates, {names} {do} best for {'their' if more else 'its'} tokens: no other "
        f"run beats {for_} for no more, or equals it for fewer."
    ]
    for run in off:
        edge = run["frontier"]
        others = edge["shown"] or edge["beaten_by"]
        verb, take = ("is", "takes") if len(others) == 1 else ("are", "take")
        how = "shown" if edge["shown"] else "seen, not shown"
        said.append(
            f"{_at(run)} doesn't: {listed(others, 'and')} {verb} as good or better, and {take} no "
            f"more ({how})."
        )
    for run in unread:
        others = run["frontier"]["open"]
        take = "takes" if len(others) == 1 else "take"
        said.append(
            f"Of {_at(run)} it can't be told: answers that couldn't be read or graded decide "
            f"whether it beats {listed(others, 'and')}, which {take} no more."
        )
    return [" ".join(said)]


def _at(run: _Table) -> str:
    """A run with the tokens of a dialogue: ``repeat (54)``."""
    return f"{run['name']} ({run['cost']['tokens']['value']:,.0f})"


def notes(table: _Table) -> list[str]:
    """What a reader has to know beside the numbers."""
    runs, shared = table["runs"], table["shared"]
    said = [
        f"{each['name']} isn't complete: {each['dialogues']:,} of {each['wanted']:,} dialogues."
        for each in runs
        if not each["complete"]
    ]
    if any(each["examples"] > shared for each in runs):
        counts = ", ".join(f"{each['name']} {each['examples']:,}" for each in runs)
        said.append(f"Compared are the {shared:,} examples that all runs have ({counts}).")
    if len({each["rounds"][-1] for each in runs}) > 1:
        ends = ", ".join(f"{each['name']} {each['rounds'][-1]}" for each in runs)
        said.append(f"The last round of each is compared, and these differ: {ends}.")
    if len({each["model"] for each in runs}) > 1:
        said.append("The runs are of different models, so a difference is one of models, too.")
    elif "model fingerprint" in table["differ"]:
        said.append("The runs name one model, but its weights or settings were not the same.")
    if changed := [key for key in table["differ"] if key.startswith("margins.")]:
        said.append(f"The margins differ ({', '.join(changed)}): those of the reference are used.")
    timed = [each["cost"]["seconds"] for each in runs if each["cost"]["seconds"]]
    if len({host for each in timed for host in each["hosts"]}) > 1:
        said.append("Seconds are of different machines, and tell little about the runs.")
    if any(each["together"] > 1 for each in timed):
        said.append("Seconds of runs that went together are divided among them by their tokens.")
    if any(each["cost"]["tokens"] is None for each in runs):
        said.append("Not every model counts tokens, so there is no frontier of outcome and cost.")
    said += [
        f"{each['name']}: {count(each['unknown'], 'answer')} of {shared:,} in its last round "
        "couldn't be read or graded."
        for each in runs
        if each["unknown"]
    ]
    if any(
        each["difference"][table["outcome"]["name"]].get("few") for each in table["comparisons"]
    ):
        said.append("Too few clusters, or one too large, to name a direction.")
    least, limit = (
        2.0 ** (1 - table["clusters"]),
        min((1 - each["level"] for each in table["comparisons"]), default=1.0),
    )
    if table["tests"] * least > limit:
        said.append(
            f"No test can show a direction here: of {count(table['clusters'], 'cluster')} p is "
            f"{least:.2g} at least, and {_least_of(table['tests'])} needs "
            f"{limit / table['tests']:.2g}. Compare fewer runs, or run more clusters."
        )
    return said


def _least_of(tests: int) -> str:
    return "the comparison" if tests == 1 else f"of {tests} comparisons the first"
