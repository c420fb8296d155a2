"""What a run's numbers say, in a few sentences, and nothing beyond them."""

from __future__ import annotations

from typing import Any

from selfcorrect.report.decision import decision, headline
from selfcorrect.report.numbers import (
    at_least,
    change,
    decides,
    examples_needed,
    interval,
    percent,
    places_of,
    short,
    within,
)
from selfcorrect.report.phrases import (
    MORE_CLUSTERS,
    Table,
    capital_of,
    is_share,
    none_moved,
    nothing_in_both,
    outcome_of,
    places_told,
    said_of,
    strategy_of,
)
from selfcorrect.report.stops import stops
from selfcorrect.report.unknown import between, many, nothing, unknown, unread, unscored

#: So large a share of answers still changing is worth a word beside "converged".
_STILL = 0.05
_TO = "merely repeating the question"


def in_words(summary: Table) -> dict[str, Any]:
    """A summary with what its numbers and its decision say: ``said`` of the decision, headline and
    verdict. Nothing is decided here."""
    decided = summary["decision"]
    table = dict(summary)
    if decided is not None:
        table["decision"] = {**decided, "said": decision(summary)}
    return {**table, "headline": headline(table), "verdict": verdict(table)}


def verdict(summary: Table) -> str:
    """The verdict on a run as plain text, a sentence a line, most important thing first.

    Args:
        summary: as ``Run.summary`` makes it, ``verdict`` itself apart.
    """
    rounds = summary["rounds"]
    if not rounds:
        return "No dialogue is finished yet, so there is nothing to say."
    if all(row["measures"][outcome_of(summary)]["value"] is None for row in rounds):
        return "\n".join(filter(None, [_steered(summary), nothing(summary)]))
    sentences = [
        _truth(summary),
        _steered(summary),
        unread(summary) or many(summary),
        unscored(summary),
        stops(summary),
        _surer(summary),
        _change(summary),
        _convergence(summary),
        _cause(summary),
    ]
    said = "\n".join(sentence for sentence in sentences if sentence)
    if not summary["complete"]:
        return f"So far ({summary['dialogues']} of {summary['wanted']} dialogues): {said}"
    return said


def _truth(summary: Table) -> str:
    if not summary.get("oracle"):
        return ""
    name = strategy_of(summary["spec"]["strategy"]["name"])
    return (
        f"{name} uses the truth (oracle): it shows what a model does that is told, and none of it "
        "is a method's gain."
    )


def _steered(summary: Table) -> str:
    steers = summary.get("steered")
    if not steers:
        return ""
    return (
        f"Replies are steered by {', '.join(steers)}: this is a model that is pushed along "
        f"{'a direction' if len(steers) == 1 else 'directions'} of its hidden states, not the "
        "model as it is."
    )


def _surer(summary: Table) -> str:
    """Growing surer without growing better is what most curves can't tell from success."""
    changes = summary["changes"]
    confidence, gap, outcome = (
        changes.get(name, {}) for name in ("confidence", "calibration_gap", outcome_of(summary))
    )
    if confidence.get("verdict") != "higher" or gap.get("verdict") != "higher":
        return ""
    margin = gap["margin"]
    if gap["value"] < margin or outcome["verdict"] is None:
        return ""
    if (gap.get("after") or 0.0) <= 0:  # it was too unsure of itself, and is less so
        return ""
    how = {
        "better": "surer by more than it grew better",
        "worse": "surer and worse",
        "same": "surer, not better",
    }.get(outcome["verdict"], "surer without being shown to grow better")
    said = (
        f"It grew {how}: mean confidence went {_span(confidence)}, "
        f"{short(confidence['value'], signed=True)} {interval(decides(confidence))}"
    )
    repeat = summary["controls"].get("repeat", {})
    again = repeat.get("changes", {}).get("confidence")
    if not again or again["value"] is None or again.get("hangs"):
        return f"{said}."
    apart = (repeat["against"] or {}).get("difference", {}).get("confidence", {})
    alike = apart.get("low") is not None
    if alike:  # by the interval that verdicts go by
        apart = decides(apart)
        alike = max(-apart["low"], apart["high"]) <= margin
    alike = alike and not apart.get("hangs")
    much = "does the same," if alike else "takes it"
    return f"{said}; {_TO} {much} {_span(again)}."


