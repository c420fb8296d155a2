"""A comparison of runs as a sheet: findings, the forest plot, every measure, cost, what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.advice import section as advice_section
from selfcorrect.report.charts.traces import error_bars, scatter
from selfcorrect.report.costs import of_dialogue
from selfcorrect.report.definitions import definer
from selfcorrect.report.findings import together
from selfcorrect.report.ledger import section as ledger_section
from selfcorrect.report.numbers import MISSING, count, interval, p_value, places_of, short, written
from selfcorrect.report.phrases import in_a_word, said_of
from selfcorrect.report.sheet import Chart, Section, Sheet, Table

_Table = Mapping[str, Any]

_COLOURS = ("@outcome", "@confidence", "@repeat", "@other", "@baseline")
_SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star")
_DASHES = ("solid", "dash", "dot", "dashdot")
#: Of a verdict: symbol and colour.
_MARKS = {
    "better": ("triangle-up", "@good"),
    "worse": ("triangle-down", "@bad"),
    "same": ("square", "@outcome"),
    "undecided": ("circle-open", "@soft"),
    "oracle": ("x-thin-open", "@soft"),
}
_COST = (
    "Tokens are all that went through a model in a dialogue, the generated ones among them, as "
    "if the run had gone alone. A run is beaten where another has an outcome at least as good "
    "for no more tokens; that is shown where the outcome is excluded from being the best by "
    "that very run and the interval of the tokens agrees, and else only seen. A run that uses "
    "the truth has a cost and no place."
)
#: Letters of a name beside a chart.
_LONGEST = 28
_ORACLE = "oracle: uses the truth, not ranked"


def sheet(table: _Table) -> Sheet:
    """The sheet of what :func:`selfcorrect.runs.compare.compare` returns."""
    said = said_of(table)
    of = f"{table['shared']:,} shared examples, {count(table['clusters'], 'cluster')}"
    return Sheet(
        title="Runs compared",
        question=f"Which of {len(table['runs'])} runs does best in {said}, and at what cost?",
        findings=table["findings"],
        sections=[
            Section("Runs", [f"On {of}."], [_runs(table), _by_round(table)]),
            Section(
                f"Against {table['reference']}",
                [_how(table)],
                [_forest(table), _outcome(table), _measures(table)],
            ),
            Section("Cost", [_COST], [*_plane(table), of_dialogue(table, _name)]),
            *ledger_section(table),
            *advice_section(table),
            Section("What differs", list(table["notes"]), [_differ(table)]),
        ],
        settings={
            "runs": ", ".join(run["folder"] for run in table["runs"]),
            "reference": table["reference"],
            "scorer": table["scorer"] or "the task's own grades",
            "comparisons": f"{table['tests']}",
        },
    )


def _how(table: _Table) -> str:
    n = table["tests"]
    many = f", adjusted by Holm for all {n} comparisons of this page," if n > 1 else ""
    joint = "that holds together with all others " if n > 1 else ""
    return (
        f"Each run minus {table['reference']} on the same examples, by clusters. A direction is "
        f"claimed where p{many} and the interval agree; the same, where the interval {joint}lies "
        "within the margin. Intervals allow for earlier looks at the same comparison."
    )


def _name(run: _Table) -> str:
    return f"{run['name']} ({_ORACLE})" if run["oracle"] else str(run["name"])


def _cell(e: _Table | None, places: int) -> str:
    if e is None or e["value"] is None:
        return MISSING
    return f"{short(e['value'], places)} {interval(e, places)}"


def _signed(e: _Table | None, places: int) -> str:
    if e is None or e["value"] is None:
        return MISSING
    return f"{short(e['value'], places, signed=True)} {interval(e, places)}"


def _places(table: _Table) -> int:
    return places_of(table["outcome"]["margin"])


def _runs(table: _Table) -> Table:
    """A row a run: its outcome, its change, whether it may be the best, its tokens."""
    places, rows = _places(table), []
    for run in table["runs"]:
        best, tokens = run["best"], run["cost"]["tokens"]
        rank = "–"
        if best is not None:
            may = "yes" if table["best"] == [run["name"]] else "may be"
            rank = f"{'no' if best['worse_than'] else may} {_signed(best, places)}"
        rows.append(
            [
                _name(run),
                f"{run['outcome']['n']:,}",
                str(run["rounds"][-1]),
                _cell(run["outcome"], places),
                _signed(run["change"] and together(run["change"]), places),
                "not ranked" if run["oracle"] else rank,
                written(tokens and tokens["value"], "tokens"),
            ]
        )
    return Table(
        "The runs",
        ["run", "n", "round", f"{said_of(table)} [95 %]", "change in it", "the best?", "tokens"],
        rows,
        "The best?: the run against the best of the others, above 0 where it is better, by Hsu's "
        "multiple comparisons with the best, together at 95 %: their intervals reach 0, or end "
        "there. No: another run is shown to be better; yes: all others are shown not to be the "
        "best. Tokens: of a dialogue, all rounds.",
    )


def _outcome(table: _Table) -> Table:
    """The outcome's differences, one row a comparison."""
    name, places = table["outcome"]["name"], _places(table)
    rows = []
    for told in table["comparisons"]:
        e, changed = told["difference"][name], told["change"]
        wide = e.get("together")
        rows.append(
            [
                told["run"],
                f"{e['n']:,}",
                str(e["clusters"]),
                _signed(together({**e, "verdict": None}), places),
                interval({"low": wide[0], "high": wide[1]}, places) if wide else MISSING,
                p_value(e.get("p_holm")),
                _word(told, e),
                _signed(changed and together(changed), places),
            ]
        )
    return Table(
        f"{said_of(table).capitalize()} minus that of {table['reference']}",
        ["run", "n", "K", "difference", "together", "p (Holm)", "verdict", "its change, less"],
        rows,
        "Together: the interval that holds with those of all comparisons at once. Its change, "
        "less: by how much more the run changed from its first round to its last; – where the "
        "first rounds are the same.",
    )


