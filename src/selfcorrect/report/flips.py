"""For whom answers changed: the dialogues that flipped, those that got worst first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from selfcorrect.report.numbers import count, short

#: Columns of the records that are needed.
COLUMNS = ("example", "round", "key", "choice", "problem", "outcome")
#: So many dialogues are named.
_MOST = 8
_LETTERS = 26


def flips(light: pl.DataFrame, outcome: Mapping[str, Any]) -> dict[str, Any]:
    """The dialogues whose answer changed, in a sentence and as rows.

    Args:
        light: all records with :data:`COLUMNS`, a dialogue's rounds in order.
        outcome: a summary's: its ``kind`` and which way is ``better``.

    Returns:
        ``{"said", "rows": [{"example", "marks": [{"round", "kind", "text", "said"}]}],
        "caption"}``; empty where no dialogue has two rounds.
    """
    share = outcome["kind"] == "share"
    sign = -1 if outcome["better"] == "lower" else 1
    before = pl.col("key").shift(1).over("example")
    later = pl.col("round") > pl.col("round").min().over("example")
    known = pl.when(pl.col("problem").is_null()).then(
        pl.col("outcome")
    )  # nobody knows an unread one
    found = (
        light.select(*COLUMNS, known=known, flip=(later & pl.col("key").ne_missing(before)))
        .group_by("example", maintain_order=True)
        .agg(
            n=pl.len(),
            flips=pl.col("flip").sum(),
            rise=sign * (pl.col("known").last() - pl.col("known").first()),
        )
        .filter(pl.col("n") > 1)
    )
    if not len(found):
        return {}
    flipped = found.filter(pl.col("flips") > 0)
    # of an unread answer nobody knows: after those that got worse
    order = pl.col("rise").fill_null(-0.5 if share else 0)
    worst = flipped.sort([order, "flips"], descending=[False, True], maintain_order=True).head(
        _MOST
    )
    names = worst["example"].to_list()
    rows = light.filter(pl.col("example").is_in(pl.Series(names, dtype=pl.String).implode()))
    marks: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for row in rows.select(COLUMNS).iter_rows(named=True):
        marks[row["example"]].append(_mark(row, share=share, sign=sign))
    shown = [{"example": name, "marks": each} for name, each in marks.items()]
    few = len(shown) < len(flipped)
    which = f"{len(shown)} of {len(flipped):,}" if few else "All" if len(shown) > 1 else "The one"
    return {
        "said": _said(found, share=share),
        "rows": shown,
        "caption": f"{which} whose answer changed in some round, those that got worst first.",
    }


def _said(found: pl.DataFrame, *, share: bool) -> str:
    """How many got worse, better, or changed without either, from the first round to the last."""
    counts = found.select(
        worse=(pl.col("rise") < 0).sum(),
        better=(pl.col("rise") > 0).sum(),
        moved=((pl.col("flips") > 0) & (pl.col("rise") == 0)).sum(),
        unknown=((pl.col("flips") > 0) & pl.col("rise").is_null()).sum(),
        kept=(pl.col("flips") == 0).sum(),
    ).row(0, named=True)
    names = ("became wrong", "became right") if share else ("got worse", "got better")
    parts = [
        f"{counts['worse']:,} {names[0]}",
        f"{counts['better']:,} {names[1]}",
        f"{counts['moved']:,} changed their answer and ended as "
        + ("right or wrong as before" if share else "good as before"),
        *(
            [f"{counts['unknown']:,} changed and can't be compared, as an answer is unread"]
            if counts["unknown"]
            else []
        ),
        f"{counts['kept']:,} kept their answer throughout",
    ]
    return (
        f"Of {count(len(found), 'dialogue')}, from the first round to the last: {', '.join(parts)}."
    )


def _mark(row: Mapping[str, Any], *, share: bool, sign: int) -> dict[str, Any]:
    """A round of a dialogue, as short as can be."""
    value, choice = row["outcome"], row["choice"]
    told: dict[str, Any] = {"round": row["round"]}
    if row["problem"] is not None:
        return told | {"kind": "unread", "text": "?", "said": "unread"}
    if value is None:
        return told | {"kind": "", "text": "–", "said": "not judged"}
    if not share:
        return told | {"kind": "", "text": short(value), "said": short(value, 3)}
    right = (value > 0) == (sign > 0)
    letter = "" if choice is None else _letter(choice)
    kind, symbol, said = ("yes", "✓", "right") if right else ("no", "✗", "wrong")
    return told | {"kind": kind, "text": f"{letter} {symbol}".strip(), "said": said}


def _letter(k: int) -> str:
    return chr(ord("a") + k) if k < _LETTERS else str(k + 1)
