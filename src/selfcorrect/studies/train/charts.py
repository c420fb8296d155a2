"""The charts of training: trained models as markers, references without training as lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.charts.traces import Trace, area
from selfcorrect.report.numbers import short
from selfcorrect.report.sheet import Chart
from selfcorrect.studies.charts import axes, line, markers

Result = Mapping[str, Any]

_DISTANCE = "1 − cos(prediction, W*x)"
_SEEN = "triples seen, n"
_REFERENCES = {
    "mean": ("@other", "dot"),
    "floor": ("@ink", "dash"),
    "descent": ("@outcome", "solid"),
    "exponential weights": ("@repeat", "dashdot"),
    "best copy": ("@confidence", "longdash"),
    "least squares": ("@baseline", "longdashdot"),
}
_SYMBOLS = ("circle", "diamond-open", "square-open", "triangle-up", "x", "cross", "star-open")
_COLOURS = ("@outcome", "@confidence", "@repeat", "@other", "@baseline", "@ink", "@soft")


def references(result: Result) -> Chart:
    """All curves over n on the original data, in one figure."""
    n = result["n"]
    of = result["references"]["original"]
    drawn = [line(name, n, of[name]["mean"], *style) for name, style in _REFERENCES.items()]
    formats = [arm for arm in result["arms"] if arm["preset"] == "formats"]
    for arm, symbol in zip(formats, _SYMBOLS, strict=False):
        drawn.append(_measured(f"trained, {arm['name']}", n, arm["curves"]["distance"], symbol))
    told = result["published"]
    for name, symbol in (("transformer", "star"), ("gradient descent", "hexagram-open")):
        points = told[name]["0"]
        at = [int(k) for k in points]
        drawn.append(markers(f"published {name}", at, list(points.values()), "@soft", symbol))
    return Chart(
        "references",
        "What the triples are used for",
        "Trained transformers lie on the curves of the floor and of descent; copying the best "
        "response and least squares lie far below.",
        drawn,
        axes(_SEEN, _DISTANCE, yaxis={"rangemode": "tozero"}),
        f"Lines: without training (means over {of['floor']['n']:,} contexts). Markers: trained "
        "here, with 95 % intervals over seeds, and published values.",
        "27rem",
    )


def budgets(arms: Sequence[Result], name: str, title: str) -> Chart:
    """The excess of each arm at each of its budgets, with its interval."""
    steps = arms[0]["budgets"]
    drawn = []
    for arm, colour, symbol in zip(arms, _COLOURS, _SYMBOLS, strict=False):
        found = arm["excess_at"]
        ends = None
        if all(each["low"] is not None for each in found):
            ends = ([each["low"] for each in found], [each["high"] for each in found])
        means = [each["mean"] for each in found]
        drawn.append(
            {**markers(arm["name"], steps, means, colour, symbol, ends=ends),
             "mode": "lines+markers"}
        )  # fmt: skip
    return Chart(
        name,
        title,
        "Excess after the last budget. "
        + "; ".join(f"{arm['name']}: {short(arm['excess_at'][-1]['mean'], 3)}" for arm in arms),
        drawn,
        axes(
            "steps",
            "excess over the floor, nats",
            xaxis={"type": "log", "tickvals": list(steps)},
            yaxis={"rangemode": "tozero"},
        ),
        f"Each arm at its own learning rate; 95 % intervals over {arms[0]['excess']['n']} seeds.",
        "24rem",
    )


def noise(result: Result, arm: Result) -> Chart:
    """Distance under reward noise, of one arm and of descent."""
    n, drawn = result["n"], []
    of = zip(arm["noise"].items(), _COLOURS, _SYMBOLS, strict=False)
    for (p, found), colour, symbol in of:
        low = result["noise"]["descent"][p]
        drawn.append(line(f"descent, p = {p}", n, low["mean"], colour))
        drawn.append(_measured(f"trained, p = {p}", n, found, symbol, colour))
    return Chart(
        "noise",
        "Reward noise",
        "The distance rises with the probability that a reward is replaced, for trained models and "
        "for descent alike.",
        drawn,
        axes(_SEEN, _DISTANCE, yaxis={"rangemode": "tozero"}),
        f"Lines: 50 steps of descent. Markers: {arm['name']}, with 95 % intervals over seeds. At "
        "test time each reward is replaced, with probability p, by a draw from U(0, 1).",
        "27rem",
    )


def squared(result: Result) -> Chart:
    """‖W‖ over steps of descent on the squared score."""
    found = result["squared"]
    drawn = []
    for (n, values), colour, symbol in zip(found["norm"].items(), _COLOURS, _SYMBOLS, strict=False):
        means = [e["mean"] for e in values]
        ends = ([e["low"] for e in values], [e["high"] for e in values])
        drawn.append(
            {**markers(f"n = {n}", found["steps"], means, colour, symbol, ends=ends),
             "mode": "lines+markers"}
        )  # fmt: skip
    return Chart(
        "squared",
        "With squared scores the norm grows without bound",
        "‖W‖ rises each time the number of steps is multiplied by four, for each n.",
        drawn,
        axes("steps of gradient descent", "‖W‖", xaxis={"type": "log"}),
        f"Means over {found['contexts']} contexts with 95 % intervals; from W = 0.",
    )


def curves(result: Result, arms: Sequence[Result], name: str, title: str) -> Chart:
    """The distance of several arms over n, beside descent."""
    n = result["n"]
    kind = arms[0]["kind"]
    drawn = [line("descent", n, result["references"][kind]["descent"]["mean"], "@ink", "dash")]
    for arm, colour, symbol in zip(arms, _COLOURS, _SYMBOLS, strict=False):
        drawn += [
            *_band(n, arm["curves"]["distance"], colour),
            _measured(arm["name"], n, arm["curves"]["distance"], symbol, colour, joined=True),
        ]
    return Chart(
        name,
        title,
        "; ".join(f"{a['name']}: {short(a['curves']['distance']['mean'][-1])}" for a in arms),
        drawn,
        axes(_SEEN, _DISTANCE, yaxis={"rangemode": "tozero"}),
        "Markers: trained, with 95 % intervals over seeds. Dashed line: descent, without training.",
    )


def _measured(
    name: str,
    n: Sequence[int],
    found: Result,
    symbol: str,
    colour: str = "@outcome",
    *,
    joined: bool = False,
) -> Trace:
    ends = None if found["low"] is None else (found["low"], found["high"])
    trace = markers(name, n, found["mean"], colour, symbol, ends=ends)
    return {**trace, "mode": "lines+markers"} if joined else trace


def _band(n: Sequence[int], found: Result, colour: str) -> list[Trace]:
    if found["low"] is None:
        return []
    return [area(n, found["low"], found["high"], f"{colour}/12")]
