"""The tables of latent concepts, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selfcorrect.report.numbers import MISSING, count, short
from selfcorrect.report.sheet import Table

Result = Mapping[str, Any]
Law = Mapping[str, Any]

#: Smaller numbers are written with a power of ten.
LEAST = 1e-4
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def concepts(result: Result) -> Table:
    """What the concepts are, and their divergences."""
    c = result["concepts"]
    rows = []
    for k, p in enumerate(c["distributions"]):
        far = (MISSING, MISSING) if not k else (_far(c["kl"][k - 1]), _far(c["chernoff"][k - 1]))
        name = "C+" if not k else f"rival {k}"
        rows.append(
            [
                name,
                " ".join(f"{x:.4g}".removeprefix("0") or "0" for x in p),
                number(c["prior"][k]),
                *far,
            ]
        )
    return Table(
        "The concepts",
        ["concept", "p(token)", "prior", "KL a round", "Chernoff a round"],
        rows,
        note=f"A round adds {count(c['tokens'], 'token')}; divergences from C+, in nats a round.",
    )


def laws(result: Result, title: str, *beginnings: str) -> Table:
    """The laws whose names begin with one of these."""
    chosen = [law for law in result["laws"] if law["name"].startswith(beginnings)]
    rows = [
        [
            law["title"],
            number(law["predicted"]),
            ends(law),
            MISSING if law["n"] is None else f"{law['n']:,}",
            MISSING if law["relative_error"] is None else f"{100 * law['relative_error']:.2f} %",
        ]
        for law in chosen
    ]
    whys = sorted({law["why"] for law in chosen if law["measured"] is None})
    note = f"Not measured: {'; '.join(whys)}." if whys else ""
    return Table(title, ["law", "predicted", "measured [95 %]", "n", "deviation"], rows, note=note)


def ends(law: Law) -> str:
    """A measured number, with its interval if it has one."""
    if law["low"] is None or law["measured"] is None:
        return number(law["measured"])
    return f"{number(law['measured'])} [{number(law['low'])}, {number(law['high'])}]"


def number(x: float | None) -> str:
    """``.3504``, ``3``, ``1×10⁻¹⁶``; a dash for none."""
    if x is None:
        return MISSING
    if x == int(x):
        return f"{int(x):,}".replace("-", "−")
    if abs(x) < LEAST:
        digits, power = f"{x:.0e}".replace("-0", "-").split("e")
        return f"{digits}×10{power.translate(_RAISED)}".replace("-", "−")
    return short(x, 1 if abs(x) >= 10 else 4)


def _far(x: float | None) -> str:
    return "∞" if x is None else number(x)