def _span(changed: Table) -> str:
    return f"from {short(changed['before'])} to {short(changed['after'])}"


def _change(summary: Table) -> str:
    rounds, changed = summary["rounds"], summary["changes"].get(outcome_of(summary))
    last, name, share = rounds[-1], said_of(summary), is_share(summary)
    if changed is None:
        measured = last["measures"][outcome_of(summary)]
        why = f" ({measured['why']})" if measured.get("why") else f" {interval(measured)}"
        of = places_told(measured if measured["n"] else last)
        return f"One round, so nothing to compare: {name} {short(measured['value'])}{why}, {of}."
    if changed.get("hangs") or (summary["parity"] and not summary["parity"]["agree"]):
        return ""  # said already
    span = f"from round {rounds[0]['round']} to round {last['round']}"
    if changed["value"] is None:
        return (
            f"{capital_of(summary)} can't be compared {span}: no dialogue has an answer that was "
            "read and graded in both."
        )
    of, changed = places_told(changed), decides(changed)
    match changed["verdict"]:
        case "better" | "worse":
            rose = changed["value"] > 0
            by = change(changed, share, signed=False, turned=not rose)
            good = "" if _plain(summary) else f", which is {changed['verdict']}"
            return (
                f"{capital_of(summary)} {'rose' if rose else 'fell'} by {by} {span} ({of}){good}."
            )
        case "same":
            return (
                f"{capital_of(summary)} stayed the same within {within(changed['margin'], share)} "
                f"{span}: {change(changed, share)} ({of})."
            )
        case "undecided":
            return (
                f"Whether {name} changed {span} is undecided: {change(changed, share)}"
                f"{_p(changed, summary)} ({of}){_more(changed, summary)}."
            )
    return (
        f"{capital_of(summary)} changed by {change(changed, share)} {span}, but that says nothing "
        f"of other data: {changed.get('why', 'there is no interval')} ({of})."
    )


def _plain(summary: Table) -> bool:
    """Whether everybody knows which direction is better."""
    return outcome_of(summary) == "accuracy" and summary["outcome"]["better"] == "higher"


def _convergence(summary: Table) -> str:
    told = summary["convergence"].get(outcome_of(summary))
    rounds, name, share = summary["rounds"], said_of(summary), is_share(summary)
    if told is None or len(rounds) < 2:
        return ""
    if summary["changes"][outcome_of(summary)]["verdict"] is None:
        return ""
    margin = within(told["margin"], share)
    if told["round"] is not None:
        said = f"From round {told['round']} on, {name} stays within {margin}"
        still = rounds[-1]["changed"]["value"]
        if still is not None and still >= _STILL:
            said += f", though {percent(still, 0)} % of the answers still change in the last round"
        idle = rounds[-1]["idle"] / rounds[-1]["n"]
        if idle >= _STILL:
            said += f", though {percent(idle)} % of the dialogues were over before the last round"
        turning = summary["alternating"]["value"]
        if turning is not None and turning >= _STILL:
            said += f" and {percent(turning, 0)} % of the dialogues go back and forth"
        return f"{said}."
    if told["smallest_margin"] is None:
        return f"Whether {name} has converged can't be said: {_needs(told['why'])}."
    if told["moved"]:
        after = rounds[-4]["round"]
        moved = margin.removeprefix("±")
        return f"It hasn't converged: {name} moved by more than {moved} after round {after}."
    smallest = told["smallest_margin"]
    places = places_of(told["margin"])
    least = f"±{at_least(smallest)} points" if share else f"±{short(_up(smallest, places), places)}"
    alternates = summary["alternating"].get("alternates")
    said = f"It isn't shown to have converged: {least} is the smallest margin this run could show"
    if alternates:  # that these answers don't is no open question
        said = (
            f"Answers that go back and forth don't converge; that {name} does on average isn't "
            f"shown: {least} is the smallest margin this run could show"
        )
    if (looks := len(summary.get("looks", ()))) > 1:
        said += f" at look {looks} (each look takes some width)"
    if told.get("hangs"):
        return f"{said}, as {told['why']}."
    parity = summary["parity"]
    if told.get("few") or alternates or (parity and not parity["agree"]):
        return f"{said}."
    short_margin = margin.removesuffix(" points")
    if told["n_needed"] is not None:
        of = examples_needed(told["n_needed"], rounds[-1], summary["examples"])
        needed = f"{of} would show {short_margin}"
        return f"{said}; {needed} if nothing moves."
    return f"{said}, and if nothing moved {short_margin} would most likely have been shown."