def _word(told: _Table, e: _Table) -> str:
    return "not ranked" if told["oracle"] else in_a_word(e)


def _measures(table: _Table) -> Table:
    """Every measure of every comparison."""
    define, rows = definer(table), []
    for told in table["comparisons"]:
        for name, e in told["difference"].items():
            if e["value"] is None:
                continue
            rows.append(
                [
                    f"{told['run']}: {define(name).label}",
                    _signed(together({**e, "verdict": None}), 3),
                    p_value(e.get("p")),
                    p_value(e.get("p_holm")),
                    _word(told, e),
                    f"{e['n']:,}",
                ]
            )
    return Table(
        f"Every measure, less that of {table['reference']}",
        ["measure", "difference", "p", "p (Holm)", "verdict", "n"],
        rows,
        "A measure without p (AUROC, a task's own figures) is judged by the interval that holds "
        "together with all others.",
        terminal=False,
    )


def _forest(table: _Table) -> Chart:
    """The outcome's differences with their intervals, one row a run."""
    name = table["outcome"]["name"]
    there = [t for t in table["comparisons"] if t["difference"][name]["value"] is not None]
    there.reverse()  # the first row is the lowest
    data: list[dict[str, Any]] = []
    wide = [
        (k, t["difference"][name]["together"])
        for k, t in enumerate(there)
        if t["difference"][name].get("together")
    ]
    if wide:
        x, y = [], []
        for k, ends in wide:
            x += [*ends, None]
            y += [k, k, None]
        data.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": "together with all others",
                "x": x,
                "y": y,
                "line": {"color": "@soft/45", "width": 6},
                "hoverinfo": "skip",
            }
        )
    for verdict, (symbol, colour) in _MARKS.items():
        rows = [(k, t) for k, t in enumerate(there) if _kind(t, name) == verdict]
        if rows:
            found = [together({**t["difference"][name], "verdict": None}) for _, t in rows]
            data.append(
                {
                    "type": "scatter",
                    "mode": "markers",
                    "name": verdict,
                    "x": [e["value"] for e in found],
                    "y": [k for k, _ in rows],
                    "error_x": error_bars(found, colour),
                    "marker": {"color": colour, "symbol": symbol, "size": 11,
                               "line": {"width": 2, "color": colour}},
                    "hovertext": [f"{t['run']}: {_signed(e, 3)}, n {e['n']:,}"
                                  for (_, t), e in zip(rows, found, strict=True)],
                    "hoverinfo": "text",
                }
            )  # fmt: skip
    margin = table["outcome"]["margin"]
    rows_said = [f"{_brief(t['run'])}, n {t['difference'][name]['n']:,}" for t in there]
    layout = {
        "xaxis": {"title": {"text": f"difference in {said_of(table)}"},
                  "zeroline": True},
        "yaxis": {"tickvals": list(range(len(there))), "ticktext": rows_said,
                  "range": [-0.6, len(there) - 0.4], "automargin": True},
        "shapes": [{"type": "rect", "xref": "x", "yref": "paper", "x0": -margin, "x1": margin,
                    "y0": 0, "y1": 1, "fillcolor": "@soft/10", "line": {"width": 0},
                    "layer": "below"}],
    }  # fmt: skip
    return Chart(
        "forest",
        f"{said_of(table).capitalize()}, less {table['reference']}",
        "; ".join(f"{t['run']}: {_signed(together({**t['difference'][name], 'verdict': None}), 3)}"
                  for t in reversed(there)) or "No difference to show.",
        data,
        layout,
        "Bars: the interval of each difference, as wide as earlier looks demand. Behind them, the "
        "interval that holds together with all others. Shaded: the margin within which a "
        f"difference counts as none. {table['outcome']['better'].capitalize()} is better.",
        f"{max(14, 6 + 2.5 * len(there)):g}rem",
    )  # fmt: skip


