"""The charts of latent concepts: theory as lines, samples as markers with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.charts.traces import area
from selfcorrect.report.sheet import Chart
from selfcorrect.studies.charts import axes, line, markers

Curves = Mapping[str, Any]

_BARS = "Lines: theory or enumeration of all histories. Markers: sampled paths, with 95 % intervals"


_LOG = {"type": "log", "exponentformat": "power"}


def typical(c: Curves) -> Chart:
    """−(1/t) log ε_t over rounds."""
    t, n = c["round"], c["n"]
    exact = [(a, b) for a, b in zip(t, c["exact"], strict=True) if b is not None]
    return Chart(
        "typical",
        "The typical rate",
        f"−(1/t) log ε falls or rises to {c['predicted']:.3f} over {t[-1]} rounds.",
        [
            area(t, c["tenth"], c["ninetieth"], "@outcome/15"),
            line("limit: m · min KL", [t[0], t[-1]], [c["predicted"]] * 2, "@baseline", "dash"),
            line("mean, enumerated", *_columns(exact), "@outcome"),
            markers("mean, sampled", t, c["mean"], "@outcome", "circle",
                    ends=(c["low"], c["high"])),
            markers("median, sampled", t, c["median"], "@confidence", "diamond-open"),
        ],
        axes("round t", "−(1/t) log ε, nats a round", xaxis={"type": "log"}),
        f"{_BARS}, {n:,} paths; the band holds 80 % of them.",
    )  # fmt: skip


def average(c: Curves) -> Chart:
    """E[ε_t] over rounds, on a log scale, with both rates."""
    t, rate, a = c["round"], c["rate"], c["constant"]
    every = list(range(1, t[-1] + 1))
    traces = [line("enumerated", c["exact_round"], c["exact"], "@outcome")]
    if a is not None:
        y = [a / math.sqrt(u) * math.exp(-rate * u) for u in every]
        traces.append(line("A t^(−1/2) exp(−Chernoff · t)", every, y, "@other", "dash"))
    if c["typical_rate"] is not None:
        y = [math.exp(-c["typical_rate"] * u) for u in every]
        shown = [(u, b) for u, b in zip(every, y, strict=True) if b > min(c["sampled"]) / 100]
        traces.append(line("exp(−KL · t), the typical path", *_columns(shown), "@baseline", "dot"))
    traces.append(markers("sampled", t, c["sampled"], "@confidence", "circle", c["error"]))
    return Chart(
        "mean",
        "The mean falls more slowly",
        "E[ε] over rounds, on a log scale, lies far above exp(−KL · t) and on the curve with the "
        "Chernoff rate.",
        traces,
        axes("round t", "E[ε]", yaxis=_LOG),
        f"{_BARS}, {c['n']:,} paths weighted by importance. Straight lines are exponentials.",
    )


def pathwise(c: Curves) -> Chart:
    """Entropy's distance from its limit and total variation against ε, path by path."""
    x = c["epsilon"]
    traces = [line("theory, for small ε", [min(x), max(x)], [1, 1], "@baseline", "dash")]
    kinds = [("variation", "TV(p_t, p₊) ÷ ε TV(p₋, p₊)", "@confidence", "diamond-open")]
    if c["entropy_slope"]:
        name = "|H(p_t) − H(p₊)| ÷ ε |cross-entropy − H(p₊)|"
        kinds = [("entropy", name, "@outcome", "circle"), *kinds]
    for kind, name, colour, symbol in kinds:
        ratio = [y / (e * c[f"{kind}_slope"]) for y, e in zip(c[kind], x, strict=True)]
        traces.append(markers(name, x, ratio, colour, symbol))
    return Chart(
        "pathwise",
        "Entropy and total variation, relative to ε",
        "Measured divided by predicted distance: 1 where ε is small, different where it is large.",
        traces,
        axes("ε of a path after some round", "measured ÷ predicted", xaxis=_LOG),
        f"Line: theory for one remaining rival. Markers: {c['paths']} sampled paths after several "
        "rounds; no bars, as each marker is a single path.",
    )