def _up(number: float, places: int) -> float:
    """Rounded up: rounding down would turn "not within it" into "within it"."""
    scale = 10.0**places
    return -(-scale * number // 1) / scale


def _needs(why: str) -> str:
    return f"that {why}" if why.startswith("needs") else why


def _cause(summary: Table) -> str:
    name = strategy_of(summary["spec"]["strategy"]["name"])
    rounds, share = summary["rounds"], is_share(summary)
    if len(rounds) < 2:
        return ""
    if name == "repeat":
        return f"This run is itself the control: {_TO}."
    repeat = summary["controls"].get("repeat", {})
    against = repeat.get("against")
    difference: Table = against["difference"][outcome_of(summary)] if against else {"value": None}
    if against and difference["value"] is None:
        return nothing_in_both(name, _TO)
    if difference["value"] is None:
        return (
            "There is no control on the same examples, so nothing shows that a change comes from "
            "the instruction."
        )
    notes = []
    if difference["n"] != rounds[-1]["n"]:
        notes.append(places_told(difference))
    if against["round"] != rounds[-1]["round"]:
        notes.append(f"at round {against['round']}")
    of = f" ({', '.join(notes)})" if notes else ""
    ratio = against["tokens_ratio"]
    cost = f", at {ratio:.1f} times the tokens" if ratio is not None else ""
    if difference.get("hangs"):
        return (
            f"Whether {name} gains anything over {_TO}{cost}, can't be said: answers that couldn't "
            f"be {unknown([*rounds, *repeat['rounds']])} allow {between(difference, share)}{of}."
        )
    told = against.get("parity")
    if told and not told["agree"]:
        return (
            f"Whether {name} gains anything over {_TO}{cost}, depends on where one stops: "
            f"{change(decides(difference), share)} at round {against['round']}, "
            f"{change(decides(told['previous']), share)} at round {told['round']}{of}."
        )
    difference = decides(difference)
    match difference["verdict"]:
        case "better" | "worse":
            gained = difference["verdict"] == "better"
            by = change(difference, share, signed=False, turned=difference["value"] < 0)
            if _plain(summary):
                words = ("gained", "over") if gained else ("lost", "to")
                return f"{name} {words[0]} {by} {words[1]} {_TO}{of}{cost}."
            more = "more" if difference["value"] > 0 else "less"
            return (
                f"{name} ends with {by} {more} {said_of(summary)} than {_TO}{of}, which is "
                f"{difference['verdict']}{cost}."
            )
        case "same":
            return (
                f"{name} adds nothing to {_TO}, within {within(difference['margin'], share)}: "
                f"{change(difference, share)}{of}{cost}."
            )
        case "undecided":
            more = _more(difference, summary)
            return (
                f"Whether {name} gains anything over {_TO}{cost}, is undecided: "
                f"{change(difference, share)}{_p(difference, against)}{of}{more}."
            )
    return (
        f"Against {_TO} {name} stands at {change(difference, share)}{of}{cost}, but that says "
        f"nothing of other data: {difference.get('why', 'there is no interval')}."
    )


def _p(changed: Table, judged: Table) -> str:
    """Where the interval alone would have said more."""
    low, high, p = changed["low"], changed["high"], changed["p"]
    beyond = p is not None and p > 1 - judged["level"]
    return f", p {short(p, 3)}" if beyond and not low <= 0 <= high else ""


def _more(changed: Table, summary: Table) -> str:
    """What would settle it."""
    if changed.get("few"):
        return MORE_CLUSTERS
    if changed.get("moved") == 0:
        return f", as {none_moved(changed)}"
    if changed["n_needed"] is None:
        apart = [end for end in changed.get("unread", ()) if end is not None]
        if len(apart) == 2 and apart[0] <= 0 <= apart[1] and apart[0] < apart[1]:
            return "; no number of examples would decide it while answers are unread"
        return ""
    needed = examples_needed(changed["n_needed"], changed, summary["examples"])
    return f"; {needed} would decide it, if it is as seen"
