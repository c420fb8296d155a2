"""What both models gain, what moves inside them, and what feedback they take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import Estimate, finite, mean
from selfcorrect.measures.outcomes import paired, paired_test, room_of
from selfcorrect.measures.paired import holm_by_name, sign_flip
from selfcorrect.measures.ratios import bounds
from selfcorrect.measures.unread import other_counts, p_whatever
from selfcorrect.measures.unseen import Room
from selfcorrect.runs import Run
from selfcorrect.studies.able import checked, doubted, preflight_of
from selfcorrect.studies.base import Inputs, Parts, Preflight, Result
from selfcorrect.studies.innate.accept import Trials, parts_of, trials
from selfcorrect.studies.innate.acceptance import KINDS, acceptance, by_example
from selfcorrect.studies.innate.arms import ARMS, MODELS, arm_of
from selfcorrect.studies.mechanism.analysis import (
    Aligned,
    chosen_sites,
    parts_of_dialogue,
    read_all,
    upper_layers,
)
from selfcorrect.studies.mechanism.measure import opened
from selfcorrect.studies.mechanism.measure import parts_of as parts_read
from selfcorrect.studies.series import Series, series

_NEEDS = ("activation",)
#: Whose dialogues are read again; those of ``repeat`` aren't.
_READ = ("intrinsic-feedback-cot", "intrinsic", "neutral")


def preflight(inputs: Inputs) -> Preflight:
    """Whether both models' answers can be read, and their states were."""
    arms = series(inputs.runs, arm_of("model", "neutral"))
    found = preflight_of(arms, _NEEDS, inputs)
    other = checked(_first(arms, "sibling"), _NEEDS)
    unread = [which for which in MODELS if not _reads(arms, which)]
    why = [
        *(f"of the sibling: {why}" for why in other["why"]),
        *(f"not one of its first answers could be read ({which})" for which in unread),
    ]
    found = doubted(found, why, inputs, missing=other["missing"] or bool(unread))
    return replace(found, found={**found.found, "sibling": other})


def _reads(arms: Series, which: str) -> bool:
    """Whether any first answer, after which feedback is given, could be read."""
    return bool(np.isfinite(arms.of(arm_of(which, "neutral"), "choice")[:, 0]).any())


def _first(arms: Series, which: str) -> Series:
    """The same with a model's arms before the other's."""
    mine = {arm_of(which, arm): arms.panels[arm_of(which, arm)] for arm in ARMS}
    return replace(arms, panels={**mine, **arms.panels})


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found, ``sibling``'s beside; ``names`` of both models, and which are
        shown ``plain`` text; ``outcome``, ``share`` (whether it is one), ``last``, ``concept``;
        ``gains``: of each model and their ``difference``; ``inside``: of each model as
        :func:`~selfcorrect.studies.mechanism.analysis.parts_of_dialogue` has it, with its
        ``upper`` layers and ``layers``; ``acceptance``: of each, and the ``difference`` by kind.
    """
    arms: Series = inputs.preflight.data
    sites = chosen_sites(inputs.settings["site"] or ["residual"])
    last = arms.main.rounds[-1]
    inside: dict[str, Any] = {}
    taken: dict[str, Trials] = {}
    plain: dict[str, bool] = {}
    names: dict[str, str] = {}
    for number, which in enumerate(MODELS):
        runs = {arm: inputs.runs[arm_of(which, arm)] for arm in ARMS}
        parts = _parts(inputs, runs, number)
        names[which] = runs["neutral"].spec.model.name
        with opened(runs["neutral"], sites) as model:
            reads = read_all(model, {arm: runs[arm] for arm in _READ}, parts, f"{which}-")
            first, final = upper_layers(model.layers)
            read_parts = sum(parts_read(runs[arm]) for arm in _READ)
            taken[which] = _trials(model.model, runs["neutral"], parts, f"{which}-", read_parts)
            plain[which] = model.model.vocabulary.template.plain
            inner = slice(first, final + 1)
            both = ["intrinsic-feedback-cot"]
            inside[which] = {
                "parts": parts_of_dialogue(Aligned(reads), sites, inner, last, both, both),
                "upper": [first, final],
                "layers": model.layers,
                "concept": arms.concept,
            }
    return {
        **inputs.preflight.found,
        "names": names,
        "plain": plain,
        "outcome": arms.outcome.name,
        "share": arms.outcome.kind == "share",
        "last": last,
        "concept": arms.concept,
        "layer": arms.layer,
        "sites": list(sites),
        "gains": gains(arms),
        "inside": inside,
        "acceptance": {which: acceptance(mine) for which, mine in taken.items()},
        "difference": acceptance_difference(taken["model"], taken["sibling"]),
        "settings": dict(inputs.settings),
    }


def _parts(inputs: Inputs, runs: Mapping[str, Run], number: int) -> Parts:
    """The parts of one model's share of the work; how far it is, is told of both."""
    mine = sum(parts_read(runs[arm]) for arm in _READ) + parts_of(runs["neutral"])
    whole: Parts = inputs.parts
    return replace(
        whole, progress=lambda done, _: whole.progress(number * mine + done, len(MODELS) * mine)
    )


