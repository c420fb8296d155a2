"""What each part of a dialogue does to the activation, beyond as many neutral words."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from selfcorrect.concepts.file import SITES, Concept
from selfcorrect.errors import UserError, nearest
from selfcorrect.measures.activations import by_layer
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.intervals import Estimate, mean, p_of, proportion
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.runs import Run
from selfcorrect.studies.able import preflight_of
from selfcorrect.studies.base import Inputs, Parts, Preflight, Result
from selfcorrect.studies.design import ARMS, COT, EFFECTS, FACTORS, FEEDBACK, INSTRUCTION, weights
from selfcorrect.studies.mechanism.measure import Opened, Read, opened, parts_of, read_arm
from selfcorrect.studies.series import ACTIVATION_MARGIN, Series, series

Reads = dict[str, Read]
#: Of the depth: from and to where the readings are summed up.
UPPER = 0.47, 0.88
#: Chains of readings; each link is seen from the first.
CHAINS: Mapping[str, tuple[str, ...]] = {
    "round 1": ("input", "rationale", "whole"),
    "last round": ("before", "feedback", "with feedback", "rationale", "whole"),
    "feedback": ("whole", "feedback", "without feedback"),
}


def upper_layers(layers: int) -> tuple[int, int]:
    """The first and the last of the upper-middle layers, counted from 0, of so many.

    Of 32 they are the 15th to the 28th.
    """
    first, last = (max(1, round(share * layers)) for share in UPPER)
    return first - 1, last - 1


def preflight(inputs: Inputs) -> Preflight:
    """Whether answers can be read, and the concept was."""
    return preflight_of(series(inputs.runs, "neutral"), ("activation",), inputs)


def analyse(inputs: Inputs) -> Result:
    """All of it; JSON's types.

    Returns:
        What the preflight found; ``concept``, ``layer``, ``layers``, ``upper`` (first and last),
        ``sites``; of the concept at each site ``aurocs``; ``outcome`` and ``levels``, its own by
        arm in the last round; ``leaked``; all of :func:`measured`; ``settings``.
    """
    arms: Series = inputs.preflight.data
    sites = chosen_sites(inputs.settings["site"])
    with opened(inputs.runs["neutral"], sites) as inside:
        reads = read_all(inside, {arm: inputs.runs[arm] for arm in ARMS}, inputs.parts)
        aurocs = {site: _auroc(inside.concepts[site]) for site in sites}
        concept = inside.concepts[sites[0]]
    last = arms.main.rounds[-1]
    level = proportion if arms.outcome.kind == "share" else mean
    levels = {
        arm: level(panel.columns["outcome"][:, -1], panel.clusters).table()
        for arm, panel in arms.panels.items()
    }
    return {
        **inputs.preflight.found,
        "concept": arms.concept,
        "layer": arms.layer,
        "sites": list(sites),
        "aurocs": aurocs,
        "words": list(concept.figures.get("words", ())),
        "outcome": arms.outcome.name,
        "levels": levels,
        "leaked": leaked(arms),
        **measured(reads, sites, last),
        "settings": dict(inputs.settings),
    }


def leaked(arms: Series) -> Result | None:
    """The share of dialogues in the arms with feedback in which any of it told the answer, as far
    as somebody can say; ``None`` where nobody can."""
    panels = [arms.panels[arm] for arm in with_factor(FEEDBACK)]
    told = [panel.columns["leaked"] for panel in panels if "leaked" in panel.columns]
    if not told:
        return None
    known = np.concatenate([np.isfinite(x).any(axis=1) for x in told])
    any_of = np.concatenate([(x == 1).any(axis=1) for x in told])
    clusters = np.concatenate([panel.clusters for panel in panels])
    e = proportion(np.where(known, any_of, np.nan), clusters)
    return None if e.value is None else e.table()


def _auroc(concept: Concept) -> Result | None:
    """How well a concept tells its own texts apart, the layer chosen inside; ``None`` where nobody
    has said."""
    told = concept.figures.get("nested")
    if not isinstance(told, dict):
        return None
    return {"value": told.get("auroc"), "low": told.get("low"), "high": told.get("high")}


def chosen_sites(given: Sequence[str] | None) -> tuple[str, ...]:
    """The sites that are read, in their usual order.

    Raises:
        UserError: there is no such site.
    """
    for site in given or ():
        if site not in SITES:
            raise UserError(f"there is no site {site!r}: {nearest(site, SITES)}.")
    return tuple(site for site in SITES if not given or site in given)


def read_all(inside: Opened, runs: Mapping[str, Run], parts: Parts, key: str = "") -> Reads:
    """All readings of these runs, by arm, with how far they are.

    Args:
        inside: their model and its concepts.
        runs: by arm.
        parts: keeps what is finished.
        key: stands before the parts' own, where several models are read.
    """
    done, every = 0, sum(parts_of(run) for run in runs.values())
    parts.progress(0, every)

    def one_more() -> None:
        nonlocal done
        done += 1
        parts.progress(done, every)

    return {arm: read_arm(inside, arm, run, parts, one_more, key) for arm, run in runs.items()}


class Aligned:
    """The readings of some arms on the examples that all have.

    Attributes:
        clusters: of each example [D].
    """

    def __init__(self, reads: Mapping[str, Read]) -> None:
        shared = set.intersection(*(set(read.examples) for read in reads.values()))
        if not shared:
            raise UserError(
                "no example has an answer in every round of every arm: the dialogues outgrow the "
                "model's context window; give fewer --rounds."
            )
        self._reads = reads
        self._rows = {
            arm: [row for row, name in enumerate(read.examples) if name in shared]
            for arm, read in reads.items()
        }
        first = next(iter(reads))
        order = [reads[first].examples[row] for row in self._rows[first]]
        for arm, read in reads.items():  # arms go through the examples in one order
            at = {name: row for row, name in enumerate(read.examples)}
            self._rows[arm] = [at[name] for name in order]
        self.clusters = np.array([reads[first].clusters[row] for row in self._rows[first]])

    def cosines(self, arms: Sequence[str], number: int, name: str) -> Floats:
        """Of a reading, the mean over these arms [D, sites, layers]."""
        each = [self._reads[a].cosines[number, name][self._rows[a]] for a in arms]
        return _mean(each)

    def nll(self, arms: Sequence[str], number: int, name: str) -> Floats:
        """Of a reading, the mean over these arms [D, 2]."""
        return _mean([self._reads[a].nll[number, name][self._rows[a]] for a in arms])


def _mean(each: Sequence[Any]) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a dialogue without any stays missing
        return np.asarray(np.nanmean(np.stack(each).astype(np.float64), axis=0))


def measured(reads: Mapping[str, Read], sites: Sequence[str], last: int) -> Result:
    """What the readings show.

    Args:
        reads: by arm, all of :data:`ARMS`.
        sites: in the order of the readings' own.
        last: the round that is looked at, fixed beforehand.

    Returns:
        ``layers``, ``upper``, ``last``; ``words``: by part (``instruction``, ``feedback``,
        ``rationale``) and site the ``beyond`` (the part minus as many neutral words in its place,
        with ``p_holm`` over all of them and ``state``), ``raw`` (the part minus nothing) and
        ``mere`` (neutral words minus nothing), all means over the upper-middle layers; ``chains``:
        by chain its ``links`` with, by site, the estimate of each minus the first, and by layer
        the same; ``factors``: by effect and site; ``likelihood``; ``read``: what was encoded.
    """
    all_arms = Aligned(reads)
    layers = next(iter(reads["neutral"].cosines.values())).shape[2]
    first, final = upper_layers(layers)
    inner = slice(first, final + 1)
    return {
        "layers": layers,
        "upper": [first, final],
        "last": last,
        "parts": parts_of_dialogue(
            all_arms, sites, inner, last, with_factor(FEEDBACK), with_factor(COT)
        ),
        "chains": {name: _chain(all_arms, name, sites, inner, last) for name in CHAINS},
        "factors": _factors(all_arms, sites, inner, last),
        "likelihood": likelihood(all_arms, last),
        "read": _counts(reads),
    }


def with_factor(*factors: str) -> list[str]:
    """The arms that have all of these factors."""
    return [arm for arm, has in ARMS.items() if has.issuperset(factors)]


def parts_of_dialogue(
    data: Aligned,
    sites: Sequence[str],
    inner: slice,
    last: int,
    advised: Sequence[str],
    reasoned: Sequence[str],
) -> Result:
    """What each part of a dialogue does, beyond neutral words, and with them.

    Args:
        data: of ``intrinsic``, ``neutral`` and the arms below.
        sites: in the order of the readings' own.
        inner: the layers of which the mean is taken.
        last: the round in which feedback and rationale are looked at.
        advised, reasoned: the arms with feedback, and with a rationale.
    """

    def upper(arms: Sequence[str], number: int, name: str) -> Floats:
        return np.asarray(data.cosines(arms, number, name)[:, :, inner].mean(axis=2))

    found: dict[str, Any] = {}
    kept: dict[tuple[str, str], Estimate] = {}
    readings = {
        INSTRUCTION: (
            upper(["intrinsic"], 1, "input"),
            upper(["intrinsic"], 1, "neutral instruction"),
            upper(["neutral"], 1, "input"),
        ),
        **{
            kind: tuple(
                upper(arms, last, name) for name in ("whole", f"neutral {kind}", f"without {kind}")
            )
            for kind, arms in (("feedback", advised), ("rationale", reasoned))
        },
    }
    for kind, (there, neutral, absent) in readings.items():
        found[kind] = {}
        for at, site in enumerate(sites):
            kept[kind, site] = mean(there[:, at] - neutral[:, at], data.clusters)
            found[kind][site] = {
                "raw": mean(there[:, at] - absent[:, at], data.clusters).table(),
                "mere": mean(neutral[:, at] - absent[:, at], data.clusters).table(),
            }
    for (kind, site), row in judged(kept, ACTIVATION_MARGIN).items():
        found[kind][site]["beyond"] = row
    return found


def judged(estimates: Mapping[Any, Estimate], margin: float | None) -> dict[Any, Result]:
    """Estimates as tables, with Holm's p over all of them and what that says.

    Returns:
        ``p_holm``; ``within``: the interval lies within the margin; ``state``: ``shown`` (p under
        .05, and enough clusters), ``same`` (not shown, and within the margin) or ``undecided``.
    """
    adjusted = holm_by_name({key: p_of(e) for key, e in estimates.items()})
    found = {}
    for key, e in estimates.items():
        state = "undecided"
        if adjusted.get(key, 1.0) < 0.05 and not e.few:
            state = "shown"
        elif _within(e, margin):
            state = "same"
        found[key] = {
            **e.table(),
            "p_holm": adjusted.get(key),
            "state": state,
            "within": _within(e, margin),
        }
    return found


def _within(e: Estimate, margin: float | None) -> bool:
    if margin is None or e.low is None or e.high is None:
        return False
    return max(abs(e.low), abs(e.high)) <= margin


def _chain(
    data: Aligned, name: str, sites: Sequence[str], inner: slice, last: int
) -> dict[str, Any]:
    """A chain's links, each minus the first."""
    links = CHAINS[name]
    number = 1 if name == "round 1" else last
    factors = {"round 1": (COT,), "last round": (COT, FEEDBACK), "feedback": (FEEDBACK,)}[name]
    each = [data.cosines(with_factor(*factors), number, link) for link in links]
    moved = np.stack([values - each[0] for values in each[1:]], axis=1)  # [D, links, sites, layers]
    estimates = {
        (link, site): mean(moved[:, t, at, inner].mean(axis=1), data.clusters)
        for t, link in enumerate(links[1:])
        for at, site in enumerate(sites)
    }
    rows = judged(estimates, ACTIVATION_MARGIN)
    return {
        "links": list(links),
        "round": number,
        "upper": {link: {site: rows[link, site] for site in sites} for link in links[1:]},
        "by_layer": {
            site: by_layer(moved[:, :, at], data.clusters) for at, site in enumerate(sites)
        },
    }


