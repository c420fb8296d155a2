"""What a run's numbers say, in a few sentences, and nothing beyond them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.numbers import at_least, count, interval, percent, points, short, tenths

_Table = Mapping[str, Any]

#: So large a share of answers still changing is worth a word beside "converged".
_STILL = 0.05
_TO = "merely repeating the question"


def headline(summary: _Table) -> str | None:
    """Accuracy, last round − first: better, worse, same or undecided; ``None`` if it can't be."""
    told: str | None = summary["changes"].get("accuracy", {}).get("verdict")
    return told


def verdict(summary: _Table) -> str:
    """The verdict on a run as plain text, a sentence a line, most important thing first.

    Args:
        summary: as ``Run.summary`` makes it, ``verdict`` itself apart.
    """
    rounds = summary["rounds"]
    if not rounds:
        return "No dialogue is finished yet, so there is nothing to say."
    if all(row["measures"]["accuracy"]["value"] is None for row in rounds):
        return "This task has no right answers, so there is no accuracy to compare."
    sentences = [
        _unread(summary),
        _surer(summary),
        _change(summary),
        _convergence(summary),
        _cause(summary),
    ]
    said = "\n".join(sentence for sentence in sentences if sentence)
    if not summary["complete"]:
        return f"So far ({summary['dialogues']} of {summary['wanted']} dialogues): {said}"
    return said


def _unread(summary: _Table) -> str:
    """Where the answer hangs on answers that nobody could read, that comes before all else."""
    change = summary["changes"].get("accuracy", {})
    if "unread" not in change:
        return ""
    rounds = summary["rounds"]
    ends = [
        f"{r['unparsed']:,} of {r['n']:,} in round {r['round']}" for r in (rounds[0], rounds[-1])
    ]
    return (
        "Whether accuracy changed can't be said, because answers couldn't be read: "
        f"{' and '.join(ends)}. Counted as wrong, they make it {points(change)}; counted "
        f"otherwise, anything from {_between(change['unread'])} points. Look at them first."
    )


def _between(ends: Sequence[float]) -> str:
    return " to ".join(tenths(100 * end, "+") for end in ends)


def _surer(summary: _Table) -> str:
    """Growing surer without growing better is what most curves can't tell from success."""
    changes = summary["changes"]
    confidence, gap, accuracy = (
        changes.get(name, {}) for name in ("confidence", "calibration_gap", "accuracy")
    )
    margin = summary["spec"]["margins"]["calibration_gap"]
    if confidence.get("verdict") != "higher" or gap.get("verdict") != "higher":
        return ""
    if gap["value"] < margin or accuracy["verdict"] is None:
        return ""
    how = {
        "better": "surer by more than it grew better",
        "worse": "surer and worse",
        "same": "surer, not better",
    }.get(accuracy["verdict"], "surer without being shown to grow better")
    said = (
        f"It grew {how}: mean confidence went {_span(confidence)}, "
        f"{short(confidence['value'], signed=True)} {interval(confidence)}"
    )
    repeat = summary["controls"].get("repeat", {})
    again = repeat.get("changes", {}).get("confidence")
    if not again or again["value"] is None:
        return f"{said}."
    apart = (repeat["against"] or {}).get("difference", {}).get("confidence", {})
    alike = apart.get("low") is not None and max(-apart["low"], apart["high"]) <= margin
    much = "does the same," if alike else "takes it"
    return f"{said}; {_TO} {much} {_span(again)}."


def _span(change: _Table) -> str:
    return f"from {short(change['before'])} to {short(change['after'])}"


def _change(summary: _Table) -> str:
    rounds, change = summary["rounds"], summary["changes"].get("accuracy")
    last = rounds[-1]
    if change is None:
        measured = last["measures"]["accuracy"]
        why = f" ({measured['why']})" if measured.get("why") else f" {interval(measured)}"
        of = _of(last["n"], last["clusters"])
        return f"One round, so nothing to compare: accuracy {short(measured['value'])}{why}, {of}."
    span = f"from round {rounds[0]['round']} to round {last['round']}"
    if "unread" in change:
        return ""  # said already
    if change["value"] is None:
        return f"Accuracy can't be compared {span}: no dialogue has a graded answer in both."
    of = _of(change["n"], change["clusters"])
    match change["verdict"]:
        case "better":
            return f"Accuracy rose by {points(change, signed=False)} {span} ({of})."
        case "worse":
            return f"Accuracy fell by {points(change, turned=True)} {span} ({of})."
        case "same":
            return (
                f"Accuracy stayed the same within ±{percent(change['margin'])} points {span}: "
                f"{points(change)} ({of})."
            )
        case "undecided":
            return (
                f"Whether accuracy changed {span} is undecided: {points(change)}{_p(change)} "
                f"({of}){_more(change)}."
            )
    return (
        f"Accuracy changed by {points(change)} {span}, but that says nothing of other data: "
        f"{change.get('why', 'there is no interval')} ({of})."
    )


