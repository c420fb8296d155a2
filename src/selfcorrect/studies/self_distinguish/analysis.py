"""How well a model distinguishes, by history; and whether who can tell gains more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.contrasts import Scaled, columns_at, contrast, state_of, unread_in
from selfcorrect.measures.intervals import LEVEL, mean, proportion
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.unseen import Room
from selfcorrect.outcome import Outcome
from selfcorrect.report.numbers import short
from selfcorrect.runs.identity import offers_of
from selfcorrect.studies.able import LEAST_READ, doubted, graded, preflight_of
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.self_distinguish.arms import (
    CORRECTED,
    NONE,
    OTHERS,
    OWN,
    PEOPLE,
    REPEAT,
    name,
    none,
)
from selfcorrect.studies.self_distinguish.association import Beyond, association
from selfcorrect.studies.self_distinguish.judgements import Judgements, judgements
from selfcorrect.studies.series import Series, series

#: Of the share of both orders' answers that are right.
DISTINGUISHED = Outcome("distinguished", margin=0.05)
#: With fewer pairs of texts that are apart than these there is little to distinguish.
LEAST_APART = 10
_SAME = 2
_UNIT = Room(0, 1, whole=True)


def preflight(inputs: Inputs) -> Preflight:
    """Whether the dialogues' answers, and what was said about them, can be read and are graded."""
    base = {arm: inputs.runs[arm] for arm in (CORRECTED, REPEAT)}
    arms = series(base, REPEAT)
    found = preflight_of(arms, (), inputs)
    said = {arm: judgements(run) for arm, run in inputs.runs.items() if arm not in base}
    about = offers_of(base[CORRECTED].header.spec).compared
    found = graded(replace(found, data=(arms, said, about)), arms)
    if found.found["preflight"]["missing"]:
        return found
    why = _doubts(said, about, len(arms.main.rounds), inputs.settings["tie"])
    return doubted(found, list(why), inputs)


def _doubts(said: Mapping[str, Judgements], about: str, rounds: int, tie: float) -> Iterator[str]:
    """What speaks against asking it: nothing of how well it distinguishes."""
    read = min(float(each.read.mean()) if len(each.read) else 0.0 for each in said.values())
    if read < LEAST_READ:
        yield f"of what it was asked about them, with some history, {short(read, 3)} could be read"
    label = said[none(about, rounds)].label
    apart = int((label != _SAME).sum())
    if apart < LEAST_APART:
        yield (
            f"only {apart} of its {len(label):,} pairs of outputs are further apart than "
            f"{short(tie, 3)}, so that there is hardly anything to distinguish"
        )


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``about``, what is asked: which of two ``people``, or of two
        ``texts``; ``outcome`` and ``better`` of the dialogues; and what
        :func:`figures` says.
    """
    data, said, about = inputs.preflight.data
    arms: Series = data
    return {
        **inputs.preflight.found,
        "about": about,
        "outcome": arms.outcome.name,
        "better": arms.outcome.better,
        "tie": inputs.settings["tie"],
        **figures(arms.panels, said, about, arms.outcome, arms.margins[arms.outcome.name]),
        "settings": dict(inputs.settings),
    }


def figures(
    panels: Mapping[str, Panel],
    said: Mapping[str, Judgements],
    about: str,
    outcome: Outcome,
    margin: float | None = None,
) -> dict[str, Any]:
    """How well it distinguishes, what the dialogues gain, and whether these go together.

    Args:
        panels: of the dialogues and of their control, of the same examples in one order.
        said: by :func:`selfcorrect.studies.self_distinguish.arms.asked`.
        about: what is asked, ``people`` or ``texts``.
        outcome: of theirs.
        margin: up to what size a difference of it counts as none; by default its own.

    Returns:
        ``rounds``; ``chance``: what the best constant answer gets; ``accuracy``: arm → the share of
        right answers, ``read`` and ``consistent`` likewise; ``labels``: how often what is right in
        the last round's arm; ``asked``: examples that the claims are of; ``claims``: see
        :func:`_claims`; ``by``: history → ``0``, ``0.5``, ``1``, the share of right answers, → how
        much more such examples gain than by being asked again; ``gain`` of all, from the first
        round to the last; ``margins``; ``unread``: of the dialogues, arm
        → answers of the last round that aren't known, and of the claims' arms judgements.
    """
    main = panels[CORRECTED]
    margin = outcome.margin if margin is None else margin
    rounds = len(main.rounds)
    histories = {NONE: none(about, rounds), OWN: name(OWN, rounds)}
    if name(OTHERS, rounds) in said:
        histories[OTHERS] = name(OTHERS, rounds)
    shared = reduce(
        np.intersect1d, [main.examples, *(said[arm].examples for arm in histories.values())]
    )
    of = {history: said[arm].at(shared) for history, arm in histories.items()}
    rows = np.searchsorted(main.examples, shared)
    base = {arm: panel.only(rows) for arm, panel in panels.items()}
    clusters = of[NONE].clusters
    guessed = _guessed(of[NONE].label, about)
    gain = outcome.sign * _change(base[CORRECTED])
    counts = np.unique(of[NONE].label, return_counts=True)
    last = columns_at([base[CORRECTED], base[REPEAT]])
    beyond = Beyond.of(base[CORRECTED], base[REPEAT], outcome)
    return {
        "rounds": list(main.rounds),
        "chance": float(guessed.mean()) if len(guessed) else None,
        "margins": {"distinguished": DISTINGUISHED.margin, "beyond": margin},
        "accuracy": {arm: _mean(each.right, each.clusters) for arm, each in said.items()},
        "read": {arm: _mean(each.read, each.clusters) for arm, each in said.items()},
        "consistent": {
            arm: proportion(each.consistent, each.clusters).table() for arm, each in said.items()
        },
        "labels": {f"{label:g}": int(n) for label, n in zip(*counts, strict=True)},
        "asked": len(shared),
        "claims": _claims(base, of, outcome, beyond, guessed, clusters, margin),
        "gain": mean(gain, clusters, room=_apart(outcome)).table(),
        "by": {
            history: {
                f"{share:g}": mean(
                    np.where(each.right == share, beyond.values, np.nan),
                    clusters,
                    room=_apart(outcome),
                ).table()
                for share in (0.0, 0.5, 1.0)
            }
            for history, each in of.items()
        },
        "unread": {
            **dict(zip((CORRECTED, REPEAT), unread_in(last, outcome).tolist(), strict=True)),
            **{histories[h]: int(np.isnan(each.right).sum()) for h, each in of.items()},
        },
    }


def _change(panel: Panel) -> Floats:
    """Last − first outcome of each dialogue [D]; NaN where an answer isn't known."""
    x = panel.columns["outcome"][:, [0, -1]]
    read = panel.columns["parse_rate"][:, [0, -1]] == 1
    x = np.where(read, x, np.nan)
    return np.asarray(x[:, 1] - x[:, 0], dtype=np.float64)


