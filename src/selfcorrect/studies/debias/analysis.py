"""What tuning on each subset does to bias, to neutral text and to facts, over seeds.

Pairs are a sample, and so are seeds, each with texts of its own: there could have been others of
both. So every mean is over both, with an interval for other pairs and for other seeds and texts
(:mod:`selfcorrect.measures.crossed`) that has no more degrees of freedom than there are seeds but
one. What is claimed are differences between subsets of the same texts, with the same seeds on the
same pairs, together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.evaluation.pairs import STEREO, Pair
from selfcorrect.measures.crossed import Crossed, crossed
from selfcorrect.measures.intervals import LEVEL, enough, mean, proportion
from selfcorrect.measures.paired import holm_by_name
from selfcorrect.measures.unseen import ANYWHERE, Room
from selfcorrect.studies.base import Inputs, Result
from selfcorrect.studies.debias.arms import BEFORE, arms, held_out, tuner_of
from selfcorrect.studies.debias.figures import FIGURES

Floats = NDArray[np.float64]

#: What is claimed: the first subset minus the second.
CLAIMS = (
    ("uncertain", "certain"),
    ("uncertain", "random"),
    ("uncertain", "length"),
    ("uncertain", "loss"),
    ("certain", "random"),
)
_SHARE = Room(0.0, 1.0)
#: Up to what size a difference of the mean log p difference counts as none, in nats.
MARGIN = 0.05


def analyse(inputs: Inputs) -> Result:
    """Tune and evaluate every arm, and compare them: see :func:`effects`."""
    asked, pairs, settings, about, sets = inputs.preflight.data
    model = about["model"]
    found, chosen = arms(
        asked,
        held_out(pairs.items),
        tuner_of(model.name, model.device, trust=model.trust_remote_code),
        settings,
        size=about["size"],
        seeds=about["seeds"],
        deciding=[about["fingerprint"], pairs.digest],
        parts=inputs.parts,
        sets=sets,
    )
    from selfcorrect.tuning.choose import described

    subsets = {
        f"{name} {seed}": table
        for seed, (own, each) in chosen.items()
        for name, table in described(own, each).items()
    }
    return {
        **inputs.preflight.found,
        **effects(found, pairs.items, about["seeds"]),
        "figures": {
            name: figure(found, name, each.clusters, about["seeds"])
            for each in sets
            for name in FIGURES
            if name.partition(" ")[0] == each.name
        },
        "subsets": subsets,
    }


def effects(found: Mapping[str, Any], pairs: Sequence[Pair], seeds: Sequence[int]) -> Result:
    """What tuning did, and where subsets differ.

    Args:
        found: of :func:`.arms.arms`.
        pairs: that were evaluated.
        seeds: at least 2.

    Returns:
        ``before``: bias, share, neutral, facts as the model is; ``arms``: subset → each after
        tuning (``gap``, ``share``, ``facts``: over pairs and seeds; ``neutral``: mean log p of a
        token minus before, over texts and seeds); ``changes``: subset → after minus before;
        ``known``: subset → ``facts`` after minus before;
        ``claims``: pair of subsets → difference of ``gap``, with ``p_holm``, ``state`` and
        ``together``, the interval that holds with all others'; ``shares``: of ``share`` likewise;
        ``balanced``: of ``gap`` with both directions of pairs at equal weight (see
        :func:`at_equal_weight`), nothing where all are of one; ``scaled``: of ``gap`` beside how
        sure the model is of facts (see :func:`as_sure`); ``margin``, ``clusters``, ``n``.
    """
    names = _subsets(found)
    clusters = np.array([pair.cluster for pair in pairs])
    gaps = {name: _stacked(found, name, "gaps", seeds) for name in names}
    facts = {name: _stacked(found, name, "facts", seeds) for name in names}
    tokens = np.array(found[BEFORE]["tokens"], dtype=np.float64)
    neutral = {name: _stacked(found, name, "neutral", seeds) for name in names}
    one = {key: _values(found[BEFORE][key]) for key in ("gaps", "facts", "neutral")}
    per_token = {
        name: (each - one["neutral"][:, None]) / tokens.mean() for name, each in neutral.items()
    }
    texts = np.arange(len(tokens))
    statements = np.arange(len(one["facts"]))
    pairs_of = [pair for pair in CLAIMS if set(pair) <= set(names)]
    sure = {name: as_sure(gaps[name], facts[name], one["facts"]) for name in names}
    return {
        "before": {
            "gap": enough(mean(one["gaps"], clusters)).table(),
            "share": proportion(_above(one["gaps"]), clusters).table(),
            "facts": proportion(_above(one["facts"]), statements).table(),
            "perplexity": _perplexity(one["neutral"], tokens),
        },
        "arms": {
            name: {
                "gap": _told(gaps[name], clusters),
                "share": _told(_above(gaps[name]), clusters, _SHARE),
                "facts": _told(_above(facts[name]), statements, _SHARE),
                "neutral": _told(per_token[name], texts),
                "perplexity": _perplexity(neutral[name].mean(axis=1), tokens),
                "losses": [
                    [found[f"{name} {seed}"]["losses"][at] for at in (0, -1)] for seed in seeds
                ],
            }
            for name in names
        },
        "changes": {
            name: _told(each - one["gaps"][:, None], clusters) for name, each in gaps.items()
        },
        "known": {
            name: _told(_above(each) - _above(one["facts"])[:, None], statements, _SHARE.apart())
            for name, each in facts.items()
        },
        "claims": claims(found, pairs, seeds),
        "balanced": _balanced(gaps, pairs, pairs_of),
        "scaled": {f"{a} − {b}": _told(sure[a] - sure[b], clusters) for a, b in pairs_of},
        "shares": {
            f"{a} − {b}": _told(_above(gaps[a]) - _above(gaps[b]), clusters, _SHARE.apart())
            for a, b in pairs_of
        },
        "margin": MARGIN,
        "seeds": list(seeds),
        "n": len(pairs),
        "clusters": len(set(clusters.tolist())),
    }


def _perplexity(logps: Floats, tokens: Floats) -> float | None:
    """Of the texts whose likelihood is known; ``None`` where there is none."""
    there = np.isfinite(logps) & (tokens > 0)
    if not there.any():
        return None
    return float(np.exp(min(700.0, -logps[there].sum() / tokens[there].sum())))


def figure(
    found: Mapping[str, Any], name: str, clusters: Sequence[str], seeds: Sequence[int]
) -> Result:
    """A figure of what the model answers: ``before``, by subset in ``arms`` and ``changes`` (after
    minus before), and by pair of subsets in ``differences``; nothing of it is claimed.

    Args:
        found: of :func:`.arms.arms`.
        name: of the figure.
        clusters: of each question.
        seeds: at least 2.
    """
    names, groups = _subsets(found), np.array(clusters)
    signed = name.endswith("bias")
    room = Room(-1.0, 1.0) if signed else _SHARE
    before = _values(found[BEFORE]["figures"][name])
    each = {
        arm: np.stack([_values(found[f"{arm} {seed}"]["figures"][name]) for seed in seeds], axis=1)
        for arm in names
    }
    return {
        "before": enough(mean(before, groups, room=room)).table(),
        "arms": {arm: _told(x, groups, room) for arm, x in each.items()},
        "changes": {
            arm: _told(x - before[:, None], groups, room.apart()) for arm, x in each.items()
        },
        "differences": {
            f"{a} − {b}": _told(each[a] - each[b], groups, room.apart())
            for a, b in CLAIMS
            if {a, b} <= set(names)
        },
    }


def claims(found: Mapping[str, Any], pairs: Sequence[Pair], seeds: Sequence[int]) -> Result:
    """The differences of bias between subsets, see :func:`effects`."""
    names = _subsets(found)
    clusters = np.array([pair.cluster for pair in pairs])
    gaps = {name: _stacked(found, name, "gaps", seeds) for name in names}
    there = [pair for pair in CLAIMS if set(pair) <= set(names)]
    contrasts = {f"{a} − {b}": over(gaps[a] - gaps[b], clusters) for a, b in there}
    return judged(contrasts, MARGIN)


def _balanced(
    gaps: Mapping[str, Floats], pairs: Sequence[Pair], wanted: Sequence[tuple[str, str]]
) -> Result:
    clusters = np.array([pair.cluster for pair in pairs])
    stereo = np.array([pair.direction for pair in pairs]) == STEREO
    if stereo.all() or not stereo.any():
        return {}
    return {
        f"{a} − {b}": _told(at_equal_weight(gaps[a] - gaps[b], stereo), clusters) for a, b in wanted
    }


def at_equal_weight(values: Floats, stereo: NDArray[np.bool_]) -> Floats:
    """Values whose mean is that of both directions' means, and which vary as it does.

    A model that finds one group's words likelier than before, whatever is said with them, gets in
    one direction what it loses in the other: it moves the mean over all pairs, as a file holds more
    of one direction, and not this.

    Args:
        values: a row a pair, a column a seed.
        stereo: which pairs are of that direction, some and not all.
    """
    made = np.full_like(values, np.nan)
    whole = np.isfinite(values).all(axis=1)
    parts = [side & whole for side in (stereo, ~stereo)]
    if not all(part.any() for part in parts):
        return made
    middle = sum(values[part].mean(axis=0) for part in parts) / 2
    for part in parts:
        weight = whole.sum() / (2 * part.sum())
        made[part] = middle + weight * (values[part] - values[part].mean(axis=0))
    return made


def as_sure(gaps: Floats, facts: Floats, before: Floats) -> Floats:
    """Gaps of pairs as they were if the model were as sure of facts as before tuning.

    A model that is less sure of everything finds both sentences of each pair more alike, and of
    each fact, too: that is no leaning that has gone. How sure it is now is the slope of what it
    says of facts on what it said before, through 0: with a ratio of means all hung on a mean that
    may be near 0, and true sentences that lost a little by their topic were a model less sure.

    Args:
        gaps: a row a pair, a column a seed, in nats.
        facts: a row a true sentence beside a false one, likewise.
        before: of the same facts, before tuning.

    Returns:
        Like ``gaps``; NaN of a seed after which nothing is left of what was said of facts.
    """
    known = np.isfinite(before) & np.isfinite(facts).all(axis=1)
    was = before[known]
    slope = was @ facts[known]
    with np.errstate(divide="ignore", invalid="ignore"):
        times = np.where(slope > 0, (was @ was) / slope, np.nan)
    return gaps * times


def over(values: Floats, clusters: NDArray[Any], room: Room = ANYWHERE) -> Crossed:
    """The mean of [pairs, seeds], for other pairs and other seeds: of so few seeds cautiously."""
    return crossed(values, clusters, cautious=True, room=room)


def _told(values: Floats, clusters: NDArray[Any], room: Room = ANYWHERE) -> Result:
    """The same as JSON has it, without intervals where the clusters are too few for them."""
    found = over(values, clusters, room)
    return replace(found, estimate=enough(found.estimate), fixed=enough(found.fixed)).table()


def judged(contrasts: Mapping[str, Crossed], margin: float) -> Result:
    """Differences that are claimed together: each a table with ``p_holm`` and ``state``: ``shown``
    (Holm's p below .05, enough clusters), ``same`` (within the margin, together), ``few`` or
    ``open``."""
    adjusted = holm_by_name({name: each.p for name, each in contrasts.items()})
    level = 1 - (1 - LEVEL) / max(1, len(contrasts))
    made: Result = {}
    for name, each in contrasts.items():
        e = each.estimate
        wide = None if e.at is None else e.at(level)
        p = adjusted.get(name)
        within = wide is not None and -margin <= wide[0] and wide[1] <= margin
        state = (
            "few"
            if e.few
            else "shown"
            if p is not None and p < 1 - LEVEL
            else "same"
            if within
            else "open"
        )
        together = None if wide is None else list(wide)
        made[name] = {**each.table(), "p_holm": p, "state": state, "together": together}
    return made


def _subsets(found: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(name.rpartition(" ")[0] for name in found if name != BEFORE))


def _values(each: Sequence[float | None]) -> Floats:
    return np.array([np.nan if x is None else x for x in each], dtype=np.float64)


def _stacked(found: Mapping[str, Any], name: str, key: str, seeds: Sequence[int]) -> Floats:
    """A row a pair, a column a seed."""
    return np.stack([_values(found[f"{name} {seed}"][key]) for seed in seeds], axis=1)


def _above(values: Floats) -> Floats:
    """1 above 0, 0 below, ½ at 0, NaN where it isn't known."""
    return np.where(np.isnan(values), np.nan, np.sign(values) / 2 + 0.5)
