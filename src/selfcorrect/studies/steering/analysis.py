"""The odd part of a dose's response is its effect, the even part is damage; against the null."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import LEVEL, Estimate, mean, p_of, proportion
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.measures.unseen import Room
from selfcorrect.runs import Run
from selfcorrect.studies.able import preflight_of, unable
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series
from selfcorrect.studies.steering.measure import Measured, asked, measured, opened

_NEEDS = ("uncertainty", "activation")
#: What is looked at: uncertainty, and the probability of the right option.
RESPONSES = ("entropy", "p_right")
#: An interval at this level is one of as many as there are responses, and 95 % for all of them.
_EACH = 1 - (1 - LEVEL) / len(RESPONSES)


def preflight(inputs: Inputs) -> Preflight:
    """Whether the answers can be read, have options, and a concept is read."""
    arms = series(inputs.runs, "baseline")
    found = preflight_of(arms, _NEEDS, inputs)
    if not arms.main.options:
        return unable(found, "its answers have no options to look at")
    return found


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``concept``, ``layer`` after which it is pushed of so many
        ``layers``, ``read_best`` (the layer that reads it best), ``at`` which tokens, ``doses``,
        ``dose`` (the middle one),
        ``directions``, ``of_texts`` (how many of them are made from the concept's texts),
        ``cosine`` of the concept's with the mean state, ``encoded``, ``left_out``; by response
        (:data:`RESPONSES`) ``odd`` and ``even`` by dose above 0, each with ``concept`` (an estimate
        over questions), and of the other directions ``null``: their ``low`` and ``high`` (2.5 and
        97.5 %), ``p``: how many go as far, ``p_all``: the larger of that and of the interval's; of
        ``odd`` also ``length``, that of the mean state's direction, and ``left``, what the
        concept's is without its cosine times that, with ``p_left``; ``chosen``: those of the dose
        that was fixed beforehand, named as :func:`together` says; ``ordered``: the share of
        questions where the concept's goes one way with every step of the dose;
        ``curve``: the concept's by dose, minus none; ``wrong``: the share of questions
        that move against the mean; ``prompt``: the goal in words minus the question alone,
        ``prompt_odd``: half of the goal minus the reversed goal, and ``beyond``: whether that is
        more or less than the dose's odd part (:func:`_larger`); ``perplexity`` by dose.
    """
    arms: Series = inputs.preflight.data
    settings = inputs.settings
    run = inputs.runs["baseline"]
    model, concept = opened(run)
    ids, names = _ids(run, arms)
    questions = asked(run, ids)
    found = measured(
        model,
        concept,
        questions,
        settings,
        inputs.parts,
    )
    model.close()
    targets = _targets(run, questions.examples)
    clusters = np.array([names[i] for i in questions.examples])
    prompt = {name: _prompt(inputs, name, questions.examples) for name in RESPONSES}
    widths = dict(zip(RESPONSES, (math.log(found.p.shape[-1]), 1.0), strict=True))
    return {
        **inputs.preflight.found,
        "concept": arms.concept,
        "layer": found.layer,
        "layers": concept.layers,
        "read_best": concept.layer,
        "at": settings["at"],
        "doses": found.doses.tolist(),
        "dose": settings["dose"],
        "directions": settings["directions"],
        "of_texts": found.of_texts,
        "cosine": float(found.cosines[0]),
        "encoded": found.encoded,
        "left_out": found.left_out,
        "perplexity": found.perplexity,
        "responses": together(
            {
                name: responses(
                    _response(found, name, targets),
                    found.doses,
                    clusters,
                    prompt[name],
                    width,
                    found.cosines[:-1],
                )
                for name, width in widths.items()
            }
        ),
        "settings": dict(settings),
    }


