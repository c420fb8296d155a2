"""Every measure, stated once: where its numbers come from, how they are judged, what they mean.

The panel, the summary, comparisons, the report, the terminal's table and the docs all read this;
those of samples stand in :mod:`.of_samples`. A new number is one entry and its line in
``docs/measures.md``:

- a number of every record is an expression over the record's columns (``of_record``); its mean or
  share follows in every round;
- a number of a round is computed from that round's columns (``of_rounds``);
- a number of every dialogue's way from round to round is one of ``of_way``.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import polars as pl

from selfcorrect.errors import UserError, nearest
from selfcorrect.measures import families, transitions
from selfcorrect.measures.measure import ANSWERS, CALIBRATION, COST, QUALITY, SURE, Measure
from selfcorrect.measures.of_samples import (
    COST_OF_SAMPLES,
    QUALITY_OF_SAMPLES,
    UNCERTAINTY_OF_SAMPLES,
)
from selfcorrect.outcome import ACCURACY, Outcome

_READ = pl.col("problem").is_null()
_NUMBER = pl.col("choices").list.len().cast(pl.Float64)
_CONFIDENCE = pl.when(_READ).then(pl.col("confidence"))
# none of a free text, which has no options to guess among
_CHANCE = 1 / pl.when(_NUMBER > 0).then(_NUMBER)
# Σ_o (p_o − 1[o = y])² = Σ p_o² − 2 p_y + 1
_BRIER = pl.when(pl.col("option_p").list.len() > 0).then(
    pl.col("option_p").list.eval(pl.element() ** 2).list.sum()
    - 2 * pl.col("option_p").list.get(pl.col("target"), null_on_oob=True)
    + 1
)
_OPTIONS: Mapping[str, Any] = {"needs": "options"}
_RIGHT: Mapping[str, Any] = {"needs": "right"}
_UNREAD_TOO = "with the unread answers counted as wrong at confidence 1/options."

#: The measures of every task; a task's own outcome comes before them, see :func:`measures`.
MEASURES: list[Measure] = [
    Measure(
        "parse_rate", "answers read", "Share of answers that could be read.",
        ANSWERS, "share", "share", of_record=_READ,
    ),
    Measure(
        "changed", "changed", "Share of answers that differ from the previous round's.",
        ANSWERS, "way", "share", of_way=lambda answers, _: transitions.changed(answers),
    ),
    Measure(
        "cl", "right stays right",
        "Share of the previous round's right answers that are still right (CL).",
        ANSWERS, "way", "share", of_way=lambda _, right: transitions.stayed_right(right), **_RIGHT,
    ),
    Measure(
        "cs", "wrong becomes right",
        "Share of the previous round's wrong answers that are now right (CS).",
        ANSWERS, "way", "share", of_way=lambda _, right: transitions.became_right(right), **_RIGHT,
    ),
    Measure(
        "settled", "settled",
        "Share of dialogues whose answer doesn't change any more from this round on; of the last "
        "round nothing can be said. A stable mean of churning answers is not a stable state.",
        ANSWERS, "way", "share", of_way=lambda answers, _: transitions.settled(answers),
    ),
    Measure(
        "leaked", "feedback leaks",
        "Share of the rounds' feedback that names the right option or writes the answer.",
        ANSWERS, "share", "share", column="leaks", explained="feedback that tells the answer",
        of_record=pl.col("leak"), needs="feedback",
    ),
    Measure(
        "names_answer", "feedback names an answer",
        "Share of the rounds' feedback that names an answer at all, right or wrong.",
        ANSWERS, "share", "share", of_record=pl.col("names_answer"), needs="feedback",
    ),
    Measure(
        "confidence", "confidence",
        "Mean probability of the answer given, over the answers read. Beside the accuracy it shows "
        "whether the model is too sure of itself.",
        SURE, form="share", bounds=(0, 1), compared=True, band=True, column="conf.",
        of_record=_CONFIDENCE, **_OPTIONS,
    ),
    Measure(
        "entropy", "entropy",
        "Mean entropy of the options' probabilities, in nats: 0 is certain; three options that are "
        "equally likely have 1.10.",
        SURE, form="nats", bounds=(0, inf), ceiling="options", margin=0.05, compared=True,
        band=True, column="entropy", explained="in nats", of_record=pl.col("entropy"), **_OPTIONS,
    ),
    Measure(
        "option_mass", "option mass",
        "Mean probability of all options together, before they are made to sum to 1. Where it is "
        "low the model hardly considered the options.",
        SURE, form="share", bounds=(0, 1), column="mass",
        explained="probability of all options together, * where it is low",
        of_record=pl.col("option_mass"), **_OPTIONS,
    ),
    Measure(
        "first_choice_p", "first choice",
        "Mean probability of what the dialogue answered in round 1, followed through the rounds.",
        SURE, form="share", bounds=(0, 1), of_record=pl.col("first_choice_p"), **_OPTIONS,
    ),
    Measure(
        "likeliest_differs", "not the likeliest",
        "Share of answers read that are not the likeliest option.",
        SURE, "share", "share", of_record=pl.col("choice") != pl.col("likeliest"), **_OPTIONS,
    ),
    *UNCERTAINTY_OF_SAMPLES,
    Measure(
        "calibration_gap", "calibration gap",
        "Mean confidence minus accuracy: above 0 the model is too sure of itself.",
        CALIBRATION, bounds=(-1, 1), margin=0.03, compared=True, band=True, column="gap",
        explained="confidence − accuracy, of answers that could be read",
        of_record=_CONFIDENCE - pl.col("outcome"), **_RIGHT,
    ),
    Measure(
        "brier", "Brier score",
        "Squared distance between the options' probabilities and the truth, summed over the "
        "options: 0 is perfect, 2 is sure and wrong.",
        CALIBRATION, better="lower", bounds=(0, 2), margin=0.03, compared=True, band=True,
        of_record=pl.when(_READ).then(_BRIER), **_RIGHT,
    ),
    Measure(
        "ece", "ECE",
        "Expected calibration error: the mean distance between confidence and accuracy over bins "
        "of confidence. It is above 0 even for a perfectly calibrated model, so read it beside "
        "the next line.",
        CALIBRATION, "round", "share", of_rounds=families.calibrated, **_RIGHT,
    ),
    Measure(
        "ece_expected", "ECE if calibrated",
        "The ECE that a perfectly calibrated model would show at these very confidences, with the "
        "range that holds 95 % of such results.",
        CALIBRATION, "round", "share", of_rounds=families.calibrated, **_RIGHT,
    ),
    Measure(
        "ece_excess", "ECE in excess",
        "ECE minus what a perfectly calibrated model would show.",
        CALIBRATION, "round", of_rounds=families.calibrated, **_RIGHT,
    ),
    Measure(
        "ece_debiased", "ECE, debiased",
        "Calibration error (root mean square) corrected for its bias.",
        CALIBRATION, "round", "share", of_rounds=families.calibrated, **_RIGHT,
    ),
    Measure(
        "auroc", "AUROC",
        "How well confidence tells right answers from wrong ones: the chance that a right one has "
        "the higher confidence. .5 is no better than guessing.",
        CALIBRATION, "round", "share", better="higher", bounds=(0, 1), compared=True,
        column="AUROC", explained="do right answers have the higher confidence",
        of_rounds=families.separated, difference=families.separation_difference, **_RIGHT,
    ),
    Measure(
        "calibration_gap_all", "gap, all answers", f"Calibration gap {_UNREAD_TOO}",
        CALIBRATION, bounds=(-1, 1),
        of_record=pl.when(_READ).then(pl.col("confidence")).otherwise(_CHANCE) - pl.col("outcome"),
        **_RIGHT,
    ),
    Measure(
        "brier_all", "Brier, all answers", f"Brier score {_UNREAD_TOO}",
        CALIBRATION, better="lower", bounds=(0, 2),
        of_record=pl.when(_READ).then(_BRIER).otherwise(1 - _CHANCE), **_RIGHT,
    ),
    Measure(
        "ece_all", "ECE, all answers", f"ECE {_UNREAD_TOO}",
        CALIBRATION, "round", "share", of_rounds=families.calibrated_all, **_RIGHT,
    ),
    Measure(
        "rce", "RCE",
        "Rank-calibration error: how far bins of equal entropy are from ranking by quality. It is "
        "above 0 even for a perfect ranking, so read it between the next two lines.",
        QUALITY, "round", "share", of_rounds=families.ranked, **_OPTIONS,
    ),
    Measure(
        "rce_shuffled", "RCE if shuffled",
        "The RCE where quality is shuffled over the entropies: nothing to rank.",
        QUALITY, "round", "share", of_rounds=families.ranked, **_OPTIONS,
    ),
    Measure(
        "rce_isotonic", "RCE if ranked",
        "The RCE where quality truly falls with entropy, as the best falling fit says.",
        QUALITY, "round", "share", of_rounds=families.ranked, **_OPTIONS,
    ),
    Measure(
        "spearman", "Spearman",
        "Rank correlation of entropy and quality (being right): −1 is what one hopes for.",
        QUALITY, "round", of_rounds=families.ranked, **_OPTIONS,
    ),
    Measure(
        "risk_coverage", "risk-coverage",
        "Area under the risk-coverage curve: the share wrong among the k surest answers, averaged "
        "over all k. Smaller is better.",
        QUALITY, "round", "share", of_rounds=families.ranked, **_OPTIONS,
    ),
    *QUALITY_OF_SAMPLES,
    Measure(
        "tokens", "tokens",
        "Mean tokens a dialogue that are read (not those it has cached) and generated: its cost.",
        COST, form="tokens", bounds=(0, inf), compared=True, column="tokens",
        explained="read and generated per dialogue, without what is cached",
        of_record=pl.col("encoded"),
    ),
    Measure(
        "encoded", "encoded",
        "Mean tokens a dialogue that went through the model, the generated ones among them.",
        COST, form="tokens", bounds=(0, inf), of_record=pl.col("encoded"),
    ),
    Measure(
        "generated", "generated", "Mean tokens a dialogue that were generated.",
        COST, form="tokens", bounds=(0, inf), of_record=pl.col("generated"),
    ),
    Measure(
        "reused", "reused", "Mean tokens a dialogue that were taken from the cache: nearly free.",
        COST, form="tokens", bounds=(0, inf), of_record=pl.col("reused"),
    ),
    Measure(
        "drafted", "drafted", "Mean tokens a dialogue that were guessed before being generated.",
        COST, form="tokens", bounds=(0, inf), of_record=pl.col("drafted"),
    ),
    *COST_OF_SAMPLES,
]  # fmt: skip


def measure_of(outcome: Outcome) -> Measure:
    """A task's outcome as the measure that a run is about."""
    better = "" if outcome == ACCURACY else f" {outcome.better.capitalize()} is better."
    return Measure(
        outcome.name,
        outcome.name.replace("_", " "),
        (outcome.text or f"Mean {outcome.name} of the answers.") + better,
        ANSWERS,
        outcome.kind,
        "share" if outcome.bounds == (0, 1) else "score",
        better=outcome.better,
        bounds=outcome.bounds,
        margin=outcome.margin,
        compared=True,
        band=True,
        of_record=pl.col("outcome"),
    )


