"""The odd part of a dose's response is its effect, the even part is damage; against the null."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import Estimate, mean, proportion
from selfcorrect.measures.unseen import Room
from selfcorrect.runs import Run
from selfcorrect.studies.able import told
from selfcorrect.studies.base import Inputs, Preflight, Result
from selfcorrect.studies.series import Series, series
from selfcorrect.studies.steering.measure import Measured, asked, measured, opened

_NEEDS = ("uncertainty", "activation")
#: What is looked at: uncertainty, and the probability of the right option.
RESPONSES = ("entropy", "p_right")


def preflight(inputs: Inputs) -> Preflight:
    """Whether the answers can be read, have options, and a concept is read."""
    arms = series(inputs.runs, "baseline")
    found = told(arms, _NEEDS, inputs)
    if not arms.main.options:
        found.found["preflight"]["why"].append("its answers have no options to look at")
        found.found["preflight"]["missing"] = True
        found.found["able"] = False
        return Preflight(False, found.found, arms)
    return found


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``concept``, ``layer``, ``doses``, ``dose`` (the middle one),
        ``directions``, ``encoded``, ``left_out``; by response (:data:`RESPONSES`) ``odd`` and
        ``even`` by dose above 0, each with ``concept`` (an estimate over questions), and of the
        other directions ``null``: their ``low`` and ``high`` (2.5 and 97.5 %), ``p``: how many go
        as far; ``curve``: the concept's by dose, minus none; ``wrong``: the share of questions that
        move against the mean; ``prompt``: the goal in words minus the question alone, and
        ``beyond``, that minus the dose's effect; ``perplexity`` by dose.
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
        settings["dose"],
        settings["directions"],
        settings["seed"],
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
        "layer": concept.layer,
        "doses": found.doses.tolist(),
        "dose": settings["dose"],
        "directions": settings["directions"],
        "encoded": found.encoded,
        "left_out": found.left_out,
        "perplexity": found.perplexity,
        "responses": {
            name: responses(
                _response(found, name, targets), found.doses, clusters, prompt[name], width
            )
            for name, width in widths.items()
        },
        "settings": dict(settings),
    }


def responses(
    f: Floats, doses: Floats, clusters: Any, prompt: tuple[Floats, Floats], width: float
) -> dict[str, Any]:
    """What one number does under the doses.

    Args:
        f: [D, J, A]; direction 0 is the concept's.
        doses: [A], ascending and alike on both sides of 0.
        clusters: of each question [D].
        prompt: the number with the goal in words, and without [D] each.
        width: of the range in which the number lies.
    """
    middle, half, whole = len(doses) // 2, Room(-width / 2, width / 2), Room(-width, width)
    rows: list[dict[str, Any]] = []
    found: dict[str, Any] = {}
    for step in range(1, middle + 1):
        up, down, none = f[:, :, middle + step], f[:, :, middle - step], f[:, :, middle]
        odd, even = (up - down) / 2, (up + down) / 2 - none
        rows.append(
            {
                "dose": float(doses[middle + step]),
                "odd": _against(odd, clusters, half),
                "even": _against(even, clusters, whole),
            }
        )
    at = (middle + 1) // 2  # the dose in the middle of those above 0, which was fixed beforehand
    chosen = rows[at]
    step = at + 1
    effect = (f[:, 0, middle + step] - f[:, 0, middle - step]) / 2
    direction = np.sign(chosen["odd"]["concept"]["value"] or 0)
    said = prompt[0] - prompt[1]
    pushed = f[:, 0, middle + step] - f[:, 0, middle]
    found["wrong"] = proportion(
        np.where(np.isfinite(effect), effect * direction < 0, np.nan), clusters
    ).table()
    return {
        "by_dose": rows,
        "chosen": chosen,
        "curve": [
            mean(f[:, 0, a] - f[:, 0, middle], clusters, room=whole).table()
            if a != middle
            else None
            for a in range(len(doses))
        ],
        "band": [_band(f[:, 1:, a] - f[:, 1:, middle]) for a in range(len(doses))],
        **found,
        "prompt": mean(said, clusters, room=whole).table(),
        "beyond": mean(np.abs(said) - np.abs(pushed), clusters, room=whole).table(),
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
    table["shown"] = bool(
        own.low is not None
        and own.high is not None
        and (own.low > 0 or own.high < 0)
        and not own.few
        and table["p"] is not None
        and table["p"] <= 0.05
    )
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


def _prompt(inputs: Inputs, name: str, examples: list[str]) -> tuple[Floats, Floats]:
    """The number with the goal in words and without, as the runs have recorded it."""
    found = []
    for arm in ("intrinsic", "baseline"):
        frame = inputs.runs[arm].read(["example", "target", "entropy", "option_p"])
        values: dict[str, float] = {}
        for example, target, entropy, p in frame.iter_rows():
            right = p[target] if p and target is not None and target < len(p) else None
            value = entropy if name == "entropy" else right
            values[example] = np.nan if value is None else value
        found.append(np.array([values.get(example, np.nan) for example in examples]))
    return found[0], found[1]