def responses(
    f: Floats,
    doses: Floats,
    clusters: Any,
    prompt: tuple[Floats, Floats, Floats],
    width: float,
    cosines: Floats,
) -> dict[str, Any]:
    """What one number does under the doses.

    Args:
        f: [D, J + 1, A]; direction 0 is the concept's, the last the mean state's.
        doses: [A], ascending and alike on both sides of 0.
        clusters: of each question [D].
        prompt: the number with the goal in words, with the reversed goal, and without [D] each.
        width: of the range in which the number lies.
        cosines: of all directions but the last with that one [J].
    """
    middle, half, whole = len(doses) // 2, Room(-width / 2, width / 2), Room(-width, width)
    rows: list[dict[str, Any]] = []
    effects: list[Floats] = []
    f, longer = f[:, :-1], f[:, -1]
    for step in range(1, middle + 1):
        up, down, none = f[:, :, middle + step], f[:, :, middle - step], f[:, :, middle]
        odd, even = (up - down) / 2, (up + down) / 2 - none
        length = (longer[:, middle + step] - longer[:, middle - step]) / 2
        effects.append(odd[:, 0])
        rows.append(
            {
                "dose": float(doses[middle + step]),
                "odd": _beyond_length(odd, length, cosines, clusters, half),
                "even": _against(even, clusters, whole),
            }
        )
    at = (middle + 1) // 2  # the dose in the middle of those above 0, which was fixed beforehand
    chosen = rows[at]
    effect = effects[at]
    direction = np.sign(chosen["odd"]["concept"]["value"] or 0)
    against = np.where(np.isfinite(effect), effect * direction < 0, np.nan)
    goal, reversed_goal, alone = prompt
    said = (goal - reversed_goal) / 2
    return {
        "by_dose": rows,
        "chosen": chosen,
        "ordered": _ordered(effects, float(direction), clusters),
        "curve": [
            mean(f[:, 0, a] - f[:, 0, middle], clusters, room=whole).table()
            if a != middle
            else None
            for a in range(len(doses))
        ],
        "band": [_band(f[:, 1:, a] - f[:, 1:, middle]) for a in range(len(doses))],
        "wrong": proportion(against, clusters).table(),
        "prompt": mean(goal - alone, clusters, room=whole).table(),
        "prompt_odd": mean(said, clusters, room=half).table(),
        "beyond": _larger(said, effect, clusters, whole),
    }


