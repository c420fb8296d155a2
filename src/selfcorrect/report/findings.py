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
from selfcorrect.report.phrases import MORE_CLUSTERS, is_share, none_moved, nothing_in_both, said_of
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


def _list(names: Sequence[str], word: str) -> str:
    *first, last = names
    return f"{', '.join(first)} {word} {last}" if first else last


def _best(table: _Table) -> str:
    """The one sentence: which runs may be the best."""
    ranked = [run for run in table["runs"] if run["best"] is not None]
    left: list[str] = table["best"]
    if len(ranked) < 2:
        (only,) = [run for run in table["runs"] if not run["oracle"]]
        return f"Only {only['name']} doesn't use the truth (oracle), so nothing is ranked."
    of = f"n {table['shared']:,}, {count(table['clusters'], 'cluster')}"
    held = f"at 95 % for all comparisons together, {of}"
    out = [run["name"] for run in ranked if run["name"] not in left]
    if not out:
        names = _list([run["name"] for run in ranked], "and")
        return (
            f"Which of {names} has {_most(table)} can't be told: none is shown to be worse than "
            f"another ({held})."
        )
    if len(left) == 1:
        others = "the other is" if len(out) == 1 else f"the other {len(out)} are each"
        return f"{left[0]} has {_most(table)}: {others} shown to be worse than another ({held})."
    return (
        f"Any of {_list(left, 'and')} may have {_most(table)}; {_list(out, 'and')} "
        f"{'is' if len(out) == 1 else 'are'} shown to be worse than another ({held})."
    )


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
    of = places if p is None else f"{places}, p {p_value(p)} after Holm"
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
                f"{change(seen, share)} of {said} ({of}){_more(difference)}."
            )
    return (
        f"{name} and {other} differ by {change(seen, share)} of {said}, but that says nothing of "
        f"other data: {difference.get('why', 'there is no interval')} ({places})."
    )


def _rounds(told: _Table) -> str:
    mine, theirs = told["round"], told["reference_round"]
    return f"round {mine}" if mine == theirs else f"round {mine} and round {theirs}"


def _more(difference: _Table) -> str:
    if difference.get("few"):
        return MORE_CLUSTERS
    if difference.get("moved") == 0:
        return f", {none_moved(difference)}"
    if difference.get("n_needed") is None:
        return ""
    needed = examples_needed(difference["n_needed"], difference)
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
                f"{told['run']} differs from {table['reference']} in {_list(words, 'and')}, too."
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
    names = [f"{run['name']} ({run['cost']['tokens']['value']:,.0f})" for run in sure]
    off = [run for run in ranked if not run["frontier"]["on"]]
    unread = [run for run in ranked if run["frontier"]["on"] and run["frontier"]["open"]]
    if not sure:
        return [
            f"Which of {_list([run['name'] for run in ranked], 'and')} does best for its tokens "
            "can't be told, as answers that couldn't be read or graded decide it."
        ]
    said = [
        f"By the estimates alone, shown or not, no other run is better in {said_of(table)} than "
        f"{_list(names, 'or')} for no more tokens, or as good for fewer (a dialogue's mean in "
        "brackets)"
    ]
    for run in off:
        edge = run["frontier"]
        others = edge["shown"] or edge["beaten_by"]
        take = "takes" if len(others) == 1 else "take"
        how = "shown" if edge["shown"] else "seen, not shown"
        said.append(
            f"{run['name']} ({run['cost']['tokens']['value']:,.0f}) is no better than "
            f"{_list(others, 'and')}, which {take} no more ({how})"
        )
    for run in unread:
        others = run["frontier"]["open"]
        take = "takes" if len(others) == 1 else "take"
        said.append(
            f"{run['name']} ({run['cost']['tokens']['value']:,.0f}) may be better than "
            f"{_list(others, 'and')}, which {take} no more, or not: answers that couldn't be read "
            "or graded decide it"
        )
    return [f"{'; '.join(said)}."]


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
            f"{least:.2g} at least, and of {table['tests']} comparisons the first needs "
            f"{limit / table['tests']:.2g}. Compare fewer runs, or run more clusters."
        )
    return said