def _brief(name: str) -> str:
    """A name that leaves room for the chart; hovering shows it whole."""
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST // 2]}…{name[-_LONGEST // 2 :]}"


def _kind(told: _Table, name: str) -> str:
    return "oracle" if told["oracle"] else told["difference"][name]["verdict"] or "undecided"


def _looks(k: int) -> dict[str, Any]:
    """Colour, symbol and dash of a run: no two of the first 35 are alike."""
    return {
        "colour": _COLOURS[k % len(_COLOURS)],
        "symbol": _SYMBOLS[k % len(_SYMBOLS)],
        "dash": _DASHES[k % len(_DASHES)],
    }


def _by_round(table: _Table) -> Chart:
    data = []
    form = "share" if table["outcome"]["kind"] == "share" else "score"
    for k, run in enumerate(table["runs"]):
        found = [e for e in run["by_round"] if e["value"] is not None]
        if found:
            how = _looks(k)
            x = [e["round"] for e in found]
            aside = 0.06 * (k - (len(table["runs"]) - 1) / 2)
            data.append(scatter(_name(run), x, found, how["colour"], form=form,
                                symbol=how["symbol"], dash=how["dash"], aside=aside))  # fmt: skip
    return Chart(
        "rounds",
        f"{said_of(table).capitalize()} by round",
        "; ".join(f"{_name(run)}: {_cell(run['outcome'], 3)}" for run in table["runs"]),
        data,
        {"xaxis": {"title": {"text": "round"}, "dtick": 1, "tickformat": "d"},
         "yaxis": {"title": {"text": said_of(table).capitalize()}}},
        f"On the {table['shared']:,} shared examples, with 95 % intervals, each by itself.",
    )  # fmt: skip


def _plane(table: _Table) -> Sequence[Chart]:
    """Outcome over tokens, with the intervals of both."""
    data: list[dict[str, Any]] = []
    for k, run in enumerate(table["runs"]):
        tokens, e = run["cost"]["tokens"], run["outcome"]
        if tokens is None or tokens["value"] is None or e["value"] is None:
            continue
        how, edge = _looks(k), run["frontier"]
        on = bool(edge and edge["on"])
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": f"{_name(run)}{', not beaten' if on else ''}",
                "x": [tokens["value"]],
                "y": [e["value"]],
                "error_x": error_bars([tokens], how["colour"]),
                "error_y": error_bars([e], how["colour"]),
                "marker": {"color": how["colour"], "symbol": how["symbol"],
                           "size": 13 if on else 8},
                "hovertext": [f"{_name(run)}: {_cell(e, 3)} at {tokens['value']:,.0f} tokens"],
                "hoverinfo": "text",
            }
        )  # fmt: skip
    if not data:
        return []
    return [
        Chart(
            "frontier",
            f"{said_of(table).capitalize()} and cost",
            "; ".join(str(each["hovertext"][0]) for each in data),
            data,
            {"xaxis": {"title": {"text": "tokens of a dialogue"}, "rangemode": "tozero"},
             "yaxis": {"title": {"text": said_of(table).capitalize()}}},
            f"n {table['shared']:,}; bars are 95 % intervals, each by itself. Large: no other run "
            "has an outcome at least as good for no more tokens, by the estimates.",
        )
    ]  # fmt: skip


def _differ(table: _Table) -> Table:
    names = [run["name"] for run in table["runs"]]
    rows = [
        [key, *(MISSING if values[name] is None else str(values[name]) for name in names)]
        for key, values in table["differ"].items()
    ]
    return Table("Settings that differ", ["setting", *names], rows, terminal=False)