def _trials(model: Any, run: Run, parts: Parts, key: str, done: int) -> Trials:
    at = done

    def one_more() -> None:
        nonlocal at
        at += 1
        parts.progress(at, at)

    return trials(model, run, parts, one_more, key)


def gains(arms: Series) -> Result:
    """What the goal and the review gain over merely asking again, in the last round.

    Returns:
        By model ``gain`` (intrinsic minus repeat) and ``change`` (its last round minus its first);
        ``difference`` of the model's gain minus its sibling's; each gain and the difference with
        ``p_holm`` over the three and ``state`` (``shown`` or ``undecided``), whatever unread
        answers are, and where there are any ``unread``, the lowest and highest that they allow.
    """
    outcome, clusters = arms.outcome, arms.main.clusters
    found: dict[str, Any] = {}
    ways: dict[str, list[tuple[Floats, Floats]]] = {}
    for which in MODELS:
        own, again = arm_of(which, "intrinsic"), arm_of(which, "repeat")
        first = arms.of(own, outcome.name)[:, 0]
        change = paired(outcome, arms.of(own, outcome.name)[:, -1], first, clusters)
        found[which] = {"change": change.table()}
        ways[which] = _ways(arms, own, again)
    estimates, ps = {}, {}
    for which, each in ways.items():
        estimates[which] = [paired(outcome, *way, clusters) for way in each]
        tests = [paired_test(outcome, *way, clusters) for way in each]
        ps[which] = p_whatever(estimates[which], tests)
    apart = _apart(*ways.values())
    room = room_of(outcome).apart().apart()
    estimates["difference"] = [mean(each, clusters, room=room) for each in apart]
    ps["difference"] = p_whatever(
        estimates["difference"], [_flipped(each, clusters) for each in apart]
    )
    adjusted = holm_by_name(ps)
    for name, told in estimates.items():
        state: dict[str, Any] = {"p_holm": adjusted.get(name), "state": "undecided"}
        row = {**told[0].table(), **state}
        if adjusted.get(name, 1.0) < 0.05 and _one_side(told):
            row["state"] = "shown"
        if len(told) > 1:
            row["unread"] = bounds([e.value for e in told])
        found.setdefault(name, {})["gain"] = row
    return {"model": found["model"], "sibling": found["sibling"],
            "difference": found["difference"]["gain"]}  # fmt: skip


def _ways(arms: Series, own: str, again: str) -> list[tuple[Floats, Floats]]:
    """Last outcomes of an arm and of its control: as recorded, and where some aren't known, counted
    for a rise and for a fall."""
    names = ("outcome", "parse_rate", "gradable")
    one, other = (
        {name: arms.panels[arm].columns[name][:, -1] for name in names} for arm in (own, again)
    )
    every = [(one, other), *other_counts((one, other), arms.outcome)]
    return [(after["outcome"], before["outcome"]) for after, before in every]


def _apart(mine: list[tuple[Floats, Floats]], theirs: list[tuple[Floats, Floats]]) -> list[Floats]:
    """One gain minus the other: as recorded, and with what isn't known counted for a rise of the
    first and a fall of the second, and the other way round."""
    one, other = ([after - before for after, before in ways] for ways in (mine, theirs))
    if len(one) == len(other) == 1:
        return [one[0] - other[0]]
    up, down = (gains if len(gains) > 1 else gains * 3 for gains in (one, other))
    return [one[0] - other[0], up[1] - down[2], up[2] - down[1]]


def _flipped(apart: Floats, clusters: Any) -> float | None:
    """p of a mean by flipping the signs of clusters; ``None`` where there is but one."""
    x, members, missing = finite(apart, clusters)
    if missing is not None or members[-1] == 0:
        return None
    return sign_flip(np.bincount(members, x))


def _one_side(estimates: list[Estimate]) -> bool:
    """Whether all intervals lie on one side of 0, none of them of too few clusters."""
    if any(e.few or e.low is None or e.high is None for e in estimates):
        return False
    return all((e.low or 0) > 0 for e in estimates) or all((e.high or 0) < 0 for e in estimates)


def acceptance_difference(one: Trials, other: Trials) -> Result:
    """By kind of feedback, how much more often the model takes it than its sibling, beyond merely
    being asked, on the examples in which both got such."""
    cluster = {str(n): str(c) for n, c in zip(one.examples, one.clusters, strict=True)}
    found = {}
    for kind in KINDS:
        mine, theirs = (by_example(t, t.taken - t.asked, kind) for t in (one, other))
        both = [name for name in mine if name in theirs]
        apart = np.array([mine[name] - theirs[name] for name in both])
        e = mean(apart, np.array([cluster[name] for name in both]), room=Room(-2.0, 2.0))
        state = e.low is not None and e.high is not None and (e.low > 0 or e.high < 0)
        found[kind] = {**e.table(), "state": "shown" if state and not e.few else "undecided"}
    return found
