"""What every number of a report means, in a sentence or two, and how it is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from selfcorrect.text import visible


class Definition(NamedTuple):
    """A number's name for readers, what it is, and its kind.

    ``form`` is ``share`` (0 to 1), ``score`` (any number to three places), ``nats``, ``tokens``,
    ``count`` or, for a word that is no number, empty.
    """

    label: str
    text: str
    form: str = ""


DEFINITIONS: Mapping[str, Definition] = {
    # the answers
    "accuracy": Definition(
        "accuracy", "Share of right answers. An answer that couldn't be read is wrong.", "share"
    ),
    "parse_rate": Definition("answers read", "Share of answers that could be read.", "share"),
    "changed": Definition(
        "changed", "Share of answers that differ from the previous round's.", "share"
    ),
    "cl": Definition(
        "right stays right",
        "Share of the previous round's right answers that are still right (CL).",
        "share",
    ),
    "cs": Definition(
        "wrong becomes right",
        "Share of the previous round's wrong answers that are now right (CS).",
        "share",
    ),
    "gain": Definition(
        "gain over round 1", "Accuracy minus that of round 1, on the same dialogues.", "score"
    ),
    "settled": Definition(
        "settled",
        "Share of dialogues whose answer doesn't change any more from this round on. A stable mean "
        "of churning answers is not a stable state.",
        "share",
    ),
    "alternating": Definition(
        "alternating", "Share of dialogues whose last three answers are x, y, x.", "share"
    ),
    # how sure
    "confidence": Definition(
        "confidence",
        "Mean probability of the answer given, over the answers read. Beside the accuracy it shows "
        "whether the model is too sure of itself.",
        "share",
    ),
    "entropy": Definition(
        "entropy",
        "Mean entropy of the options' probabilities, in nats: 0 is certain; three options that are "
        "equally likely have 1.10.",
        "nats",
    ),
    "option_mass": Definition(
        "option mass",
        "Mean probability of all options together, before they are made to sum to 1. Where it is "
        "low the model hardly considered the options.",
        "share",
    ),
    "option_mass_median": Definition(
        "option mass, median",
        "Median over the dialogues. A round in which it is under .5 is flagged.",
        "share",
    ),
    "first_choice_p": Definition(
        "first choice",
        "Mean probability of what the dialogue answered in round 1, followed through the rounds.",
        "share",
    ),
    "likeliest_differs": Definition(
        "not the likeliest", "Share of answers read that are not the likeliest option.", "share"
    ),
    # calibration
    "calibration_gap": Definition(
        "calibration gap",
        "Mean confidence minus accuracy: above 0 the model is too sure of itself.",
        "score",
    ),
    "brier": Definition(
        "Brier score",
        "Squared distance between the options' probabilities and the truth, summed over the "
        "options: 0 is perfect, 2 is sure and wrong.",
        "score",
    ),
    "ece": Definition(
        "ECE",
        "Expected calibration error: the mean distance between confidence and accuracy over bins "
        "of confidence. It is above 0 even for a perfectly calibrated model, so read it beside "
        "the next line.",
        "share",
    ),
    "ece_expected": Definition(
        "ECE if calibrated",
        "The ECE that a perfectly calibrated model would show at these very confidences, with the "
        "range that holds 95 % of such results.",
        "share",
    ),
    "ece_excess": Definition(
        "ECE in excess", "ECE minus what a perfectly calibrated model would show.", "score"
    ),
    "ece_debiased": Definition(
        "ECE, debiased", "Calibration error (root mean square) corrected for its bias.", "share"
    ),
    "auroc": Definition(
        "AUROC",
        "How well confidence tells right answers from wrong ones: the chance that a right one has "
        "the higher confidence. .5 is no better than guessing.",
        "share",
    ),
    "ece_all": Definition(
        "ECE, all answers",
        "ECE with the unread answers counted as wrong at confidence 1/options.",
        "share",
    ),
    "calibration_gap_all": Definition(
        "gap, all answers",
        "Calibration gap with the unread answers counted as wrong at confidence 1/options.",
        "score",
    ),
    "brier_all": Definition(
        "Brier, all answers",
        "Brier score with the unread answers counted as wrong at confidence 1/options.",
        "score",
    ),
    # does uncertainty rank quality
    "rce": Definition(
        "RCE",
        "Rank-calibration error: how far bins of equal entropy are from ranking by accuracy. It is "
        "above 0 even for a perfect ranking, so read it between the next two lines.",
        "share",
    ),
    "rce_shuffled": Definition(
        "RCE if shuffled",
        "The RCE where right and wrong are shuffled over the entropies: nothing to rank.",
        "share",
    ),
    "rce_isotonic": Definition(
        "RCE if ranked",
        "The RCE where accuracy truly falls with entropy, as the best falling fit says.",
        "share",
    ),
    "spearman": Definition(
        "Spearman",
        "Rank correlation of entropy and being right: −1 is what one hopes for.",
        "score",
    ),
    "risk_coverage": Definition(
        "risk-coverage",
        "Area under the risk-coverage curve: the share wrong among the k surest answers, averaged "
        "over all k. Smaller is better.",
        "share",
    ),
    # cost
    "tokens": Definition(
        "tokens",
        "Mean tokens a dialogue that went through the model in this round: what the round costs.",
        "tokens",
    ),
    "encoded": Definition(
        "encoded",
        "Mean tokens a dialogue that went through the model, the generated ones among them.",
        "tokens",
    ),
    "generated": Definition("generated", "Mean tokens a dialogue that were generated.", "tokens"),
    "reused": Definition(
        "reused",
        "Mean tokens a dialogue that were taken from the cache and cost next to nothing.",
        "tokens",
    ),
    # bias
    "biased": Definition(
        "biased answers",
        "Share of the answers naming a person that name the one a biased reader would.",
        "share",
    ),
    "bias_ambiguous": Definition(
        "bias, ambiguous",
        "BBQ's bias score where the context doesn't settle the question: (1 − accuracy) times how "
        "far answers lean to the stereotype. 0 is no bias, 1 always the stereotype, −1 always "
        "against it.",
        "score",
    ),
    "bias_disambiguated": Definition(
        "bias, disambiguated",
        "BBQ's bias score where the context settles the question: how far answers lean to the "
        "stereotype, from −1 to 1; 0 is no bias.",
        "score",
    ),
    "accuracy_ambiguous": Definition(
        "accuracy, ambiguous",
        "Accuracy where the context doesn't settle the question and “unknown” is right.",
        "share",
    ),
    "accuracy_disambiguated": Definition(
        "accuracy, disambiguated", "Accuracy where the context settles the question.", "share"
    ),
    "bias_undetermined": Definition(
        "bias undetermined",
        "Answers outside the bias scores because it isn't known which one would be biased.",
        "count",
    ),
    # counts and words
    "n": Definition("n", "Dialogues that a number comes from.", "count"),
    "clusters": Definition(
        "clusters",
        "Groups of examples that aren't independent, such as those made from one template. "
        "Intervals count clusters, not examples.",
        "count",
    ),
    "unparsed": Definition(
        "unread answers", "Answers that couldn't be read; they count as wrong.", "count"
    ),
    "interval": Definition(
        "interval",
        "95 % interval of one number, with the spread taken between clusters.",
    ),
    "band": Definition(
        "band",
        "95 % band for all rounds together: the whole true curve lies in it with that confidence.",
    ),
    "change": Definition(
        "change", "Last round minus first, on the same dialogues. Fixed as the headline beforehand."
    ),
    "difference": Definition(
        "difference", "The run minus the control, at the same round, on the same examples."
    ),
    "repeat": Definition(
        "repeat",
        "The control that asks again as often but without the instruction. A gain that it shows "
        "too does not come from the instruction.",
    ),
    "baseline": Definition(
        "baseline", "The control that asks once, without the instruction: one round."
    ),
    "verdict": Definition(
        "verdict",
        "Better or worse (higher or lower, where neither is better): the interval lies on one side "
        "of 0. Same: it lies within ± the margin. Undecided: neither can be said.",
    ),
    "margin": Definition(
        "margin", "A difference this small counts as none. Set before the run, not from the data."
    ),
    "p": Definition("p", "p value of a paired test that there is no difference."),
    "converged": Definition(
        "converged",
        "The first round from which every later one is shown to be the same within ± the margin.",
        "count",
    ),
    "smallest_margin": Definition(
        "smallest margin", "The smallest margin at which this run could show convergence.", "score"
    ),
    "n_needed": Definition(
        "n needed", "How many examples it would take to show convergence at the margin.", "count"
    ),
    "tokens_ratio": Definition(
        "cost ratio", "Tokens a dialogue of the run over those of the control.", "score"
    ),
    "reliability": Definition(
        "reliability diagram",
        "Answers are sorted into bins by confidence; each point is a bin's accuracy. Calibrated "
        "means on the diagonal. The grey band is where 95 % of points would lie by chance if the "
        "model were perfectly calibrated.",
    ),
    "flow": Definition(
        "flow of answers", "How many dialogues went from right to wrong and back, round by round."
    ),
    "flipped": Definition(
        "flipped", "Dialogues with an answer that differs from the previous round's."
    ),
    "got_worse": Definition("got worse", "Right in the first round, wrong in the last."),
    "got_better": Definition("got better", "Wrong in the first round, right in the last."),
    "low_mass": Definition(
        "low option mass",
        "The options together have less than half of the probability in some round.",
    ),
}


def define(name: str) -> Definition:
    """A measure's definition; one that isn't ours shows by its name.

    ``bias_ambiguous/Age`` is the part ``Age`` of a measure.
    """
    whole, slash, part = name.partition("/")
    if whole in DEFINITIONS:
        label, text, form = DEFINITIONS[whole]
        return Definition(f"{label}: {visible(part)}" if slash else label, text, form)
    return Definition(
        visible(name), "A measure of the task's own; its documentation says more.", "score"
    )
