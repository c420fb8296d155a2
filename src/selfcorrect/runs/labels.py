"""How far a scorer agrees with people's labels of a run's answers, and with the task's own test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from selfcorrect.errors import UserError
from selfcorrect.measures.agreement import agreement, kappa
from selfcorrect.measures.intervals import proportion
from selfcorrect.report.numbers import clusters, count, interval, short
from selfcorrect.runs.run import Run
from selfcorrect.tasks.data.row import short as as_json
from selfcorrect.tasks.data.rows import rows

_WORDS = {"true": 1, "yes": 1, "1": 1, "false": 0, "no": 0, "0": 0}
#: A scorer says yes in the upper half of what it may give.
_HALF = 0.5


def read_labels(path: Path) -> pl.DataFrame:
    """Labels from a file (JSONL, CSV, Parquet): ``example``, ``round``, ``label`` (true or false,
    yes or no, 1, 0). A line whose label is empty is one that nobody has labelled.

    Raises:
        UserError: a line is wrong, an answer has two labels, with file and line; or none has one.
    """
    found: dict[tuple[str, int], int] = {}
    for row in rows(path):
        if isinstance(row, UserError):
            raise row
        if lacks := next((name for name in ("round", "label") if name not in row.fields), None):
            raise row.missing(lacks)
        example, number = row.word("example"), _whole(row.fields["round"])
        if row.fields["label"] in (None, ""):
            continue
        label = _WORDS.get(_whole(row.fields["label"]).casefold())
        if not number.isdecimal() or len(number) > 9:
            raise row.error(f"'round' must be a round's number, not {as_json(row.fields['round'])}")
        if label is None:
            raise row.error("'label' must be true or false, yes or no, 1 or 0")
        if (example, int(number)) in found:
            raise row.error(f"example {example!r} has a label in round {number} already")
        found[example, int(number)] = label
    if not found:
        raise UserError(f"{path}: no line has a label: give true or false in its field 'label'.")
    keys = list(found)
    return pl.DataFrame(
        {
            "example": [k[0] for k in keys],
            "round": [k[1] for k in keys],
            "label": list(found.values()),
        },
        schema={"example": pl.String, "round": pl.Int32, "label": pl.Float64},
    )


def _whole(cell: object) -> str:
    """A cell as text, a whole number without a point: where a column has gaps, programs write all
    of its numbers with one."""
    text = str(cell).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text


def agreement_of(run: Run, labels: pl.DataFrame) -> dict[str, Any]:
    """How far a run's scores agree with labels.

    Args:
        run: as it is looked at by a scorer.
        labels: from :func:`read_labels`.

    Returns:
        ``{"scorer", "outcome", "threshold", "labels", "unmatched", "auroc": {...}, "kappa": …,
        "agree": …, "labelled": …}``; ``unmatched`` counts labels of answers that the run doesn't
        have, or that have no score.

    Raises:
        UserError: the run has no scores, none of the labels is of one of its answers, or its
            outcome has no bounds that would say what is a yes.
    """
    scores = run.scores
    if scores is None:
        raise UserError(f"{run.folder} has no scores to compare with labels: grade it first.")
    low, high = run.outcome.bounds
    if not high - low < float("inf"):
        raise UserError(
            f"{run.outcome.name} has no bounds, so no threshold says what is a yes; labels are for "
            "scorers with bounds."
        )
    threshold = low + _HALF * (high - low)
    answers = run.read(["example", "round", "cluster", "outcome"])
    both = labels.join(answers, on=["example", "round"], how="inner").drop_nulls("outcome")
    if both.is_empty():
        some = answers["example"][0] if len(answers) else "…"
        raise UserError(
            f"none of {count(len(labels), 'label')} is of a graded answer of {run.folder}: "
            f"'example' must be an id of it, such as {some!r}, and 'round' one of its rounds."
        )
    found = agreement(both["outcome"], both["label"], both["cluster"], threshold=threshold)
    return {
        "scorer": scores.scorer,
        "outcome": run.outcome.name,
        "threshold": threshold,
        "labels": len(labels),
        "unmatched": len(labels) - len(both),
        **{name: e.table() for name, e in found.items()},
    }


def with_task(run: Run) -> dict[str, Any] | None:
    """How far a scorer agrees with the task's own test of the same answers, in all rounds.

    Args:
        run: as it is looked at by a scorer.

    Returns:
        ``{"scorer", "outcome", "own", "threshold", "above", "kappa": {...}, "agree": …}``: a yes of
        the scorer is a value from ``threshold`` on, or up to it where not ``above``; ``None`` where
        the task has no test of its own of what is right or wrong, the scorer's numbers have no
        bounds, or no answer has both.
    """
    own, scores = run.header.outcome, run.scores
    if scores is None or own.kind != "share" or own.scorer:
        return None
    low, high = scores.outcome.bounds
    if not high - low < float("inf"):
        return None
    keys = ["example", "round"]
    tested = run.as_recorded().read([*keys, "cluster", "outcome", "problem"])
    tested = tested.filter(pl.col("problem").is_null()).rename({"outcome": "own"})
    both = tested.join(run.read([*keys, "outcome"]), on=keys).drop_nulls(["own", "outcome"])
    if both.is_empty():
        return None
    threshold, above = low + _HALF * (high - low), own.better == scores.outcome.better
    says = both["outcome"] >= threshold if above else both["outcome"] <= threshold
    ours, theirs, names = says.cast(pl.Float64), both["own"], both["cluster"]
    return {
        "scorer": scores.scorer,
        "outcome": scores.outcome.name,
        "own": own.name,
        "threshold": threshold,
        "above": above,
        "kappa": kappa(ours, theirs, names).table(),
        "agree": proportion((ours == theirs).cast(pl.Float64), names).table(),
    }


def told(table: dict[str, Any] | None) -> list[str]:
    """The agreement of a scorer and a task's own test in a sentence, or none."""
    if table is None:
        return []
    e, agree = table["kappa"], table["agree"]
    value = "–" if e["value"] is None else f"{short(e['value'])} {interval(e)}".strip()
    why = f" ({e['why']})" if e.get("why") else ""
    sign = "≥" if table["above"] else "≤"
    return [
        f"{table['scorer']} ({table['outcome']} {sign} {table['threshold']:g}) and the task's own "
        f"{table['own']} agree with Cohen's κ {value}{why}, and in {short(agree['value'])} "
        f"{interval(agree)} of the answers that have both (n {e['n']:,}, {clusters(e)})."
    ]


def lines(table: dict[str, Any]) -> list[str]:
    """An agreement in words."""

    def said(name: str) -> str:
        e = table[name]
        value = short(e["value"]) if e["value"] is not None else "–"
        why = f" ({e['why']})" if e.get("why") else ""
        return f"{value} {interval(e)}{why}".replace("  ", " ")

    e = table["agree"]
    has = "has" if table["unmatched"] == 1 else "have"
    left = f"; {count(table['unmatched'], 'label')} {has} no score" if table["unmatched"] else ""
    return [
        f"Agreement of {table['scorer']} with {count(table['labels'], 'label')} (n {e['n']:,}, "
        f"{clusters(e)}{left}):",
        f"  AUROC {said('auroc')}",
        f"  Cohen's κ {said('kappa')}, where {table['outcome']} ≥ {table['threshold']:g} is a yes",
        f"  alike {said('agree')}; people say yes to {said('labelled')}",
    ]
