"""Training as a sheet: what was reached, what it is worth, which parts and quirks matter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from selfcorrect.report.numbers import MISSING, interval, percent, short
from selfcorrect.report.sheet import Chart, Section, Sheet, Table
from selfcorrect.studies.train import ablations, charts
from selfcorrect.studies.train.claims import arm, claims
from selfcorrect.studies.train.formulas import FORMULAS

QUESTION = (
    "Does a transformer trained on a ranking loss do what descent on it does, and what is that "
    "worth?"
)

Result = Mapping[str, Any]
Arms = Sequence[Result]

_AT = (2, 5, 10, 15)
_SETTING = (
    "A context holds triples (x, y_i, r_i): a query x, responses y_i, and the reward that a critic "
    "gave to each. In the original data y_i = r_i W*x + (1 − r_i) W_ε x with r_i from U(0, 1): all "
    "responses lie on one line between noise and the truth W*x, which is never shown. A small "
    "causal transformer reads the triples and makes a prediction after each.",
    "It is trained on the Plackett-Luce loss over the first n responses, n = 2 … 19: −log of the "
    "probability of their order by reward, if each is drawn from the remaining ones with a "
    "probability proportional to exp(score), the score being the cosine of prediction and "
    "response. So training uses ranks only.",
    "Two measures. The excess is the loss minus its floor, the smallest loss that any prediction "
    "can have in that context, found by descent on the sphere. 1 − cos(prediction, W*x) is the "
    "paper's metric. It is not what is trained: even the direction with the smallest loss is well "
    "above 0.",
)
_RELEASED = (
    "The preset released is the paper's recipe: Adam at a constant learning rate, initialised as "
    "GPT-2. Unless the paper's own size is asked for, it has fewer layers and steps, ten times the "
    "rate, and one token per triple, so the absolute figures aren't the paper's. Each deviation of "
    "the released code from the paper is shown next to the arm without it.",
    "Two ablated models of that code attend to all tokens, including later ones, so their curves "
    "over n don't mean what they seem to. One normalises the residual stream after every block. "
    "The number of heads also changes the width. The file for 5 layers builds 10. The last "
    "checkpoint is that of step 2,500 of 3,000. Under reward noise p its descent takes 50 − 25 p "
    "steps instead of 50: see the table of noise.",
)


def sheet(result: Result) -> Sheet:
    """The sheet of what :func:`selfcorrect.studies.train.analysis.train` returns."""
    settings = result["settings"]
    return Sheet(
        title="Training",
        question=QUESTION,
        findings=_findings(result),
        sections=[
            Section("The task", _SETTING, [charts.references(result), _readings(result)]),
            Section("Claims", [], [claims(result)]),
            *ablations.sections(result),
            *_noise(result),
            _objectives(result),
            *_released(result),
        ],
        formulas=FORMULAS,
        settings={key: str(settings[key]) for key in ("seeds", "contexts", "device", "torch")},
    )


def _findings(result: Result) -> list[str]:
    said = []
    if result["settings"]["quick"]:
        said.append(
            "A first look (--quick): except for the one-token format, training took a fifth of "
            "the full number of steps, in ablations a tenth, on fewer seeds. The verdicts are "
            "about that, and may differ at full size."
        )
    for name in ("one-token", "interleaved"):
        found = arm(result, "formats", name)
        if found is not None:
            cosine = min(found["curves"]["cosine_with_optimum"]["mean"][3:])
            said.append(
                f"{name.capitalize()} format, {found['recipe']['steps']:,} steps, "
                f"{found['seconds']:.0f} s of one core or GPU: the loss is "
                f"{short(found['excess']['mean'], 4)} {interval(found['excess'], 4)} nats over its "
                f"floor (random directions: {_over(result):.1f}; n = {found['excess']['n']} "
                f"seeds), and from n = 5 on the cosine with the optimum is {short(cosine, 3)} or "
                "more."
            )
    of, at = result["references"]["original"], result["n"].index(15)
    said.append(
        f"The plateau is a property of the objective: at n = 15 its exact minimiser has "
        f"1 − cos = {short(of['floor']['mean'][at], 3)}, copying the best response "
        f"{short(of['best copy']['mean'][at], 3)}, and a least-squares line through the responses "
        f"{short(of['least squares']['mean'][at], 3)}."
    )
    return said + ablations.findings(result)


def _over(result: Result) -> float:
    return float(result["random"]["original"]["mean"] - result["floor"]["original"]["mean"])


def _readings(result: Result) -> Table:
    """1 − cos for a few n: trained models, references, published values."""
    rows = [
        [f"trained, {a['name']}", *_cells(result, a["curves"]["distance"])]
        for a in result["arms"]
        if a["preset"] == "formats"
    ]
    rows += [
        [name, *_cells(result, found)] for name, found in result["references"]["original"].items()
    ]
    rows += [
        [f"published {name}", *(short(found["0"][str(n)], 3) for n in _AT)]
        for name, found in result["published"].items()
    ]
    return Table(
        "1 − cos(prediction, W*x) on the original data",
        ["", *(f"n = {n}" for n in _AT)],
        rows,
        "With 95 % intervals: of trained models over seeds, of the others over contexts.",
    )


def _cells(result: Result, found: Result) -> list[str]:
    cells = []
    for n in _AT:
        at = result["n"].index(n)
        e: dict[str, Any] = {
            k: None if found[k] is None else found[k][at] for k in ("mean", "low", "high")
        }
        cells.append(short(e["mean"], 3) if e["low"] is None
                     else f"{short(e['mean'], 3)} {interval(e, 3)}")  # fmt: skip
    return cells


def _table(arms: Arms, title: str, note: str = "", *, terminal: bool = True) -> Table:
    rows = []
    for a in arms:
        e, d = a["excess"], a["excess_difference"]
        rows.append(
            [
                a["name"],
                f"{a['recipe']['steps']:,}",
                f"{a['parameters']:,}",
                f"{a['seconds']:.0f}",
                f"{short(e['mean'], 4)} {interval(e, 4)}",
                short(a["curves"]["distance"]["mean"][-5], 3),
                a["versus"] or MISSING,
                f"{short(d['mean'], 4, signed=True)} {interval(d, 4)}" if d else MISSING,
            ]
        )
    columns = ["", "steps", "weights", "seconds", "excess, nats", "1 − cos, n = 15",
               "compared with", "difference of excess"]  # fmt: skip
    return Table(title, columns, rows, note, terminal)


_PAIRED = "95 % intervals over seeds (Student's t); differences are paired by seed."


def _noise(result: Result) -> list[Section]:
    found = _of(result, "formats") or _of(result, "released")
    if not found:
        return []
    rows = []
    for name, curves in (
        *((f"trained, {a['name']}", a["noise"]) for a in found),
        *result["noise"].items(),
    ):
        rows += [[f"{name}, p = {p}", *_cells(result, c)] for p, c in curves.items()]
    for name, by_p in result["published"].items():
        rows += [
            [f"published {name}, p = {p}", *(short(v[str(n)], 3) for n in _AT)]
            for p, v in by_p.items()
        ]
    table = Table(
        "1 − cos under reward noise", ["", *(f"n = {n}" for n in _AT)], rows, terminal=False
    )
    text = ["There is noise at test time only; no model was trained with it. At p = 1 rewards "
            "carry no information, and 1 − cos of a random direction is 1 on average."]  # fmt: skip
    return [Section("Reward noise", text, [charts.noise(result, found[0]), table])]


def _objectives(result: Result) -> Section:
    parts: list[Table | Chart] = [charts.squared(result), _minima(result["minima"])]
    arms = _of(result, "objectives")
    if arms:
        title = "Trained on other objectives"
        parts.append(charts.curves(result, arms, "objectives", title))
        rows = [
            [a["name"], *_cells(result, a["curves"]["distance"]), short(a["norm"]["mean"], 1)]
            for a in arms
        ]
        columns = ["objective", *(f"n = {n}" for n in _AT), "‖prediction‖"]
        parts.append(Table("1 − cos by objective", columns, rows, _PAIRED))
    return Section(
        "Other objectives",
        [
            "With scores −‖f − y‖² on the original data every gradient points along the line of "
            "the responses, away from the noise. The direction never changes, for any n, and the "
            "loss falls as W grows, so there is no finite optimum. In general the loss has a "
            "minimum unless a direction separates the ranking, that is, unless the responses have "
            "the same order along it. On a line one always does; among few responses in many "
            "dimensions, too.",
            "weighted uses the values of the rewards: Σ w_i ‖f − y_i‖² with w the softmax of 5 r. "
            "Its minimiser is the mean with exponential weights.",
        ],
        parts,
    )


def _minima(found: Result) -> Table:
    """The shares and the growth."""
    rows = []
    for kind, each in found.items():
        for row in each:
            cells = [
                MISSING if e is None else f"{short(e['mean'])} {interval(e)}"
                for e in (row["growth"]["minimum"], row["growth"]["none"])
            ]
            rows.append([kind, str(row["n"]), f"{percent(row['share'])} %", *cells])
    some = next(iter(found.values()))[0]
    return Table(
        "Squared scores: contexts whose loss has a minimum",
        ["data", "n", "with a minimum", "growth of ‖f‖ with one", "without"],
        rows,
        f"Of {some['contexts']} contexts of each kind, by a linear programme. Growth: ‖f‖ after "
        f"{some['steps'][1]:,} steps of descent from 0, divided by that after "
        f"{some['steps'][0]:,}; means with "
        "95 % intervals over contexts. 1 is convergence.",
    )


def _released(result: Result) -> list[Section]:
    names = list(dict.fromkeys(a["preset"] for a in result["arms"]))
    names = [name for name in names if name.startswith("released")]
    if not names:
        return []
    parts: list[Table | Chart] = []
    arms = [a for name in names for a in _of(result, name)]
    pairs = [a for a in arms if a["excess_difference"] is not None]
    parts.append(_table(arms, "The released recipe and its quirks", _PAIRED))
    for name in names:
        mine = _of(result, name)
        if any(a in pairs for a in mine):
            title = f"Distances, {name}"
            parts.append(charts.curves(result, mine, name, title))
    return [
        Section("The released recipe, and where its code differs from the paper", _RELEASED, parts)
    ]


def _of(result: Result, preset: str) -> list[Result]:
    return [a for a in result["arms"] if a["preset"] == preset]
