"""The laws of the constructions' errors, predicted and measured, as tables and charts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.charts.traces import Trace, error_bars
from selfcorrect.report.numbers import interval, percent, short
from selfcorrect.report.sheet import Chart, Table

Result = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

#: The largest error that counts as exact.
WANTED = 1e-12
#: Smaller predictions are below rounding, and aren't drawn.
_LEAST = 1e-17


def parts(laws: Result) -> list[Table | Chart]:
    """A table and a chart of each law."""
    return [
        *_sharpness(laws),
        *_mask(laws["mask"]),
        *_squares(laws["squares"]),
        _saturation(laws["saturation"]),
    ]


def slope(e: Result, places: int = 2) -> str:
    """``−1.99 [−2.01, −1.98]``."""
    value = short(e["value"], places)
    return value if e["low"] is None else f"{value} {interval(e, places)}"


def power(value: float) -> str:
    """``7.1×10⁻¹⁵``, ``.0123``, ``0``."""
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    digits = f"{abs(value) / 10.0**exponent:.1f}" if exponent > -300 else "1.0"
    if digits == "10.0":
        digits, exponent = "1.0", exponent + 1
    if -3 <= exponent <= 3:
        return short(value, max(0, 2 - exponent) if exponent < 2 else 0)
    sign = "−" if value < 0 else ""
    times = "" if digits == "1.0" else f"{digits}×"
    return f"{sign}{times}10{str(exponent).translate(_RAISED)}"


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _with(e: Result) -> str:
    """A mean with its interval."""
    if e["low"] is None:
        return power(e["value"])
    return f"{power(e['value'])} [{power(e['low'])}, {power(e['high'])}]"


def _sharpness(laws: Result) -> list[Table | Chart]:
    pair, many = laws["sharpness"], laws["sharpness_ranked"]
    last = next(
        (
            place
            for place, (a, b) in enumerate(zip(pair["rows"], many["rows"], strict=True), 1)
            if max(a["predicted"], b["predicted"]) < 1e-14
        ),
        len(pair["rows"]),
    )
    rows = [
        [
            f"{a['sharpness']:,g}",
            *(power(a[key]) for key in ("predicted", "measured", "apart")),
            *(power(b[key]) for key in ("predicted", "measured")),
            percent(b["share"]),
        ]
        for a, b in zip(pair["rows"][:last], many["rows"][:last], strict=True)
    ]
    table = Table(
        title="Sharpness: error of a step",
        columns=[
            *("λ", "N = 2: predicted", "measured", "apart"),
            *(f"N = {many['n']}: predicted", "measured", "agree, %"),
        ],
        rows=rows,
        note=(
            f"The largest over {pair['tasks']} tasks: of the norm of f for two responses "
            f"(Bradley-Terry), of a coordinate for {many['n']} (select and eliminate). Apart: the "
            "largest difference of prediction and measurement in any task. Agree: the share of "
            f"tasks in which they differ by less than {power(WANTED)}. The smallest gap of two "
            f"rewards is {power(pair['gap'])} and {power(many['gap'])}."
        ),
    )
    x = [row["sharpness"] for row in pair["rows"]]
    chart = Chart(
        name="law-sharpness",
        title="Sharpness",
        alt="Error of a step by sharpness, predicted and measured, on logarithmic axes.",
        data=[
            _theory("N = 2, predicted", x, [r["predicted"] for r in pair["rows"]], "@outcome"),
            _theory(
                f"N = {many['n']}, predicted",
                x,
                [r["predicted"] for r in many["rows"]],
                "@confidence",
                "dash",
            ),
            _seen("N = 2, measured", x, [r["measured"] for r in pair["rows"]], "@outcome"),
            _seen(
                f"N = {many['n']}, measured",
                x,
                [r["measured"] for r in many["rows"]],
                "@confidence",
                "square",
            ),
        ],
        layout={"xaxis": _axis("λ"), "yaxis": _axis("error of f"), "margin": _MARGIN},
        caption=(
            f"Lines are closed forms, markers the transformer; largest over {pair['tasks']} tasks. "
            "Each task has its own prediction, so there are no bars. Values below rounding aren't "
            "drawn."
        ),
    )
    return [table, chart]


def _mask(law: Result) -> list[Table | Chart]:
    rows = law["rows"]
    table = Table(
        title="Mask depth R + k",
        columns=["k", "e^−k", "leaked weight", "error: predicted", "measured", "apart"],
        rows=[
            [
                str(row["k"]).replace("-", "−"),
                *(power(row[key]) for key in ("e^-k", "leak", "predicted", "measured", "apart")),
            ]
            for row in rows
        ],
        note=(
            f"Rank flags, N = {law['n']}, one step; the largest over {law['tasks']} tasks, R = "
            f"{short(law['largest_excess'], 1)}. The slope of the logarithm of the leaked weight "
            f"over k from {law['fitted'][0]} to {law['fitted'][1]} is {slope(law['slope'], 5)}, "
            f"the mean of {law['slope']['n']} tasks with its 95 % interval; −1 is predicted."
        ),
    )
    k = [row["k"] for row in rows]
    chart = Chart(
        name="law-mask",
        title="Mask depth",
        alt="Leaked weight and error of a step by mask depth, predicted and measured.",
        data=[
            _theory("e^−k", k, [row["e^-k"] for row in rows if row["k"] >= 0], "@outcome", at=0),
            _theory("error, predicted", k, [r["predicted"] for r in rows], "@confidence", "dash"),
            _seen("leaked weight, measured", k, [r["leak"] for r in rows], "@outcome"),
            _seen("error, measured", k, [r["measured"] for r in rows], "@confidence", "square"),
        ],
        layout={
            "xaxis": {"title": {"text": "k = M − R"}, "dtick": 8},
            "yaxis": _axis("weight, error of f"),
            "margin": _MARGIN,
        },
        caption=(
            f"Lines are theory, markers the transformer; largest over {law['tasks']} tasks. Each "
            "error is predicted for its own task, so there are no bars."
        ),
    )
    return [table, chart]


def _squares(law: Result) -> list[Table | Chart]:
    rows = law["rows"]
    table = Table(
        title="Squares in K pieces",
        columns=["K", "units", "‖y‖²: predicted", "measured [95 %]", "f: measured [95 %]"],
        rows=[
            [
                str(row["pieces"]),
                " + ".join(f"{unit:,}" for unit in row["units"]),
                power(row["predicted"]),
                _with(row["measured"]),
                _with(row["error"]),
            ]
            for row in rows
        ],
        note=(
            "Bradley-Terry from x, y and r alone: two more blocks compute ‖y‖², ‖x‖² and ‖x‖²y. "
            f"Means over {law['tasks']} tasks; B = {short(law['bound'])}. From K = "
            f"{law['fitted_from']} on the slopes on logarithmic axes are "
            f"{slope(law['slope_squares'])} for ‖y‖² and {slope(law['slope'])} for f, with "
            "jackknife intervals over tasks; −2 is predicted."
        ),
    )
    k = [row["pieces"] for row in rows]
    start = next(row for row in rows if row["pieces"] == law["fitted_from"])
    through = [start["error"]["value"] * (start["pieces"] / at) ** 2 for at in k]
    chart = Chart(
        name="law-squares",
        title="Squares in pieces",
        alt="Errors of ‖y‖² and of f by the number of pieces, on logarithmic axes.",
        data=[
            _theory("‖y‖², predicted", k, [row["predicted"] for row in rows], "@outcome"),
            _theory(f"K⁻² through K = {start['pieces']}", k, through, "@confidence", "dash"),
            _estimated("‖y‖², measured", k, [row["measured"] for row in rows], "@outcome"),
            _estimated("f, measured", k, [row["error"] for row in rows], "@confidence", "square"),
        ],
        layout={"xaxis": {**_axis("K"), "tickvals": k}, "yaxis": _axis("error"), "margin": _MARGIN},
        caption=(
            "The solid line is a prediction without free parameters; of the dashed one only the "
            f"slope is predicted. Markers are means over {law['tasks']} tasks, bars 95 % intervals."
        ),
    )
    return [table, chart]


def _saturation(law: Result) -> Table:
    return Table(
        title="Marks set by feed-forwards",
        columns=["", "remaining: largest mark", "excluded: largest distance from 1"],
        rows=[[row["name"], power(row["stays"]), power(row["excluded"])] for row in law["rows"]],
        note=(
            f"N = {law['n']}, {law['tasks']} tasks. A mask multiplies a mark by its depth, so the "
            "mark of a remaining response must be exactly 0."
        ),
    )


# --- traces --------------------------------------------------------------------------------------

_MARGIN = {"l": 64, "r": 8, "t": 8, "b": 44}


def _axis(title: str) -> dict[str, Any]:
    return {"title": {"text": title}, "type": "log", "exponentformat": "power", "nticks": 8}


def _theory(
    name: str,
    x: Sequence[float],
    y: Sequence[float],
    colour: str,
    dash: str = "solid",
    *,
    at: float | None = None,
) -> Trace:
    """A line; values below rounding aren't drawn, nor what is left of ``at``."""
    x = [each for each in x if at is None or each >= at]
    there = [(a, b) for a, b in zip(x, y, strict=True) if b > _LEAST]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [a for a, _ in there],
        "y": [b for _, b in there],
        "line": {"color": colour, "dash": dash, "width": 2},
    }


def _seen(
    name: str, x: Sequence[float], y: Sequence[float], colour: str, symbol: str = "circle"
) -> Trace:
    """Markers."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": list(x),
        "y": [each if each > _LEAST else None for each in y],
        "marker": {"color": colour, "symbol": symbol, "size": 7},
    }


def _estimated(
    name: str, x: Sequence[float], found: Rows, colour: str, symbol: str = "circle"
) -> Trace:
    """Markers with intervals."""
    values = [e["value"] for e in found]
    return {**_seen(name, x, values, colour, symbol), "error_y": error_bars(found, colour)}