def _factors(data: Aligned, sites: Sequence[str], inner: slice, last: int) -> dict[str, Any]:
    """Effects of the three factors, and how they interact, on the dialogue as it was."""
    every = np.stack([data.cosines([arm], last, "whole")[:, :, inner].mean(axis=2) for arm in ARMS])
    names = {
        effect: " × ".join(FACTORS[letter] for letter in effect.split("×")) for effect in EFFECTS
    }
    estimates = {}
    for effect, name in names.items():
        values = np.tensordot(weights(effect, list(ARMS)), every, axes=1)
        for at, site in enumerate(sites):
            estimates[name, site] = mean(values[:, at], data.clusters)
    rows = judged(estimates, ACTIVATION_MARGIN)
    return {name: {site: rows[name, site] for site in sites} for name in names.values()}


#: What is told of the likelihoods: how many nats lower the NLL is, by two readings.
_LOWER = {
    "rationale": ("neither", "without feedback"),
    "feedback": ("neither", "without rationale"),
    "rationale, beyond neutral words": ("neutral rationale", "whole"),
    "feedback, beyond neutral words": ("neutral feedback", "whole"),
}


def likelihood(data: Aligned, last: int) -> Result:
    """By how much rationale and feedback lower the NLL of the answer, in the arms with both.

    Returns:
        By ``given`` and ``right``: of each of both relative to neither, and relative to neutral
        words in its place while the other stays, and the ``difference`` of both in either; each
        with ``p_holm`` over the six.
    """
    arms = with_factor(FEEDBACK, COT)
    found = {}
    for at, which in enumerate(("given", "right")):
        nll = {name: data.nll(arms, last, name)[:, at] for pair in _LOWER.values() for name in pair}
        lower = {name: nll[above] - nll[below] for name, (above, below) in _LOWER.items()}
        lower["difference"] = lower["rationale"] - lower["feedback"]
        lower["difference, beyond neutral words"] = (
            lower["rationale, beyond neutral words"] - lower["feedback, beyond neutral words"]
        )
        found[which] = judged({n: mean(x, data.clusters) for n, x in lower.items()}, None)
    return found


def _counts(reads: Mapping[str, Read]) -> Result:
    lengths = np.concatenate([read.lengths for read in reads.values()])
    return {
        "encoded": sum(read.encoded for read in reads.values()),
        "tokens": sum(read.tokens for read in reads.values()),
        "left_out": sum(read.left_out for read in reads.values()),
        "length": float(lengths[:, 0].mean()) if len(lengths) else 0.0,
        "neutral": float(lengths[:, 1].mean()) if len(lengths) else 0.0,
    }