def together(told: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The responses with what is named of the chosen dose: ``shown`` where all that an effect needs
    holds at 5 % for the responses together. ``p_holm`` is Holm's over them, of the largest p of
    each: an effect needs all of those tests (Berger & Hsu 1996, doi:10.1214/ss/1032280304).

    Args:
        told: by response, of :func:`responses`.
    """
    odd = {name: each["chosen"]["odd"] for name, each in told.items()}
    known = {name: each["p_all"] for name, each in odd.items() if each["p_all"] is not None}
    adjusted = holm_by_name(known)
    found = {}
    for name, each in told.items():
        p = adjusted.get(name)
        named = {**odd[name], "p_holm": p, "shown": p is not None and p <= 1 - LEVEL}
        found[name] = {**each, "chosen": {**each["chosen"], "odd": named}}
    return found


def _ordered(effects: Sequence[Floats], direction: float, clusters: Any) -> dict[str, Any]:
    """The share of questions whose odd part goes the mean's way with every step of the dose.

    Args:
        effects: the concept's odd part by dose, ascending [D] each.
        direction: the sign of its mean at the chosen dose.
        clusters: of each question [D].
    """
    steps = np.diff(np.stack([np.zeros_like(effects[0]), *effects]), axis=0) * direction
    known = np.isfinite(steps).all(axis=0)
    return proportion(np.where(known, (steps > 0).all(axis=0), np.nan), clusters).table()


def _larger(said: Floats, pushed: Floats, clusters: Any, room: Room) -> dict[str, Any]:
    """Is the mean of one number larger in size than that of another, [D] each?

    |a| > |b| where a − b and a + b have one sign, and |a| < |b| where they have two: what is said
    of their sizes stands on the intervals of both, neither of which has a kink at 0. One of them is
    0 where |a| = |b|, so a wrong claim is no more frequent than one interval misses.

    Returns:
        ``value``, |mean of said| − |mean of pushed|; ``difference`` and ``sum``, their intervals;
        ``verdict``: ``more``, ``less`` or ``undecided``.
    """
    both = [mean(said + sign * pushed, clusters, room=room) for sign in (-1.0, 1.0)]
    # at the level that holds for both responses together
    ends = [(0.0, 0.0) if e.at is None or e.few else e.at(_EACH) for e in both]
    sides = [int(low > 0) - int(high < 0) for low, high in ends]
    known = np.isfinite(said) & np.isfinite(pushed)
    sizes = [abs(float(x[known].mean())) for x in (said, pushed)] if known.any() else None
    return {
        "value": None if sizes is None else sizes[0] - sizes[1],
        "difference": both[0].table(),
        "sum": both[1].table(),
        "verdict": {1: "more", -1: "less", 0: "undecided"}[sides[0] * sides[1]],
    }


def _beyond_length(
    odd: Floats, length: Floats, cosines: Floats, clusters: Any, room: Room
) -> dict[str, Any]:
    """The odd part against the other directions', as it is and without what states' length does.

    A push along a direction that has a cosine c with the mean state makes states longer, as c times
    the push along the mean state does; a number that depends on their length alone moves with it.
    """
    table = _against(odd, clusters, room)
    far = Room(2 * room.low, 2 * room.high)
    left = _against(odd - cosines * length[:, None], clusters, far)
    same = (left["concept"]["value"] or 0) * (table["concept"]["value"] or 0) > 0
    return {
        **table,
        "length": mean(length, clusters, room=room).table(),
        "left": left["concept"],
        "p_left": left["p"],
        "with_length": table["p_all"] is not None and table["p_all"] <= 1 - LEVEL,
        "p_all": max(table["p_all"], left["p_all"])
        if same and table["p_all"] is not None and left["p_all"] is not None
        else None,
    }


def _against(values: Floats, clusters: Any, room: Room) -> dict[str, Any]:
    """The concept's mean with its interval, and how far those of the other directions go [D, J]."""
    own: Estimate = mean(values[:, 0], clusters, room=room)
    others = _means(values[:, 1:])
    table: dict[str, Any] = {"concept": own.table(), "null": None, "p": None, "few": own.few}
    if own.value is not None and len(others):
        as_far = int((np.abs(others) >= abs(own.value) * (1 - 1e-12)).sum())
        low, high = np.quantile(others, (0.025, 0.975))
        table["null"] = {"low": float(low), "high": float(high), "n": len(others)}
        table["p"] = (1 + as_far) / (1 + len(others))
    ps = table["p"], p_of(own)
    table["p_all"] = None if own.few or None in ps else max(ps)
    return table


def _means(values: Floats) -> Floats:
    """Over questions, of each direction that has any."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        found = np.nanmean(values, axis=0)
    return np.asarray(found[np.isfinite(found)])


def _band(values: Floats) -> list[float] | None:
    others = _means(values)
    return [float(x) for x in np.quantile(others, (0.025, 0.975))] if len(others) else None


def _response(found: Measured, name: str, targets: list[int | None]) -> Floats:
    """Entropy of the options in nats, or the probability of the right one [D, J, A]."""
    if name == "entropy":
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(found.p > 0, found.p * np.log(found.p), 0.0)
        terms = np.where(np.isnan(found.p), 0.0, terms)
        return np.where(np.isnan(found.p[..., 0]), np.nan, -terms.sum(axis=-1))
    rows = [
        np.full(found.p.shape[1:3], np.nan) if t is None else found.p[d, :, :, t]
        for d, t in enumerate(targets)
    ]
    return np.stack(rows)


def _ids(run: Run, arms: Series) -> tuple[list[str], dict[str, str]]:
    """The ids of the arms' shared examples in the run's order, and the cluster of each."""
    from selfcorrect.measures.panel import codes_of

    frame = run.read(["example", "cluster"]).unique("example", maintain_order=True)
    codes = codes_of(frame["example"])
    shared = np.isin(codes, arms.main.examples)
    ids = [name for name, there in zip(frame["example"].to_list(), shared, strict=True) if there]
    return ids, dict(frame.iter_rows())


def _targets(run: Run, examples: list[str]) -> list[int | None]:
    frame = run.read(["example", "target"])
    known = dict(frame.iter_rows())
    return [known.get(name) for name in examples]


def _prompt(inputs: Inputs, name: str, examples: list[str]) -> tuple[Floats, Floats, Floats]:
    """The number with the goal in words, with the reversed goal, and without, as the runs have
    recorded it."""
    found = []
    for arm in ("intrinsic", "negation", "baseline"):
        frame = inputs.runs[arm].read(["example", "target", "entropy", "option_p"])
        values: dict[str, float] = {}
        for example, target, entropy, p in frame.iter_rows():
            right = p[target] if p and target is not None and target < len(p) else None
            value = entropy if name == "entropy" else right
            values[example] = np.nan if value is None else value
        found.append(np.array([values.get(example, np.nan) for example in examples]))
    return found[0], found[1], found[2]
