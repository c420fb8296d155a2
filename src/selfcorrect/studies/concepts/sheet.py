"""Latent concepts as a sheet: what the account predicts, and what was measured of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.numbers import count, percent
from selfcorrect.report.sheet import Chart, Section, Sheet
from selfcorrect.studies.concepts import charts
from selfcorrect.studies.concepts.tables import LEAST, concepts, ends, laws, number

QUESTION = "If a model infers a hidden concept from repeated instructions, what follows?"

Result = Mapping[str, Any]
Law = Mapping[str, Any]


_MODEL = (
    "Suppose that text comes from a concept C, which gives every token y a probability p(y | C), "
    "and that the model doesn't know which. After a history h it believes p(C | h), by Bayes' "
    "rule, and predicts p(y | h) = Σ_C p(C | h) p(y | C). Every round of a dialogue brings an "
    "instruction of m tokens drawn from one concept, C+, the same each time.",
    "How far it is from certain is ε_t = 1 − p(C+ | h_t). The account of self-correction says that "
    "repeating an instruction makes ε fall, and with it the model's uncertainty and its "
    "calibration error. Here that is computed rather than argued.",
    "Two ways lead to every number. A history matters only through how often each token occurred, "
    "so all histories can be enumerated, with exact probabilities; and paths are sampled with a "
    "seeded generator, as one would measure a model. Divergences are in nats: KL(p‖q) = Σ p "
    "log(p/q), D(+‖−) = KL(p₊‖p₋), and the Chernoff information is max_s −log Σ p^(1−s) q^s.",
)
_RATES = (
    "On a typical path log ε is a sum of independent terms, one a token, with mean −KL. So "
    "−(1/t) log ε_t → m · min_C KL(C+‖C): the nearest rival decides.",
    "The mean of ε is another matter. It is ruled by the few paths on which, after t rounds, C+ "
    "and a rival are still level, and those are e^(−Chernoff · t) rare: E[ε_t] ≈ A t^(−1/2) "
    "exp(−t · m · min_C Chernoff). Quoting KL alone overstates how fast the average falls.",
    "That rate is measured as the fall of log(√t E[ε]) between the half of the horizon and its "
    "end, so that the prefactor is removed and A cancels; what is left is of the order 1/t². Late "
    "values of E[ε] can't be sampled plainly, as no path in millions is level: nine tenths of the "
    "paths are drawn from p₊^(1−s) p₋^s, where level paths are common, and weighted back. A is the "
    "saddle-point constant; it holds where log-likelihood ratios lie on no lattice.",
)
_PATHWISE = (
    "Once one rival is left, p_t = (1 − ε) p₊ + ε p₋. So its total variation from p₊ is "
    "ε · TV(p₋, p₊), and for small ε its entropy is off its limit by ε · (cross-entropy(p₋, p₊) − "
    "H(p₊)). That may be negative: entropy then nears its limit from below. It holds path by path, "
    "if C+ gives every token of its rival some probability; if not, entropy falls as ε log ε. The "
    "mean of the distance falls at the rate of E[ε], for the same rare paths rule it.",
)
_CALIBRATION = (
    "After each round the model names the token it finds likeliest. Its confidence is the "
    "probability it gives that token, its accuracy the probability that C+ does. Both are known, "
    "so |confidence − accuracy| can be averaged over histories. That is not ECE, which averages "
    "signed gaps within bins of confidence first: where over- and underconfident histories share a "
    "bin they cancel, and when they part, ECE rises though histories are better calibrated on "
    "average.",
    "If the concept is drawn from the prior that the model has, instead of being C+ always, its "
    "calibration error is nil in every round, before the first one too. So the fall of the "
    "calibration error is no merit of more rounds: it comes from looking at C+ only, about which "
    "the model was not told at first.",
)
_NOISE = (
    "Let a round's instruction be a wrong one, drawn from C−, with probability q. The log-odds of "
    "C+ then drift by m[(1−q) D(+‖−) − q D(−‖+)] a round. Below q* = D(+‖−) / (D(+‖−) + D(−‖+)) "
    "C+ wins in the end, above it C−; and at q* the log-odds are a random walk without a drift, "
    "which settles nowhere: half of the paths lean either way at any late time.",
)
_ANSWERS = (
    "Now the model reads its own answers, drawn from its own prediction. For any history, "
    "E[p(C+ | h, y)] = Σ_y p(y | h) · p(C+ | h) p(y | C+) / p(y | h) = p(C+ | h): on average an "
    "answer changes nothing (the posterior is a martingale). It moves all the same, and ends at 0 "
    "or 1; as its mean can't move, a share of paths equal to the prior ends at C+, the rest at the "
    "wrong concept, all of them sure. Growing sure is no sign of being right.",
    "An instruction from C+ breaks this: E[p(C+)] rises. With answers between the instructions it "
    "rises more slowly, since paths that have locked onto the wrong concept go on confirming it. "
    "In this sense a consistent instruction, not the dialogue, drives convergence.",
)
_MARKOV = (
    "Concepts needn't draw tokens independently. Here both are hidden Markov models that begin "
    "anew with every instruction, so that an instruction is one symbol out of all strings of m "
    "tokens, and KL is that of strings. Both say each token equally often, which makes single "
    "tokens worthless; the order tells them apart. The forward algorithm gives the likelihoods.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what :func:`selfcorrect.theory.concepts.concepts` returns."""
    settings, curves = result["settings"], result["curves"]
    return Sheet(
        title="Latent concepts",
        question=QUESTION,
        findings=_findings(result),
        sections=[
            Section("The model", _MODEL, [concepts(result)]),
            Section("Two rates", _RATES, [
                *_drawn(curves, "typical", charts.typical),
                *_drawn(curves, "mean", charts.average),
                laws(result, "Rates", "typical", "mean_rate", "mean_constant", "ratio"),
            ]),
            Section("Entropy and total variation", _PATHWISE, [
                *_drawn(curves, "pathwise", charts.pathwise),
                laws(result, "Path by path, and on average", "entropy", "variation"),
            ]),
            Section("Calibration", _CALIBRATION, [
                *_calibration(curves), laws(result, "Calibration error", "distance", "ece")
            ]),
            Section("Wrong instructions", _NOISE, [
                *_noise(curves), laws(result, "Drift and threshold", "noise")
            ]),
            Section("The model's own answers", _ANSWERS, [
                *_drawn(curves, "answers", charts.answers),
                *_drawn(curves, "locked", charts.locked),
                laws(result, "Where answers lead", "answers"),
            ]),
            Section("Hidden-Markov concepts", _MARKOV, [
                *_drawn(curves, "lengths", charts.lengths),
                *_drawn(curves, "markov", charts.markov),
                laws(result, "Rates of instructions", "markov"),
            ]),
            Section("Exact beside sampled", _agreement(result), [
                *([charts.scores(result["comparisons"])] if result["comparisons"] else [])
            ]),
        ],
        settings={
            "rounds": str(settings["rounds"]),
            "rounds for rates": str(settings["horizon"]),
            "paths": f"{settings['paths']:,}",
            "tokens a round": str(settings["tokens"]),
            "seed": str(settings["seed"]),
        },
    )  # fmt: skip


