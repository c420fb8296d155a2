"""What a run measures in each round, each number with its interval, n and clusters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.measures import transitions
from selfcorrect.measures.calibration import auroc_of, calibration, ece
from selfcorrect.measures.compare import (
    SCORES,
    compare,
    convergence,
    figure_of,
)
from selfcorrect.measures.intervals import Estimate, Floats, mean_t, means, proportion
from selfcorrect.measures.paired import holm, joint_level, share_difference, share_test
from selfcorrect.measures.panel import Panel
from selfcorrect.measures.quality import rank_calibration, risk_coverage, spearman
from selfcorrect.outcome import Figure

#: A round whose median option mass is below this is flagged: the options were hardly considered.
LOW_MASS = 0.5

#: Measures that are means over records: the panel's column of each.
_MEANS = SCORES | {
    name: name for name in ("option_mass", "first_choice_p", "encoded", "generated", "reused")
}
#: Those that are shares.
_SHARES = {"accuracy": "outcome", "parse_rate": "parsed", "likeliest_differs": "differs"}
#: Curves that are read as a whole have a simultaneous band as well.
_BANDS = ("accuracy", "confidence", "entropy", "calibration_gap", "brier")
#: The same with unread answers taken as wrong, with confidence 1/|options|.
_ALL = {"calibration_gap_all": "gap_all", "brier_all": "brier_all"}


def summarize(
    panel: Panel,
    margins: Mapping[str, float],
    figures: Mapping[str, Figure] | None = None,
    values: Iterable[str] = (),
    *,
    seed: int = 0,
) -> dict[str, Any]:
    """Every measure in every round, what changed from the first to the last, and convergence.

    All rounds are over the same dialogues: one that stopped early has records in the later rounds
    too, in which its answer stands at no further tokens. ``docs/measures.md`` says what each
    measure is.

    Args:
        panel: the records.
        margins: by measure, up to what size a change counts as none.
        figures: a task's own figures per round.
        values: names of the task's own numbers whose mean is worth knowing.
        seed: of the resampling.

    Returns:
        ``{"rounds": [{"round", "n", "clusters", "unparsed", "low_mass", "measures", "reliability",
        "flow", "changed", "cl", "cs", "settled", "gain"}], "alternating", "changes",
        "convergence", "converged_at"}`` with JSON's types only. A measure is ``{"value", "low",
        "high", "n", "clusters"}``, with ``"why"`` where a number is missing (never NaN), and
        ``"band"`` where there is a simultaneous one.
    """
    if not panel.rounds:
        nobody = Estimate(None, None, None, 0, 0, "no records").table()
        return {
            "rounds": [],
            "alternating": nobody,
            "changes": {},
            "convergence": {},
            "converged_at": None,
        }
    last, first = panel.rounds[-1], panel.rounds[0]
    converged = convergence(panel, margins, seed=seed)
    return {
        "rounds": _rounds(panel, figures or {}, tuple(values), seed),
        "alternating": proportion(
            transitions.alternating(panel.columns["answer"]), panel.clusters
        ).table(),
        "changes": compare(
            panel.at(last),
            panel.at(first),
            panel.clusters,
            margins,
            figures=figures,
            seed=seed,
        )
        if last > first
        else {},
        "convergence": converged,
        "converged_at": converged["accuracy"]["round"] if "accuracy" in converged else None,
    }


def _rounds(
    panel: Panel, figures: Mapping[str, Figure], values: tuple[str, ...], seed: int
) -> list[dict[str, Any]]:
    scores = _means(panel, values, seed)
    aurocs, _ = auroc_of(
        [(panel.at(t)["confidence"], panel.at(t)["outcome"]) for t in panel.rounds],
        panel.clusters,
        seed=seed,
    )
    answers, correct = panel.columns["answer"], panel.columns["outcome"]
    levels = {
        name: joint_level(panel.columns[{**_MEANS, **_SHARES}[name]], panel.clusters)
        for name in _BANDS
    }
    flows = [None, *transitions.flow(answers, correct)]
    shares = {
        "changed": transitions.changed(answers),
        "cl": transitions.stayed_right(correct),
        "cs": transitions.became_right(correct),
        "settled": transitions.settled(answers),
    }
    gains = _gains(panel)
    rounds = []
    for place, number in enumerate(panel.rounds):
        there = panel.there[:, place]
        clusters = panel.clusters[there]
        columns = {name: c[there] for name, c in panel.at(number).items()}
        measures: dict[str, dict[str, Any]] = {
            name: proportion(columns[c], clusters).table() for name, c in _SHARES.items()
        }
        band = proportion(columns["outcome"], clusters, level=levels["accuracy"])
        measures["accuracy"]["band"] = _band(band, measures["accuracy"])
        for name in (*_MEANS, *_ALL, *values):
            measures[name] = scores[name, place].table()
            if name in _BANDS:
                level = levels[name]
                band = mean_t(panel.columns[_MEANS[name]][:, place], panel.clusters, level=level)
                measures[name]["band"] = _band(band, measures[name])
        mass = columns["option_mass"][np.isfinite(columns["option_mass"])]
        median = float(np.median(mass)) if len(mass) else None
        measures["option_mass"]["median"] = median
        measures["auroc"] = aurocs[place].table()
        reliability = _calibration(columns, clusters, measures, seed)
        _quality(columns, clusters, measures, seed)
        for name, compute in figures.items():
            measures[name] = figure_of(compute, columns, clusters, seed=seed).table()
        rounds.append(
            {
                "round": number,
                "n": len(clusters),
                "clusters": len(np.unique(clusters)),
                "unparsed": int((columns["parsed"] == 0).sum()),
                "low_mass": median is not None and median < LOW_MASS,
                "measures": measures,
                "reliability": reliability,
                "flow": flows[place],
                **{
                    name: proportion(c[:, place], panel.clusters).table()
                    if place or name == "settled"
                    else None
                    for name, c in shares.items()
                },
                "gain": gains[place],
            }
        )
    return rounds


def _means(panel: Panel, values: tuple[str, ...], seed: int) -> dict[tuple[str, int], Estimate]:
    """The means of all rounds at once, so that their resamples are drawn once."""
    wanted = {**_MEANS, **_ALL, **{name: name for name in values}}
    columns = {
        (name, place): x[:, place]
        for name, column in wanted.items()
        for x in [(panel.own if name in values else panel.columns)[column]]
        for place in range(x.shape[1])
    }
    return means(columns, panel.clusters, seed=seed)


def _calibration(
    columns: Mapping[str, Floats],
    clusters: NDArray[Any],
    measures: dict[str, dict[str, Any]],
    seed: int,
) -> list[dict[str, Any]]:
    """Add the calibration measures of a round, and return its reliability diagram."""
    of_read = calibration(columns["confidence"], columns["outcome"], clusters, seed=seed)
    measures["ece"] = of_read.ece.table()
    measures["ece_expected"] = of_read.expected.table()
    measures["ece_excess"] = of_read.excess.table()
    measures["ece_debiased"] = of_read.debiased.table()
    everything = ece(columns["confidence_all"], columns["outcome"])
    known = measures["calibration_gap_all"]
    measures["ece_all"] = Estimate(
        None if np.isnan(everything) else everything,
        None,
        None,
        known["n"],
        known["clusters"],
        known.get("why") if np.isnan(everything) else None,
    ).table()
    return of_read.reliability


def _quality(
    columns: Mapping[str, Floats],
    clusters: NDArray[Any],
    measures: dict[str, dict[str, Any]],
    seed: int,
) -> None:
    """Add how a round's uncertainty (entropy) goes with its quality (right or wrong)."""
    u, a = columns["entropy"], columns["outcome"]
    ranks = rank_calibration(u, a, clusters, seed=seed)
    measures["rce"] = {**ranks.rce.table(), "skill": ranks.skill, "bins": ranks.bins}
    measures["rce_shuffled"] = ranks.shuffled.table()
    measures["rce_isotonic"] = ranks.isotonic.table()
    measures["spearman"] = spearman(u, a, clusters, seed=seed).table()
    measures["risk_coverage"] = risk_coverage(u, a, clusters, seed=seed).table()