def _convergence(summary: _Table) -> str:
    told = summary["convergence"].get("accuracy")
    rounds = summary["rounds"]
    if told is None or len(rounds) < 2 or summary["changes"]["accuracy"]["verdict"] is None:
        return ""
    margin = percent(told["margin"])
    if told["round"] is not None:
        said = f"From round {told['round']} on, accuracy stays within ±{margin} points"
        still = rounds[-1]["changed"]["value"]
        if still is not None and still >= _STILL:
            said += f", though {percent(still, 0)} % of the answers still change in the last round"
        turning = summary["alternating"]["value"]
        if turning is not None and turning >= _STILL:
            said += f" and {percent(turning, 0)} % of the dialogues go back and forth"
        return f"{said}."
    if told["smallest_margin"] is None:
        return f"Whether accuracy has converged can't be said: {_needs(told['why'])}."
    if told["moved"]:
        after = rounds[-4]["round"]
        return f"It hasn't converged: accuracy moved over ±{margin} points after round {after}."
    said = (
        f"It isn't shown to have converged: ±{at_least(told['smallest_margin'])} points is the "
        "smallest margin this run could show"
    )
    if told["n_needed"] is not None:
        return f"{said}; about {told['n_needed']:,} examples would show ±{margin} if nothing moves."
    return f"{said}, and if nothing moved ±{margin} would most likely have been shown."


def _needs(why: str) -> str:
    return f"that {why}" if why.startswith("needs") else why


def _cause(summary: _Table) -> str:
    name = summary["spec"]["strategy"]["name"].rsplit("/", 1)[-1].removesuffix(".toml")
    rounds = summary["rounds"]
    if len(rounds) < 2:
        return ""
    if name == "repeat":
        return f"This run is itself the control: {_TO}."
    against = summary["controls"].get("repeat", {}).get("against")
    difference: _Table = against["difference"]["accuracy"] if against else {"value": None}
    if difference["value"] is None:
        return (
            "There is no control on the same examples, so nothing shows that a change comes from "
            "the instruction."
        )
    notes = []
    if difference["n"] != rounds[-1]["n"]:
        notes.append(_of(difference["n"], difference["clusters"]))
    if against["round"] != rounds[-1]["round"]:
        notes.append(f"at round {against['round']}")
    of = f" ({', '.join(notes)})" if notes else ""
    ratio = against["tokens_ratio"]
    cost = f", at {ratio:.1f} times the tokens" if ratio is not None else ""
    if "unread" in difference:
        return (
            f"Whether {name} gains anything over {_TO}{cost} can't be said: it depends on how "
            f"unread answers are counted, from {_between(difference['unread'])} points{of}."
        )
    match difference["verdict"]:
        case "better":
            return f"{name} gained {points(difference, signed=False)} over {_TO}{of}{cost}."
        case "worse":
            return f"{name} lost {points(difference, turned=True)} to {_TO}{of}{cost}."
        case "same":
            margin = percent(difference["margin"])
            return (
                f"{name} adds nothing to {_TO}, within ±{margin} points: "
                f"{points(difference)}{of}{cost}."
            )
        case "undecided":
            return (
                f"Whether {name} gains anything over {_TO}{cost}, is undecided: "
                f"{points(difference)}{_p(difference)}{of}{_more(difference)}."
            )
    return (
        f"Against {_TO} {name} stands at {points(difference)}{of}{cost}, but that says nothing of "
        f"other data: {difference.get('why', 'there is no interval')}."
    )


def _of(n: int, clusters: int) -> str:
    return f"n {n:,}, {count(clusters, 'cluster')}"


def _p(change: _Table) -> str:
    """Where the interval alone would have said more."""
    if change["p"] is None or change["low"] <= 0 <= change["high"]:
        return ""
    return f", p {short(change['p'], 3)}"


def _more(change: _Table) -> str:
    """What would settle it."""
    if change["n_needed"] is None:
        return ""
    return f"; about {change['n_needed']:,} examples would decide it, were it as seen"