def _drawn(curves: Mapping[str, Any], name: str, chart: Any) -> list[Chart]:
    """The chart of a curve, where there is one."""
    return [chart(curves[name])] if name in curves else []


def _calibration(curves: Mapping[str, Any]) -> list[Chart]:
    c = curves["calibration"]
    return [
        charts.calibration(c["fixed"], c["n"], fixed=True),
        charts.calibration(c["drawn"], c["n"], fixed=False),
    ]


def _noise(curves: Mapping[str, Any]) -> list[Chart]:
    if "noise" not in curves:
        return []
    return [charts.drift(curves["noise"]), charts.sides(curves["sides"], curves["noise"]["n"])]


# --- in words ------------------------------------------------------------------------------------


def _findings(result: Result) -> list[str]:
    found = {law["name"]: law for law in result["laws"]}
    told = result["told_apart"]
    first = [] if told["value"] else [f"Not told apart: {told['why']}."]
    return [*first, *_speed(found), *_calibrated(result, found), *_driven(found),
            _checked(result)]  # fmt: skip


def _speed(found: Mapping[str, Law]) -> list[str]:
    ratio = found["ratio"]
    if ratio["measured"] is None:
        return [f"No two rates to compare: {ratio['why']}."]
    typical, mean = found["typical_rate"], found["mean_rate"]
    return [
        f"The average of ε falls {ratio['measured']:.1f} times as slowly as ε on a typical path: "
        f"{ends(mean)} nats a round (predicted: {number(mean['predicted'])}), against "
        f"{ends(typical)} ({number(typical['predicted'])}); {typical['n']:,} paths."
    ]