def _gains(panel: Panel) -> list[dict[str, Any] | None]:
    """Accuracy's difference of each later round from the first, with p adjusted for all of them."""
    right = panel.columns["outcome"]
    later = range(1, len(panel.rounds))
    ps = {t: share_test(right[:, t], right[:, 0], panel.clusters) for t in later}
    known = {t: p for t, p in ps.items() if p is not None}
    adjusted = dict(zip(known, holm(list(known.values())).tolist(), strict=True))
    return [
        None,
        *(
            {
                **share_difference(right[:, t], right[:, 0], panel.clusters).table(),
                "p": ps[t],
                "p_holm": adjusted.get(t),
            }
            for t in later
        ),
    ]


def _band(band: Estimate, point: Mapping[str, Any]) -> list[float] | None:
    """The band's ends in a round; a bootstrap's skewed interval may reach further than t's."""
    if band.low is None or band.high is None or point["low"] is None:
        return None
    return [min(band.low, point["low"]), max(band.high, point["high"])]


def against(
    panel: Panel,
    control: Panel,
    margins: Mapping[str, float],
    figures: Mapping[str, Figure] | None = None,
    *,
    seed: int = 0,
) -> dict[str, Any] | None:
    """A run minus its control, on the examples that both have; ``None`` if they share none.

    Args:
        panel, control: the records of both.
        margins, figures, seed: as in :func:`summarize`.

    Returns:
        ``round`` and ``control_round``: the last that both have, but a control of one round is
        compared with the run's last; ``difference``: every measure's, see
        :func:`selfcorrect.measures.compare.compare`; ``by_round``: accuracy's in every round, or
        ``None`` for a round that the control doesn't have; ``tokens_ratio``: the tokens encoded by
        a dialogue of the run up to that round, over those of the control's.
    """
    mine, theirs = panel.beside(control)
    if not len(mine.examples):
        return None
    of_control = theirs.rounds[-1] if len(theirs.rounds) == 1 else _last_of(mine, theirs)
    last = mine.rounds[-1] if len(theirs.rounds) == 1 else of_control
    tokens, others = _tokens(mine, last), _tokens(theirs, of_control)
    return {
        "round": last,
        "control_round": of_control,
        "difference": compare(
            mine.at(last), theirs.at(of_control), mine.clusters, margins, figures=figures, seed=seed
        ),
        "by_round": [
            share_difference(mine.at(t)["outcome"], theirs.at(t)["outcome"], mine.clusters).table()
            if t in theirs.rounds
            else None
            for t in mine.rounds
        ],
        "tokens_ratio": tokens / others if others else None,
    }


def _last_of(mine: Panel, theirs: Panel) -> int:
    return max(set(mine.rounds) & set(theirs.rounds))


def _tokens(panel: Panel, last: int) -> float:
    """All tokens encoded up to a round."""
    return float(np.nansum(panel.columns["encoded"][:, np.array(panel.rounds) <= last]))
