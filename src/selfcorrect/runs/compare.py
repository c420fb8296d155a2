"""Runs compared: on the examples that they share, by one scorer, with what each of them costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selfcorrect.errors import UserError
from selfcorrect.measures import arms
from selfcorrect.measures.clusters import Floats
from selfcorrect.measures.compare import compare as compare_rounds
from selfcorrect.measures.intervals import mean, proportion
from selfcorrect.measures.outcomes import room_of
from selfcorrect.measures.own import Own
from selfcorrect.measures.panel import Panel
from selfcorrect.places import new_file
from selfcorrect.report.advice import said as said_of
from selfcorrect.report.findings import findings, notes
from selfcorrect.runs.advise import advise
from selfcorrect.runs.comparable import (
    check,
    drawn_apart,
    is_oracle,
    names_of,
    reference_of,
    ungraded,
)
from selfcorrect.runs.costs import cost_of, cost_table
from selfcorrect.runs.ledger import ledgers
from selfcorrect.runs.looks import Look, look_at, read_looks, write_looks
from selfcorrect.runs.paths import is_local
from selfcorrect.runs.run import Run, find_run
from selfcorrect.runs.store import Store
from selfcorrect.runs.summary import margins_of, outcome_table, own_of, panel_of

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
        ``{"runs": [...], "reference", "outcome", "scorer", "shared", "clusters", "tests",
        "comparisons": [...], "best", "ledgers", "differ", "advice", "findings", "finding",
        "notes"}`` with JSON's types only. A run has ``name``, ``folder``, ``model``, ``strategy``,
        ``oracle``, ``complete``, ``dialogues``, ``wanted``, ``rounds``; its ``outcome`` in its last
        round and ``first`` in its first, ``change`` between them, all on the shared examples;
        ``unread``, how many answers couldn't be read in both; ``cost`` (``tokens``, ``generated``,
        ``money`` of a dialogue, ``seconds``); ``best`` and ``frontier`` as
        :func:`selfcorrect.measures.arms.best` and ``frontier`` say, arms by name, ``None`` for an
        oracle. A comparison is what :func:`selfcorrect.measures.arms.differences` says of a run,
        with ``run`` and ``looks``. ``ledgers``: see :func:`selfcorrect.runs.ledger.ledgers`.
        ``advice`` is what :func:`selfcorrect.runs.advise.advise` says, with ``said``, its
        sentences.

    Raises:
        UserError: fewer than two runs, one given twice, or runs that can't be compared: of other
            data, graded by another scorer, ungraded, without a shared example.
    """
    check(runs)
    names = names_of(runs)
    own, note = own_of(runs[0])
    full = [panel_of(run, own) for run in runs]
    apart = drawn_apart(runs)
    if apart:  # entropy over few samples is biased low, so only equal numbers can be compared
        full = [replace(panel, samples=False) for panel in full]
    for run, panel in zip(runs, full, strict=True):
        if not panel.rounds:
            raise UserError(f"{run.folder} has no finished dialogue yet: run it first.")
    oracle = [is_oracle(run) for run in runs]
    at = reference_of(runs, reference, oracle)
    panels = arms.shared(full)
    shown = panels[0].clusters
    if not len(shown):
        raise UserError("these runs share no example: run them on the same ones, see --limit.")
    if all(not np.isfinite(panel.columns["outcome"]).any() for panel in panels):
        raise UserError(ungraded(runs))
    ranked = [k for k, is_one in enumerate(oracle) if not is_one]
    within = margins_of(runs[at], own)
    looks = {(i, j): _looks(runs[i], runs[j], shown) for i, j in combinations(range(len(runs)), 2)}
    by_arm = [looks.get((min(k, at), max(k, at)), [len(shown)]) for k in range(len(runs))]
    fair = [not is_one for is_one in oracle]
    against, tests = arms.differences(panels, at, fair, within, own, by_arm)
    costs = [cost_of(run, panel) for run, panel in zip(runs, panels, strict=True)]
    told = _ranked(panels, ranked, within, looks, costs)
    table: Table = {
        "runs": [
            {
                **_about(run, names[k], oracle[k], full[k], panels[k], own, within),
                "cost": cost_table(run, costs[k], panels[k]),
                **_named(told.get(k), names),
            }
            for k, run in enumerate(runs)
        ],
        "reference": names[at],
        "outcome": outcome_table(own, within),
        "scorer": None if runs[0].scores is None else runs[0].scores.scorer,
        "own": own.terms(),
        "shared": len(shown),
        "clusters": len(np.unique(shown)),
        "tests": tests,
        "comparisons": [
            {"run": names[k], "oracle": oracle[k], "looks": by_arm[k], **found}
            for k, found in enumerate(against)
            if found is not None
        ],
        "best": [names[k] for k in ranked if not told.get(k, {}).get("best", {}).get("worse_than")],
        "ledgers": ledgers(runs, panels, names, within, looks, fair),
        "differ": _differ(runs, names),
    }
    table["advice"] = advise(runs, panels, costs, table, looks, within)
    table["notes"] = [*notes(table), *apart, *([note] if note else [])]
    table["advice"]["said"] = said_of(table)
    said = findings(table)
    return {**table, "findings": said, "finding": said[0]}


