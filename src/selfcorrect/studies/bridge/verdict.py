"""What the tournament says, in sentences: identified, consistent with, or another mechanism."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.numbers import count
from selfcorrect.studies.bridge.tables import estimate

Result = Mapping[str, Any]
Estimate = Mapping[str, Any]

TWO, THREE = "two_concepts", "three_concepts"

#: Over the settings of ``make bridge``, where the anchors had settled and where they were put where
#: they would have: the least and the most mean estimate of a planted ρ of .6, and in which share of
#: runs the interval held it.
PLANTED = {"settled": (0.600, 0.601, 0.89, 0.93), "moved": (0.602, 0.621, 0.0, 0.79)}

TWO_OPTIONS = (
    "With two options a distribution is one number, and whatever lies between the anchors is a "
    "mixture of two concepts: no such run can identify them."
)


def findings(result: Result) -> list[str]:
    """On the tournament: the verdict, and by how much two concepts are ahead or behind."""
    said = [_verdict(result), *_best(result), *_compared(result)]
    if result["options"] == 2:
        said.append(TWO_OPTIONS)
    return said


def sorted_rivals(result: Result) -> dict[str, list[str]]:
    """The rivals that two concepts are ``ahead`` of, ``behind``, and ``close`` to.

    Ahead or behind: the interval of the difference lies beyond ``least_lead``. Three concepts can
    do what two can; so to be ahead of them is not to be behind.
    """
    least = result["settings"]["least_lead"]
    found: dict[str, list[str]] = {"ahead": [], "behind": [], "close": []}
    for name, row in result["tournament"]["rows"].items():
        e = row["behind"]
        if name == TWO:
            continue
        wanted = -least if name == THREE else least
        if e["low"] is not None and e["low"] > wanted:
            found["ahead"].append(name)
        elif e["high"] is not None and e["high"] < -least:
            found["behind"].append(name)
        else:
            found["close"].append(name)
    return found


def _verdict(result: Result) -> str:
    rows, named = result["tournament"]["rows"], result["tournament"]["named"]
    rivals = sorted_rivals(result)
    n = f"n {result['n']:,}, {count(result['clusters'], 'cluster')}"
    if result["identified"]:
        return (
            "Identified: two concepts forecast the distributions of held-out dialogues better than "
            f"each rival, and a third concept isn't needed ({n}). Any walk "
            "between the same anchors in steps of about one size would be called so, too."
        )
    if not result["applies"]:
        return f"Not identified here: {result['why']}"
    if named == "persistence":
        return (
            "Not two concepts, but persistence: that nothing changes forecasts the distributions "
            f"of held-out dialogues as well as any mechanism ({n})."
        )
    if named is not None and named != TWO:
        return (
            f"Not two concepts, but {rows[named]['label']}: it forecasts the distributions of "
            f"held-out dialogues better than each mechanism that can't do what it does ({n})."
        )
    if rivals["behind"]:
        return (
            "Not consistent with two concepts: on held-out dialogues they are behind "
            f"{_labels(result, rivals['behind'])} ({n})."
        )
    if named == TWO:
        left = estimate(result["tournament"]["unexplained"], 4)
        return (
            "Consistent with two concepts, and better than each rival on held-out dialogues, but "
            f"not identified: they leave {left} nats a round unexplained, more than they are ahead "
            f"({n}). Where each option has chances of its own, two concepts leave as much."
        )
    if not rivals["close"]:
        return (
            "Consistent with two concepts, and better than each rival on held-out dialogues, but "
            f"not identified: there are only two options ({n})."
        )
    return (
        "Consistent with two concepts, but not identified: on held-out dialogues not told apart "
        f"from {_labels(result, rivals['close'])} ({n})."
    )


def _best(result: Result) -> list[str]:
    """Where two concepts can't be fitted: whether another mechanism is named."""
    named = result["tournament"]["named"]
    if result["applies"]:
        return []
    if named is None:
        return ["None of the mechanisms compared is told apart from all others."]
    label = result["tournament"]["rows"][named]["label"]
    return [
        f"Of the mechanisms compared, {label} is named: no other one is better, and those that "
        "can't do what it does are worse."
    ]


def _compared(result: Result) -> list[str]:
    """By how much two concepts are ahead or behind, in nats a round."""
    rivals, rows = sorted_rivals(result), result["tournament"]["rows"]
    lines = []
    for how, words in (
        ("ahead", "Two concepts are better than"),
        ("close", "Two concepts differ, but not enough to be told apart, from"),
        ("behind", "Two concepts are worse than"),
    ):
        told = []
        for name in rivals[how]:
            e = rows[name]["behind"]
            by = f"by {estimate(_less(e) if how == 'behind' else e, 4, signed=how == 'close')}"
            if name != THREE:
                told.append(f"{rows[name]['label']} {by}")
        if told:
            lines.append(f"{words} {'; '.join(told)} nats a round.")
    if THREE not in rows:
        return lines
    gains = f"it gains {estimate(_less(rows[THREE]['behind']), 4, signed=True)} nats a round"
    needed = {
        "ahead": f"A third concept isn't needed: {gains}.",
        "close": f"Whether a third concept is needed isn't told: {gains}.",
        "behind": f"A third concept does better than two: {gains}.",
    }
    return [*lines, *(line for how, line in needed.items() if THREE in rivals[how])]


def _less(e: Estimate) -> Estimate:
    """The other way round: by how much the rival is better."""
    value, low, high = (None if e[end] is None else -e[end] for end in ("value", "high", "low"))
    return {**e, "value": value, "low": low, "high": high}


def _labels(result: Result, names: list[str]) -> str:
    labels = [result["tournament"]["rows"][name]["label"] for name in names]
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"


def odds(result: Result) -> list[str]:
    """On ρ, and how far off it may be."""
    e, pooled = result["tournament"]["rho"], result["rho"]
    moved = result["tournament"]["moved"]
    said = f"ρ = {estimate(e, 3)}"
    if e["low"] is None:
        what = f"{said}; it has no interval: {e.get('why')}"
    elif e["low"] <= 1 <= e["high"]:
        what = f"the odds of the other concept aren't shown to change: {said}"
    else:
        way = "lowers" if e["value"] < 1 else "raises"
        what = f"each round {way} the odds of the other concept: {said}"
    if not result["identified"]:
        what = f"if it were two concepts, {what}"
    low, high, least, most = PLANTED["moved" if moved else "settled"]
    where = "whose anchors still moved" if moved else "whose anchors had settled"
    lines = [
        f"{what[0].upper()}{what[1:]}, every dialogue starting from its own odds. In planted runs "
        f"{where} a ρ of .6 was estimated as {_short(low)} to {_short(high)} on average, and the "
        f"interval held it in {100 * least:.0f} to {100 * most:.0f} % of them."
    ]
    if pooled["value"] is not None:
        lines.append(
            f"Read off the mean of all dialogues in rounds 1-3 it is {estimate(pooled, 3)}; where "
            "dialogues start from different odds that is too near to 1."
        )
    return lines


def _short(x: float) -> str:
    return f"{x:.3f}".lstrip("0")