def _calibrated(result: Result, found: Mapping[str, Law]) -> list[str]:
    rises, ece = int(found["distance_rises"]["measured"]), int(found["ece_rises"]["measured"])
    rounds = count(len(result["curves"]["calibration"]["fixed"]) - 1, "round")
    falls = (
        f"E|confidence − accuracy| rises in {rises} of {rounds}, against the theory"
        if rises
        else f"E|confidence − accuracy| falls in every one of {rounds}"
    )
    risen = f"ECE rises in {ece}" if ece else "ECE falls in every one as well"
    if "ece_rise" in found:
        most = found["ece_rise"]
        risen += (
            f", most by {number(most['predicted'])} enumerated and {ends(most)} sampled"
            f" ({most['n']:,} paths)"
        )
    return [
        f"{falls}; {risen}.",
        "With the concept drawn from the prior the calibration error is nil in every round: "
        f"{number(found['ece_prior']['measured'])} at most, which is rounding.",
    ]


def _driven(found: Mapping[str, Law]) -> list[str]:
    star, both = found["noise_threshold"], found["answers_and_instructions"]
    still, locked = found["answers_martingale_exact"], found["answers_locked"]
    said = []
    if star["measured"] is None:
        said.append(f"No threshold for wrong instructions: {star['why']}.")
    else:
        said.append(
            f"The posterior bears wrong instructions up to a share of {ends(star)} (predicted: "
            f"{number(star['predicted'])}); at that share it has no direction."
        )
    settled = "" if locked["measured"] is None else (
        ", and a share of paths equal to the prior ends sure of C+, the others sure of the wrong "
        "concept"
    )  # fmt: skip
    said.append(
        "The model's own answers carry no information: E[p(C+)] stays at the prior (off by "
        f"{number(still['measured'])} at most){settled}."
    )
    if both["measured"] is not None and locked["measured"] is not None:
        change = "slow" if both["alone"] - both["predicted"] > LEAST else "don't slow"
        said.append(
            f"Between instructions they {change} the rise of E[p(C+)]: it reaches "
            f"{number(both['predicted'])}, and {number(both['alone'])} without them."
        )
    return said


def _checked(result: Result) -> str:
    agreement, rates = result["agreement"], result["rates"]
    if not agreement["compared"]:
        return "No sampled mean could be compared with an exact one."
    within, compared = agreement["within_3"], agreement["compared"]
    all_of_them = "all" if within == compared else f"{within} of"
    rate = (
        "no rate was measured"
        if not rates["compared"]
        else f"{rates['within_2_percent']} of {rates['compared']} measured rates lie within 2 % of "
        f"the predicted ones (the farthest is {percent(rates['largest_relative_error'], 2)} % off)"
    )
    return (
        f"Of sampled means {all_of_them} {compared} lie within 3 standard errors of the exact ones "
        f"(largest |z| {agreement['largest_z']:.2f}); {rate}."
    )


def _agreement(result: Result) -> list[str]:
    a = result["agreement"]
    text = [
        "How to read the tables above. Where n is missing, all histories were enumerated, and "
        "nothing varies but rounding. The last column is relative to what was predicted; for "
        "drifts, to the drift without wrong instructions, as one of them is 0; for shares and "
        "errors predicted as 0, absolute. Most predictions are limits, neared as rounds go by, so "
        "an interval need not hold them: what is measured at a finite round is off by a bias that "
        "no number of paths removes.",
    ]
    if not a["compared"]:
        return text
    return [
        *text,
        f"At every round that can be enumerated the sampled means were compared with the exact "
        f"ones, {a['compared']} of them, each in exact standard errors (z). Where so few paths "
        "carry a mean that z would be no normal number, there is no comparison. If all is right, z "
        f"is normal: of so many, {a['expected_beyond_3']:.1f} are expected beyond 3, and the "
        f"largest |z| of independent ones has the median {a['usual_largest']:.2f}. These share "
        "paths from round to round, so they are worth fewer than their number, and their largest "
        f"tends to be smaller. Here it is {a['largest_z']:.2f}; {a['within_3']} are within 3.",
    ]