def measures(
    outcome: Outcome = ACCURACY,
    options: bool = True,
    samples: bool = True,
    truth: bool = True,
    feedback: bool = True,
) -> list[Measure]:
    """The measures of a run: its outcome, then those that fit it.

    Args:
        outcome: of the task.
        options: whether its questions have options.
        samples: whether replies were drawn beside its answers.
        truth: whether the model was asked if they are right.
        feedback: whether its dialogues were given feedback.
    """
    right = outcome.kind == "share" and outcome.better == "higher" and options
    fits = {"": True, "right": right, "options": options, "samples": samples, "truth": truth}
    fits["feedback"] = feedback
    every = [measure_of(outcome), *(m for m in MEASURES if fits[_needed(m, outcome)])]
    names = [m.name for m in every]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"the outcome {name!r} has the name of another measure: rename it.")
    return every


def _needed(measure: Measure, outcome: Outcome) -> str:
    """What becomes of right answers needs no options, only that answers are right or wrong."""
    if measure.kind == "way" and outcome.kind == "share":
        return ""
    return measure.needs


def margins(
    outcome: Outcome, given: Mapping[str, float], options: bool = True, samples: bool = True
) -> dict[str, float]:
    """The margins of a run: each measure's own, unless another one is given.

    Args:
        outcome: of the task.
        given: measure → margin.
        options: whether its questions have options.
        samples: whether replies are drawn beside its answers.

    Raises:
        UserError: one is given for a measure that has none here, or isn't within its bounds.
    """
    every = measures(outcome, options, samples)
    known = {m.name: m for m in every if m.margin is not None}
    for name, margin in given.items():
        if name not in known:
            raise UserError(f"no margin can be set for {name!r} here: {nearest(name, known)}.")
        low, high = known[name].bounds
        if not 0 < margin < high - low:
            most = f" and below {high - low:g}" if high - low < inf else ""
            raise UserError(f"margins.{name} must be above 0{most}, not {margin:g}.")
    return {name: float(given.get(name, m.margin)) for name, m in known.items()}  # type: ignore[arg-type]
