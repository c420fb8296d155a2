"""Runs compared: on the examples that they share, by one scorer, with what each of them costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.measures import arms
from selfcorrect.places import new_file
from selfcorrect.report.findings import findings, notes
from selfcorrect.runs.advise import advice_on
from selfcorrect.runs.ledger import ledgers
from selfcorrect.runs.paths import is_local
from selfcorrect.runs.run import Run, find_run
from selfcorrect.runs.side_by_side import side_by_side
from selfcorrect.runs.store import Store

Table = dict[str, Any]
#: Settings that decide no record, or of which something else tells more.
_SILENT = ("limit", "model.in_flight", "model.budget", "model.base_url", "task.data", "skip_bad")


def chosen(
    names: Sequence[Run | str | Path],
    reference: Run | str | Path | None,
    scorer: str,
    out: Path,
    data: str | None = None,
) -> tuple[list[Run], Run | None]:
    """The runs that names mean (a folder, the beginning of a name in ``out``, or a run itself), and
    the reference among them; ``data`` says where the data of their task lie.

    Raises:
        UserError: there is no such run, or it has no such scores.
    """

    def meant(name: Run | str | Path) -> Run:
        if not isinstance(name, Run | str | Path):
            raise UserError(f"{name!r:.60} is no run: give its folder, or what run returned.")
        run = name if isinstance(name, Run) else find_run(str(name), out)
        run = run if data is None else replace(run, data=data)
        return run.seen_by(scorer) if scorer else run

    return [meant(name) for name in names], None if reference is None else meant(reference)


def compare(runs: Sequence[Run], reference: Run | None = None) -> Table:
    """Compare runs on the examples that all of them have.

    Args:
        runs: two or more of the same data, as they are looked at by one scorer.
        reference: the one that the others are compared with; by default the first that isn't an
            oracle.

    Returns:
        ``{"runs": [...], "reference", "outcome", "scorer", "shared", "clusters", "examples" (those
        that the data have), "tests", "comparisons": [...], "best", "ledgers", "differ", "advice",
        "findings", "finding", "notes"}`` with JSON's types only. A run has ``name``, ``folder``,
        ``model``, ``strategy``, ``oracle``, ``complete``, ``dialogues``, ``wanted``, ``rounds``;
        its ``outcome`` in its last round and ``first`` in its first, ``change`` between them, all
        on the shared examples; ``unread``, how many answers couldn't be read in both; ``cost``
        (``tokens``, ``generated``, ``money`` of a dialogue, ``seconds``); ``best`` and ``frontier``
        as :func:`selfcorrect.measures.arms.best` and ``frontier`` say, arms by name, ``None`` for
        an oracle. A comparison is what :func:`selfcorrect.measures.arms.differences` says of a run,
        with ``run`` and ``looks``. ``ledgers``: see :func:`selfcorrect.runs.ledger.ledgers`.
        ``advice`` is what :func:`selfcorrect.runs.advise.advise` says of these runs and of the
        controls that lie beside them, with ``said``, its sentences.

    Raises:
        UserError: fewer than two runs, one given twice, or runs that can't be compared: of other
            data, graded by another scorer, ungraded, without a shared example.
    """
    side = side_by_side(runs, reference)
    runs, panels, own, within = side.runs, side.panels, side.own, side.margins
    names, at = side.names, side.reference
    looks = [side.looks.get((min(k, at), max(k, at)), [side.shared]) for k in range(len(runs))]
    fair = [not is_one for is_one in side.oracle]
    against, tests = arms.differences(panels, at, fair, within, own, looks)
    table: Table = {
        **side.table(),
        "tests": tests,
        "comparisons": [
            {"run": names[k], "oracle": side.oracle[k], "looks": looks[k], **found}
            for k, found in enumerate(against)
            if found is not None
        ],
        "ledgers": ledgers(runs, panels, names, within, side.looks, fair),
        "differ": _differ(runs, names),
    }
    table["advice"] = advice_on(side.runs, side.runs[at])["advice"]
    table["notes"] = [*notes(table), *side.notes]
    said = findings(table)
    return {**table, "findings": said, "finding": said[0]}


def _differ(runs: Sequence[Run], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The settings in which the runs differ: key → run → value."""
    flat = [dict(_flat(run.spec.model_dump(mode="json"))) for run in runs]
    for table, run in zip(flat, runs, strict=True):
        facts = run.header.about.get("fingerprints", {}).get("model")
        known = facts.get("fingerprint") if isinstance(facts, dict) else facts
        table["model fingerprint"] = None if known is None else str(known)
    found = {}
    for key in dict.fromkeys(key for table in flat for key in table):
        values = [table.get(key) for table in flat]
        if not key.startswith(_SILENT) and any(value != values[0] for value in values):
            found[key] = dict(zip(names, values, strict=True))
    return found


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value


def page_of(table: Table, path: Path) -> Path:
    """Write the page of a comparison: one self-contained file. Returns its path.

    Args:
        table: from :func:`compare`.
        path: of the file; a page that is there is replaced.

    Raises:
        UserError: another file is there, or it can't be written.
    """
    from selfcorrect.report.comparison import sheet
    from selfcorrect.report.sheet import is_page, page

    if is_local(path):
        path = new_file(path, "a page of ours", is_page, in_new=True)
    Store(path.parent).put(path.name, page(sheet(table)).encode("utf-8", "replace"), replace=True)
    return path