def calibration(rows: Sequence[Curves], n: int, *, fixed: bool) -> Chart:
    """E|confidence − accuracy| and ECE over rounds."""
    t, later = [row["round"] for row in rows], rows[1:]
    at = [row["round"] for row in later]

    def of(name: str) -> list[float]:
        return [row[name] for row in later]

    exact = {name: [row[name] for row in rows] for name in ("distance", "ece")}
    band = [] if fixed else [area(at, of("null_low"), of("null_high"), "@confidence/20")]
    traces = [
        *band,
        line("ECE, enumerated", t, exact["ece"], "@confidence", "dash"),
        markers("ECE, sampled", at, of("sampled_ece"), "@confidence", "diamond-open",
                of("ece_error") if fixed else None),
    ]  # fmt: skip
    if fixed:
        traces = [
            line("E|confidence − accuracy|, enumerated", t, exact["distance"], "@outcome"),
            markers("the same, sampled", at, of("sampled_distance"), "@outcome", "circle",
                    of("distance_error")),
            *traces,
        ]  # fmt: skip
    note = (
        "ECE has ten bins; its bars are valid where no gap of a bin is near 0"
        if fixed
        else "A sampled ECE is never 0: the band contains 95 % of its values under perfect "
        "calibration at these confidences, so there are no bars"
    )
    return Chart(
        f"calibration-{'fixed' if fixed else 'prior'}",
        "Calibration, instructions from C+" if fixed else "Calibration, concept from the prior",
        "Calibration error over rounds."
        if fixed
        else "The enumerated ECE is 0 in every round, the sampled one within its band.",
        traces,
        axes("round", "calibration error", xaxis={"dtick": max(1, len(t) // 10)}),
        f"{_BARS if fixed else 'Line: enumeration. Markers: sampled paths'}, {n:,} paths. {note}.",
    )


def drift(c: Curves) -> Chart:
    """Drift of the log-odds against the share of wrong instructions."""
    return Chart(
        "drift",
        "Wrong instructions",
        f"The drift falls in a straight line and is 0 at q* = {c['threshold']:.3f}.",
        [
            line("m[(1−q) D(+‖−) − q D(−‖+)]", c["wrong"], c["predicted"], "@outcome"),
            markers("sampled", c["wrong"], c["measured"], "@confidence", "circle", c["error"]),
            line("q*", [c["threshold"]] * 2, [min(c["predicted"]), max(c["predicted"])],
                 "@baseline", "dash"),
        ],
        axes("share q of wrong instructions", "drift of the log-odds, nats a round"),
        f"{_BARS}, {c['n']:,} paths for each q; most bars are smaller than their markers.",
    )  # fmt: skip


def sides(c: Mapping[str, Curves], n: int) -> Chart:
    """E[p(C+)] over rounds below, at and above the threshold."""
    look = {"below": ("@outcome", "solid", "circle"), "at": ("@baseline", "dash", "square-open"),
            "above": ("@other", "dot", "diamond")}  # fmt: skip
    traces = []
    for side, (colour, dash, symbol) in look.items():
        mine, every = c[side], slice(0, None, max(1, len(c[side]["round"]) // 14))
        name = f"{side} q*: q = {mine['wrong']:.3f}"
        t, y, error = (mine[what][every] for what in ("round", "sampled", "error"))
        traces += [
            line(name, mine["round"], mine["exact"], colour, dash),
            markers(f"{name}, sampled", t, y, colour, symbol, error),
        ]
    return Chart(
        "sides",
        "Below, at and above the threshold",
        "The mean posterior rises to 1 below q*, falls to 0 above, and stays near its start at q*.",
        traces,
        axes("round", "E[p(C+ | h)]", yaxis={"range": [-0.02, 1.02]}),
        f"{_BARS}, {n:,} paths for each q.",
    )


def answers(c: Mapping[str, Curves]) -> Chart:
    """E[p(C+)] with instructions, answers, both."""
    look = {"instructions": ("@outcome", "solid", "circle"),
            "both": ("@confidence", "dash", "diamond-open"),
            "answers": ("@repeat", "dot", "square")}  # fmt: skip
    names = {"instructions": "instructions alone", "both": "instructions and own answers",
             "answers": "own answers alone"}  # fmt: skip
    traces = []
    for kind, (colour, dash, symbol) in look.items():
        if kind in c:
            mine = c[kind]
            sampled = (mine["round"], mine["sampled"], colour, symbol, mine["error"])
            traces += [
                line(names[kind], mine["round"], mine["exact"], colour, dash),
                markers(f"{names[kind]}, sampled", *sampled),
            ]
    n = c["answers"]["n"]
    return Chart(
        "answers",
        "Own answers carry no information",
        "The mean posterior stays at the prior with own answers alone and rises with instructions.",
        traces,
        axes("round", "E[p(C+ | h)]", xaxis={"tickformat": "d"}),
        f"{_BARS}, {n:,} paths each.",
    )


def between(c: Curves) -> Chart:
    """E[p(C+)] with answers minus without, in two examples."""
    drawn = []
    for each, colour, dash in zip(
        c["examples"], ("@outcome", "@confidence"), ("solid", "dash"), strict=True
    ):
        name = f"p₊ = {_row(each['p'][0])}, p₋ = {_row(each['p'][1])}, prior {each['prior']:g}"
        drawn.append(line(name, c["round"], each["apart"], colour, dash))
    last = ", ".join(f"{each['apart'][-1]:+.4f}" for each in c["examples"])
    return Chart(
        "between",
        "Answers between instructions may slow or hasten",
        f"The difference is below 0 in one example and above in the other; at the end {last}.",
        drawn,
        axes("round t", "E[p(C+)] with answers − without"),
        "Enumerated; instructions and answers of one token.",
    )


def entropy_rounds(c: Mapping[str, Curves]) -> Chart:
    """The entropy's distance from its limit divided by ρ^t, in both cases, with its bounds."""
    drawn = []
    for (case, of), colour in zip(c.items(), ("@outcome", "@confidence"), strict=True):
        t = of["round"]
        drawn += [
            area(t, of["low"], of["high"], f"{colour}/15"),
            markers(f"{case}: falls as {of['by']}", t, of["away"], colour, "circle"),
        ]
    return Chart(
        "entropy-rounds",
        "Entropy under a repeated instruction",
        "Divided by ρ^t, the distance of the entropy from its limit stays constant where p₊ covers "
        "p₋, and rises along a line where it doesn't.",
        drawn,
        axes("round t", "(H(p_t) − H(p₊)) ÷ ρ^t, nats"),
        "Markers: computed. Bands: the bounds. "
        + "; ".join(f"{case}: ρ = {of['ratio']:.3g}" for case, of in c.items())
        + ".",
    )


def _row(p: Sequence[float]) -> str:
    return f"({', '.join(f'{x:g}'.removeprefix('0') for x in p)})"


def locked(c: Curves) -> Chart:
    """The share of paths that end at C+ against the prior."""
    return Chart(
        "locked",
        "Where the model's own answers lead",
        "The share of paths that end at C+ equals the prior.",
        [
            line("share = prior", [0, 1], [0, 1], "@outcome"),
            markers("sampled", c["prior"], c["share"], "@confidence", "circle",
                    ends=(c["low"], c["high"])),
        ],
        axes("prior p(C+)", f"share that believe C+ after {c['rounds']} rounds"),
        f"Line: theory. Markers: {c['n']:,} paths each, with Wilson's 95 % intervals, smaller than "
        "most markers.",
    )  # fmt: skip


def lengths(c: Curves) -> Chart:
    """KL per token against the length of an instruction."""
    m = c["length"]
    return Chart(
        "lengths",
        "Order carries the information, not frequency",
        "The divergence per token is 0 for one token and rises with the length of the instruction.",
        [
            line("KL / m, all strings", m, c["exact"], "@outcome"),
            markers("forward algorithm on drawn strings", m, c["sampled"], "@confidence", "circle",
                    c["error"]),
        ],
        axes("tokens m of an instruction", "KL, nats per token", xaxis={"dtick": 1}),
        f"{_BARS}, {c['n']:,} strings for each length.",
    )  # fmt: skip


def markov(c: Curves) -> Chart:
    """E[ε_t] of the hidden-Markov concepts."""
    return Chart(
        "markov",
        "Hidden-Markov concepts",
        "The mean of ε over rounds, enumerated and sampled: they agree.",
        [
            line("enumerated over instructions", c["round"], c["exact"], "@outcome"),
            markers("sampled through hidden states", c["round"], c["sampled"], "@confidence",
                    "circle", c["error"]),
        ],
        axes("round", "E[ε]", xaxis={"dtick": 1}, yaxis={"rangemode": "tozero"}),
        f"{_BARS}, {c['n']:,} paths, instructions of {c['length']} tokens.",
    )  # fmt: skip


def scores(comparisons: Sequence[Curves]) -> Chart:
    """Sorted z-scores against those expected of independent ones."""
    z = sorted(abs(each["z"]) for each in comparisons)
    expected = [_half_normal((k + 0.5) / len(z)) for k in range(len(z))]
    top = max(3.5, z[-1])
    return Chart(
        "scores",
        "Exact and sampled means",
        f"Sorted sizes of {len(z)} z-scores against those of a normal; the largest is {z[-1]:.2f}.",
        [
            line("standard normal", [0, top], [0, top], "@baseline", "dash"),
            line("3 standard errors", [0, top], [3, 3], "@other", "dot"),
            markers("|z|", expected, z, "@outcome", "circle-open"),
        ],
        axes("|z| expected of so many independent ones", "|z|"),
        "Each marker is a sampled mean minus the exact one, in exact standard errors.",
    )


def _half_normal(share: float) -> float:
    """The quantile of |z|, by bisection of erf."""
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if math.erf(middle / math.sqrt(2)) < share else (low, middle)
    return low


def _columns(rows: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [a for a, _ in rows], [b for _, b in rows]
