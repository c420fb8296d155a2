"""What every number of a report means, in a sentence or two, and how it is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from selfcorrect.measures.catalogue import MEASURES
from selfcorrect.measures.measure import CALIBRATION, QUALITY, Measure
from selfcorrect.report.estimates import LEAK_FREE
from selfcorrect.text import visible


class Definition(NamedTuple):
    """A number's name for readers, what it is, and its kind.

    ``form`` is ``share`` (of answers or dialogues, or a probability: in percent), ``index`` (0 to
    1, but nobody says percent: AUROC), ``score`` (any number to three places, from ten on to one),
    ``nats``, ``tokens``, ``count`` or, for a word that is no number, empty.
    """

    label: str
    text: str
    form: str = ""


#: Of those below, differences: with their sign.
SIGNED = frozenset({"gain", "leak_free_gain"})
#: What isn't a measure of one round: numbers between rounds, counts, and words.
WORDS: Mapping[str, Definition] = {
    "gain": Definition(
        "gain over round 1",
        "The outcome minus that of round 1, on the same dialogues.",
        "score",
    ),
    "leak_free": Definition(
        "no answer named",
        "The outcome over the dialogues in which no feedback named an answer up to this round, "
        "right or wrong. Chosen by the right one alone, they would be those that were wrong: "
        "feedback that repeats the response leaks only where that is right. Even so they are "
        "chosen by what feedback said, after the first answers, so no interval is given.",
        "score",
    ),
    "leak_free_gain": Definition(
        "gain, no answer named",
        "The outcome minus that of round 1, on the same dialogues: those in which no feedback "
        "has named an answer, right or wrong, so far. A description, and no effect: a critic who "
        "names answers more readily where they are right, or wrong, leaves such a gain, or loss, "
        "of dialogues in which feedback does nothing.",
        "score",
    ),
    "alternating": Definition(
        "alternating", "Share of dialogues whose last three answers are x, y, x.", "share"
    ),
    "option_mass_median": Definition(
        "option mass, median",
        "Median over the dialogues. A round in which it is under .5 is flagged.",
        "share",
    ),
    # counts and words
    "n": Definition("n", "Dialogues that a number comes from.", "count"),
    "clusters": Definition(
        "clusters",
        "Groups of examples that aren't independent, such as those made from one template. "
        "Intervals count clusters, not examples. G* is how many clusters of one size would tell as "
        "much as these; under 5 no direction is named.",
        "count",
    ),
    "unparsed": Definition(
        "unread answers", "Answers that couldn't be read; they count as wrong.", "count"
    ),
    "interval": Definition(
        "interval",
        "95 % interval of one number, with the spread taken between clusters. It isn't corrected "
        "for there being many numbers, rounds and looks.",
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
        "of 0. Same: it lies within ± the margin. Undecided: neither can be said, or what unread "
        "answers are counted as would decide it, or the round before says something else. The "
        "interval is wider than 95 %, so that a run may be made larger and looked at again.",
    ),
    "decides": Definition(
        "decides",
        "The interval that the verdict goes by: wider than 95 %, so that a run may be made larger "
        "and looked at again.",
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
    "activation": Definition(
        "activation",
        "How far a hidden state lies along a concept's direction: their cosine in the standardised "
        "space that the concept was trained in.",
        "score",
    ),
    "activation_map": Definition(
        "activation by layer and round",
        "Each field is the mean over examples of the activation in the run minus that in the "
        "control, in the same round and on the same examples; without a control, minus the run's "
        "own round 1. The tables have another number: of the chosen layer, minus the control's "
        "mean of round 1 in every round. Intervals and n stand at the fields.",
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


#: The same words where an answer isn't right or wrong but has a number.
_OF_NUMBERS: Mapping[str, Definition] = {
    "unparsed": Definition("unread answers", "Answers that couldn't be read.", "count"),
    "flow": Definition("flow of answers", "How many dialogues got better or worse, by round."),
    "got_worse": Definition("got worse", "Worse in the last round than in the first."),
    "got_better": Definition("got better", "Better in the last round than in the first."),
}
#: Words that are about right and wrong answers only.
_OF_RIGHT = ("reliability", "low_mass", "option_mass_median")
Define = Callable[[str], Definition]


def words(summary: Mapping[str, Any]) -> dict[str, Definition]:
    """The words that a page of this summary needs."""
    unread = () if summary.get("activations") else ("activation", "activation_map")
    every = {n: d for n, d in WORDS.items() if n not in unread}
    if not any(row.get("leak_free") for row in summary.get("rounds", ())):
        every = {n: d for n, d in every.items() if n not in LEAK_FREE}
    if summary["outcome"]["kind"] == "share":  # in percent and points, as the outcome is
        shares = {name: every[name]._replace(form="share") for name in ("gain", *LEAK_FREE)
                  if name in every}  # fmt: skip
        return {**every, **shares}
    return {name: d for name, d in {**every, **_OF_NUMBERS}.items() if name not in _OF_RIGHT}


def definer(summary: Mapping[str, Any]) -> Define:
    """What every number of a summary means; the task's own are defined by the task.

    ``bias_ambiguous/Age`` is the part ``Age`` of a measure; a number that nobody defines shows by
    its name.
    """
    known = {m.name: Definition(m.label, m.text, _form(m)) for m in MEASURES}
    known.update(words(summary))
    for name, term in (summary.get("own") or {}).items():
        known[name] = Definition(
            visible(str(term.get("label") or name)),
            visible(str(term.get("text") or _UNKNOWN)),
            str(term.get("form") or "score"),
        )

    def define(name: str) -> Definition:
        whole, slash, part = name.partition("/")
        if whole in known:
            label, text, form = known[whole]
            return Definition(f"{label}: {visible(part)}" if slash else label, text, form)
        return Definition(visible(name), _UNKNOWN, "score")

    return define


def _form(measure: Measure) -> str:
    indices = measure.group in (CALIBRATION, QUALITY) and measure.form == "share"
    return "index" if indices else measure.form


_UNKNOWN = "A measure of the task's own; its documentation says more."