def _apart(outcome: Outcome) -> Room:
    return Room(*outcome.bounds, whole=True).apart()


def _mean(values: Floats, clusters: NDArray[Any]) -> Result:
    return mean(values, clusters, room=_UNIT).table()


def _claims(
    base: Mapping[str, Panel],
    of: Mapping[str, Judgements],
    outcome: Outcome,
    gains: Beyond,
    guessed: Floats,
    clusters: NDArray[Any],
    margin: float,
) -> dict[str, Any]:
    """What is claimed, together.

    Returns:
        ``knows``: accuracy of distinguishing without a history, minus what the best constant answer
        gets (:func:`_guessed`); ``inside``, and of texts ``others``: with that history, minus
        without; ``beyond``: the outcome's last round, intrinsic minus repeat, above 0 where that is
        better; ``predicts, none`` and ``predicts, own``: see :func:`association`. Each a table with
        ``p_holm`` over all and ``state`` (``shown``, ``same``, ``few``, ``open``).
    """
    right = {history: each.right for history, each in of.items()}
    found: dict[str, Scaled] = {"knows": _minus(right[NONE], guessed, clusters)}
    found["inside"] = _minus(right[OWN], right[NONE], clusters)
    if OTHERS in right:
        found["others"] = _minus(right[OTHERS], right[NONE], clusters)
    sign = float(outcome.sign)
    last = columns_at([base[CORRECTED], base[REPEAT]])
    found["beyond"] = contrast(last, outcome, [sign, -sign], clusters).difference
    count = len(found) + 2
    margins = dict.fromkeys(found, DISTINGUISHED.margin) | {"beyond": margin}
    told_of = {key: _within(each, margins[key], count) for key, each in found.items()}
    tables = {key: {**each.table(), "within": told_of[key]} for key, each in found.items()}
    for history in (NONE, OWN):
        tables[f"predicts, {history}"] = association(
            gains, right[history], of[history].label, clusters
        )
    adjusted = holm_by_name({key: each["p"] for key, each in tables.items()})
    for key, each in tables.items():
        each["p_holm"] = adjusted.get(key)
        each["state"] = state_of(each, within=each.get("within", False))
    return tables


def _guessed(label: Floats, about: str) -> Floats:
    """What an answer that looks at neither output gets, in the mean of both orders [D]: of people a
    half; of texts the better of always "the same" and always one place."""
    if about == PEOPLE:
        return np.full(len(label), 0.5)
    same = (label == _SAME).astype(np.float64)
    often = len(same) > 0 and float(same.mean()) >= 1 / 3
    return np.asarray(same if often else 0.5 * (1 - same), dtype=np.float64)


def _minus(one: Floats, other: Floats, clusters: NDArray[Any]) -> Scaled:
    y = np.stack([one, other], axis=1)
    columns = {"outcome": y, "parse_rate": np.ones_like(y), "gradable": np.ones_like(y)}
    return contrast(columns, DISTINGUISHED, [1.0, -1.0], clusters).difference


def _within(each: Scaled, margin: float, count: int) -> bool:
    ends = each.at(1 - (1 - LEVEL) / count)
    return ends is not None and not each.estimate.few and -margin <= ends[0] <= ends[1] <= margin
