"""Claims, published and our own, and whether they hold here: by intervals and stated rules."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from selfcorrect.report.numbers import interval, percent, short
from selfcorrect.report.sheet import Table

Result = Mapping[str, Any]

#: This share of the range from random directions to the floor counts as no difference.
MARGIN = 0.01
_YES, _NO, _OPEN = "holds", "does not hold", "undecided"


def margin(result: Result, kind: str) -> float:
    """The largest difference in loss, in nats, up to which arms count as the same."""
    return MARGIN * float(result["random"][kind]["mean"] - result["floor"][kind]["mean"])


def arm(result: Result, preset: str, name: str) -> Result | None:
    """An arm, if it was trained."""
    return next((a for a in result["arms"] if (a["preset"], a["name"]) == (preset, name)), None)


def claims(result: Result) -> Table:
    """The claims that the trained arms can decide."""
    rows = [*_descends(result), *_needed(result), *_noise(result), _plateau(result)]
    return Table(
        "Claims",
        ["claim", "verdict", "whose", "result here", "control"],
        rows,
        f"A part is needed if the difference without it is shown to be above {percent(MARGIN)} % "
        f"of the range from random directions to the floor ({short(margin(result, 'original'), 3)} "
        f"nats; ranked data {short(margin(result, 'ranked'), 3)}), and not needed if it is shown "
        "to be below: by the rules given with the ablations.",
    )


def _descends(result: Result) -> list[list[str]]:
    rows = []
    for name in ("one-token", "interleaved"):
        found = arm(result, "formats", name)
        if found is None:
            continue
        e, most = found["excess"], margin(result, "original")
        verdict = _OPEN if e["high"] is None else _YES if e["high"] < most else _NO
        if verdict == _NO and e["low"] < most:
            verdict = _OPEN
        rows.append(
            [
                f"A trained transformer does what descent on the loss does ({name})",
                verdict,
                "published",
                f"excess over the floor {short(e['mean'], 4)} {interval(e, 4)}, n = {e['n']}",
                "the exact minimiser of each context and prefix",
            ]
        )
    return rows


def _needed(result: Result) -> list[list[str]]:
    rows = []
    for claim, name in (
        ("Softmax attention is needed", "linear attention"),
        ("The feed-forward is needed", "no FFN"),
        ("Several heads are needed", "1 head"),
        ("Depth is needed", "1 layer"),
    ):
        for preset, data in (("ablations", "the paper's data"), ("ranked", "ranked data, ours")):
            found = arm(result, preset, name)
            compared = (found or {}).get("compared")
            if found is None or compared is None:
                continue
            needed, e = compared.get("needed"), compared["at"][-1]
            why = f"; {compared['why']}" if compared.get("why") else ""
            p = compared.get("p_holm")
            rows.append(
                [
                    f"{claim} ({data})",
                    _OPEN if needed is None else _YES if needed else _NO,
                    "published" if preset == "ablations" else "ours",
                    f"{name}: {short(e['mean'], 3, signed=True)} {interval(e, 3)} nats after "
                    f"{found['budgets'][-1]:,} steps, n = {e['n']}"
                    + (f", p of a difference of the margin {_p(p)} (Holm)" if p is not None else "")
                    + why,
                    "causal mask, residual stream and width as in the arm compared with, each at "
                    "its own learning rate and plateau",
                ]
            )
    return rows


def _p(p: float) -> str:
    return "< .001" if p < 0.001 else f"= {short(p, 3)}"


def _noise(result: Result) -> list[list[str]]:
    found = arm(result, "formats", "one-token")
    if found is None:
        return []
    at = result["n"].index(15)
    steps = [(p, {k: c[k] if k == "n" or c[k] is None else c[k][at] for k in c})
             for p, c in found["noise"].items()]  # fmt: skip
    pairs = list(pairwise(steps))
    if any(a["low"] is None for _, a in steps):
        verdict = _OPEN
    elif all(b["low"] > a["high"] for (_, a), (_, b) in pairs):
        verdict = _YES
    else:
        verdict = _NO if any(b["high"] < a["low"] for (_, a), (_, b) in pairs) else _OPEN
    return [
        [
            "The worse the critic, the worse the answer",
            verdict,
            "published",
            "1 − cos at n = 15: "
            + ", ".join(f"{short(a['mean'])} (p = {short(float(p))})" for p, a in steps),
            "descent and the floor's direction under the same noise",
        ]
    ]


def _plateau(result: Result) -> list[str]:
    of, at = result["references"]["original"], result["n"].index(15)
    low, copy = of["floor"], of["best copy"]
    no = copy["high"] is not None and copy["high"][at] < low["low"][at]
    return [
        "The plateau of 1 − cos near .297 is the best that the context allows",
        _NO if no else _OPEN,
        "ours",
        f"the objective's exact minimiser has {short(low['mean'][at], 3)} at n = 15, the best "
        f"response of the context {short(copy['mean'][at], 3)}",
        "other estimates from the same triples, without training",
    ]
