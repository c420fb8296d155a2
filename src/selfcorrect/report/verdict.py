"""What a run's numbers say, in a few sentences, and nothing beyond them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.numbers import count, interval, percent, points, short

_Table = Mapping[str, Any]

#: So large a share of answers still changing is worth a word beside "converged".
_STILL = 0.05


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
    if rounds[-1]["measures"]["accuracy"]["value"] is None:
        return "This task has no right answers, so there is no accuracy to compare."
    sentences = [_surer(summary), *_change(summary), _convergence(summary), *_cause(summary)]
    if not summary["complete"]:
        sentences.insert(0, f"So far, {summary['dialogues']} of {summary['wanted']} dialogues:")
    return "\n".join(sentence for sentence in sentences if sentence)


def _surer(summary: _Table) -> str:
    """Growing surer without growing better is what most curves can't tell from success."""
    confidence, accuracy = (summary["changes"].get(m) for m in ("confidence", "accuracy"))
    margin = summary["spec"]["margins"]["calibration_gap"]
    if not confidence or confidence["verdict"] != "higher" or confidence["value"] < margin:
        return ""
    if accuracy is None or accuracy["verdict"] in ("better", None):
        return ""
    how = {"worse": "surer and worse", "same": "surer, not better"}.get(
        accuracy["verdict"], "surer without being shown to grow better"
    )
    said = f"It grew {how}: mean confidence went {_span(summary['rounds'])}, "
    said += f"{short(confidence['value'], signed=True)} {interval(confidence)}"
    repeat = summary["controls"].get("repeat")
    if not repeat or not repeat["against"] or not repeat["changes"]:
        return f"{said}."
    alike = repeat["against"]["difference"]["confidence"]["value"]
    much = "does much the same," if alike is not None and abs(alike) <= margin else "takes it"
    return f"{said}; merely repeating the question {much} {_span(repeat['rounds'])}."


def _span(rounds: Sequence[_Table]) -> str:
    values = (rounds[i]["measures"]["confidence"]["value"] for i in (0, -1))
    before, after = ("–" if value is None else short(value) for value in values)
    return f"from {before} to {after}"


def _change(summary: _Table) -> list[str]:
    rounds, change = summary["rounds"], summary["changes"].get("accuracy")
    of = f"n {rounds[-1]['n']:,}, {count(rounds[-1]['clusters'], 'cluster')}"
    if change is None:
        measured = rounds[0]["measures"]["accuracy"]
        why = f" ({measured['why']})" if measured.get("why") else f" {interval(measured)}"
        return [
            f"One round, so nothing to compare: accuracy {short(measured['value'])}{why}, {of}."
        ]
    span = f"from round {rounds[0]['round']} to round {rounds[-1]['round']}"
    match change["verdict"]:
        case "better":
            said = f"Accuracy rose by {points(change)} {span} ({of})."
        case "worse":
            said = f"Accuracy fell by {points(change, turned=True)} {span} ({of})."
        case "same":
            said = (
                f"Accuracy stayed the same within ±{percent(change['margin'])} points {span}: "
                f"{points(change)} ({of})."
            )
        case "undecided":
            said = (
                f"Whether accuracy changed {span} is undecided: {points(change)} "
                f"({of}){_more(change)}."
            )
        case _:
            said = (
                f"Accuracy changed by {points(change)} {span}, but that says nothing of other "
                f"data: {change.get('why', 'there is no interval')} ({of})."
            )
    return [said]


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
        return f"Whether it has converged can't be said: {told['why']}."
    said = f"It isn't shown to have converged: ±{percent(told['smallest_margin'])} points is the "
    said += "smallest margin this run could show"
    if told["n_needed"] is None:
        return f"{said}, and accuracy still moved by more than ±{margin}."
    return f"{said}; about {told['n_needed']:,} examples would show ±{margin}, moving as seen."


def _cause(summary: _Table) -> list[str]:
    strategy = summary["spec"]["strategy"]["name"].rsplit("/", 1)[-1].removesuffix(".toml")
    controls = summary["controls"]
    if len(summary["rounds"]) < 2:
        return []
    if strategy == "repeat":
        return ["This run is itself the control that merely repeats the question."]
    repeat = controls.get("repeat")
    against = repeat["against"] if repeat else None
    if not against:
        return [
            "There is no control on the same examples, so nothing shows that a change comes from "
            "the instruction."
        ]
    difference = against["difference"]["accuracy"]
    ratio = against["tokens_ratio"]
    cost = f", at {ratio:.1f} times the tokens" if ratio is not None else ""
    to = "merely repeating the question"
    match difference["verdict"]:
        case "better":
            return [f"{strategy} gained {points(difference)} over {to}{cost}."]
        case "worse":
            return [f"{strategy} lost {points(difference, turned=True)} to {to}{cost}."]
        case "same":
            return [
                f"{strategy} adds nothing to {to}, within ±{percent(difference['margin'])} points: "
                f"{points(difference)}{cost}."
            ]
        case "undecided":
            return [
                f"Whether {strategy} gains anything over {to}{cost}, is undecided: "
                f"{points(difference)}{_more(difference)}."
            ]
    return []


def _more(change: _Table) -> str:
    """What would settle it."""
    if change["n_needed"] is None:
        return ""
    return f"; about {change['n_needed']:,} examples would decide it, were it as seen"