def _looks(one: Run, other: Run, shown: NDArray[np.uint64]) -> list[int]:
    """How many examples there were whenever two runs were compared, this time among them.

    It is noted in the folders of both, under the name of the other's folder (of a control, under
    the control's, so that the run's own summary knows), so that whichever is named first the looks
    are the same.
    """
    seen: set[int] = set()
    places = []
    for mine, theirs in ((one, other), (other, one)):
        arms_of = [arm for arm, name in mine.header.controls.items() if name == theirs.folder.name]
        known = {theirs.folder.name, *arms_of}
        every = read_looks(Store(mine.folder))
        seen |= {look.n for look in every if look.control in known}
        if not mine.received:
            places.append((Store(mine.folder), every, known, (arms_of or [theirs.folder.name])[0]))
    n, k = len(shown), len(np.unique(shown))
    for store, every, known, name in places:
        if n not in {look.n for look in every if look.control in known}:
            write_looks(store, [*every, Look.now(n, k, name)])
    return sorted(seen | {n})


def _ranked(
    panels: Sequence[Panel],
    ranked: Sequence[int],
    within: Mapping[str, float],
    looks: Mapping[tuple[int, int], Sequence[int]],
    costs: Sequence[Mapping[str, Floats]],
) -> dict[int, Table]:
    """Of each run that isn't an oracle: whether it may be the best, and whether it is worth what it
    costs. Runs by their place among all."""
    if len(ranked) < 2:
        return {}
    mine = [panels[k] for k in ranked]
    seen = {(i, j): looks[ranked[i], ranked[j]] for i, j in combinations(range(len(ranked)), 2)}
    best = arms.best(mine, within, seen)
    tokens = [costs[k]["tokens"] for k in ranked]
    counted = all((each > 0).any() for each in tokens)
    edge = arms.frontier(mine, tokens, best) if counted else [None] * len(ranked)
    found: dict[int, Table] = {}
    for k, place, worth in zip(ranked, best, edge, strict=True):
        found[k] = {
            "best": {
                **{key: each for key, each in place.items() if key != "against"},
                "worse_than": [ranked[j] for j in place["worse_than"]],
            },
            "frontier": worth
            and {
                key: [ranked[j] for j in each] if isinstance(each, list) else each
                for key, each in worth.items()
            },
        }
    return found


def _named(told: Table | None, names: Sequence[str]) -> Table:
    """The same with names in place of numbers."""
    if told is None:
        return {"best": None, "frontier": None}
    return {
        part: each
        and {
            key: [names[k] for k in value] if isinstance(value, list) else value
            for key, value in each.items()
        }
        for part, each in told.items()
    }


def _about(
    run: Run,
    name: str,
    oracle: bool,
    full: Panel,
    panel: Panel,
    own: Own,
    within: Mapping[str, float],
) -> Table:
    """A run by itself, its numbers on the shared examples."""
    looks = [look.n for look in look_at(run, panel.clusters)]
    outcome, last, first = own.outcome, panel.rounds[-1], panel.rounds[0]

    def estimate(number: int) -> Table:
        x = panel.at(number)["outcome"]
        if outcome.kind == "share":
            return proportion(x, panel.clusters).table()
        return mean(x, panel.clusters, room=room_of(outcome)).table()

    names = (outcome.name,)
    change = (
        compare_rounds(panel, panel, (last, first), within, own, looks=looks, names=names)
        if last > first
        else {outcome.name: None}
    )
    ends = panel.at(last)
    unknown = (ends["parse_rate"] == 0) | (~np.isfinite(ends["outcome"]) & (ends["gradable"] == 1))
    return {
        "name": name,
        "folder": str(run.folder),
        "model": run.spec.model.name,
        "strategy": run.spec.strategy.name,
        "oracle": oracle,
        "complete": run.complete,
        "dialogues": run.dialogues,
        "wanted": run.wanted,
        "examples": len(full.examples),
        "rounds": list(panel.rounds),
        "outcome": estimate(last),
        "first": estimate(first),
        "change": change[outcome.name],
        "unknown": int(unknown.sum()),
        "unread": [_unread(panel, number) for number in dict.fromkeys((first, last))],
        "by_round": [{"round": number, **estimate(number)} for number in panel.rounds],
    }


def _unread(panel: Panel, number: int) -> Table:
    """How many answers of a round couldn't be read."""
    read = panel.at(number)["parse_rate"]
    return {"round": number, "n": int(np.isfinite(read).sum()), "unread": int((read == 0).sum())}


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
