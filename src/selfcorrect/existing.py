"""The Python side of runs that exist: compared, advised on, opened; and specs that are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfcorrect.arguments import public, several

if TYPE_CHECKING:
    import polars as pl

    from selfcorrect.runs import Run, RunSpec
    from selfcorrect.runs.advised import Advice
    from selfcorrect.runs.compared import Comparison
    from selfcorrect.runs.require import Requirement
    from selfcorrect.studies.execute import Done


@public
def compare(
    runs: Sequence[Run | str | Path],
    *,
    reference: Run | str | Path | None = None,
    scorer: str = "",
    out: str | Path = "runs",
    page: str | Path | None = None,
) -> Comparison:
    """Compare runs on the examples that they share: each with one of them, the best, the cost.

    What ``selfcorrect compare`` does; the result is what it prints with ``--json``, and shows
    itself as its findings and its advice, in a notebook with charts and tables.

    Args:
        runs: two or more: runs, folders, or the beginnings of their names in ``out``.
        reference: the one that the others are compared with; by default the first (no oracle).
        scorer, out: by whose scores, where there are several; where named runs lie.
        page: write the page there, too; ``None`` writes none.

    Returns:
        See :func:`selfcorrect.runs.compare.compare`; ``["finding"]`` is the first sentence.

    Raises:
        UserError: there is no such run, or they can't be compared, with the reason.
    """
    from selfcorrect.runs import compare as comparing
    from selfcorrect.runs.compared import Comparison

    found, against = comparing.chosen(several("compare", runs), reference, scorer, Path(out))
    table = comparing.compare(found, against)
    if page is not None:
        comparing.page_of(table, Path(page))
    return Comparison(table)


@public
def advise(
    runs: Sequence[Run | str | Path], *, scorer: str = "", out: str | Path = "runs"
) -> Advice:
    """Say whether more than one round is worth it, by runs at hand: do, don't, or not shown.

    What ``selfcorrect advise`` does; the result is what it prints with ``--json``, and shows itself
    as its sentences, in a notebook with its table.

    Args:
        runs, scorer, out: as in :func:`compare`; of one run alone its controls are taken along.

    Raises:
        UserError: as :func:`compare`; there is one run and none of its controls.
    """
    from selfcorrect.runs.advised import advised

    return advised(several("advise", runs), scorer, Path(out))


@public
def check(
    run: Run | str | Path,
    require: str | Sequence[str],
    *,
    scorer: str = "",
    data: str | None = None,
    out: str | Path = "runs",
) -> list[Requirement]:
    """Look whether a run meets what is required of it: what ``selfcorrect check`` does.

    Args:
        run: a run, its folder, or the beginning of its name in ``out``.
        require: what has to hold, one or several: ``"gain.low > -0.02"``. Differences and shares
            are decimals, −0.02 being 2 points less.
        scorer: by whose scores, where there are several.
        data: where the data of the run's task lie; only of a run that wasn't made here.
        out: the folder in which the runs' folders lie.

    Returns:
        A requirement each: its ``.text``, the number ``.seen`` (``None`` where the run doesn't tell
        it), and whether it ``.holds``.

    Raises:
        UserError: there is no such run, or a requirement isn't of that form or can't but hold.
    """
    from dataclasses import replace

    from selfcorrect.runs import compare as comparing
    from selfcorrect.runs.require import check as checked

    [found], _ = comparing.chosen([run], None, scorer, Path(out))
    summary = (found if data is None else replace(found, data=data)).summary()
    return checked(summary, [require] if isinstance(require, str) else list(require))


@public
def open_run(name: str | Path, *, scorer: str = "", out: str | Path = "runs") -> Run:
    """Open a run that exists, complete or not: what ``selfcorrect show`` takes.

    Args:
        name: its folder, or the beginning of its name in ``out``.
        scorer: by whose scores it is looked at, where there are several.
        out: the folder in which the runs' folders lie.

    Raises:
        UserError: there is no run, or more than one; it is damaged, or of another version.
    """
    from selfcorrect.runs import find_run

    found = find_run(str(name), Path(out))
    return found.seen_by(scorer) if scorer else found


@public
def list_runs(out: str | Path = "runs") -> pl.DataFrame:
    """The runs in a folder, a row each, newest first: what was run, and what it came to.

    What ``selfcorrect runs`` lists.

    Returns:
        Columns as :class:`selfcorrect.runs.listed.ListedRun` has them: ``name``, ``when``,
        ``model``, ``task``, ``strategy``, ``rounds``, ``dialogues``, ``wanted``, ``controls``,
        ``headline``, ``tokens``, ``money``, and ``problem``: why one can't be read, else empty.

    Raises:
        UserError: there is no such folder.
    """
    import polars as pl

    from selfcorrect.runs.listed import list_runs as listed

    kinds: dict[str, Any] = {
        "name": pl.String, "when": pl.String, "model": pl.String, "task": pl.String,
        "strategy": pl.String, "rounds": pl.Int64, "dialogues": pl.Int64, "wanted": pl.Int64,
        "controls": pl.List(pl.String), "headline": pl.String, "tokens": pl.Float64,
        "money": pl.Float64, "problem": pl.String,
    }  # fmt: skip
    return pl.DataFrame([each.table() for each in listed(out)], schema=kinds)


@public
def study(
    name: str,
    *,
    spec: RunSpec | None = None,
    runs: Mapping[str, Run] | None = None,
    out: str | Path = "runs",
    **options: Any,
) -> Done:
    """Execute a study: several runs, one question; or a published claim, computed.

    What ``selfcorrect study NAME`` and ``selfcorrect theory NAME`` do; see ``selfcorrect list
    studies``.

    Args:
        name: ``convergence``, ``steering``, …; ``construct``, ``train``, ``concepts``, ``bridge``.
        spec: what its runs have in common, see :func:`read_spec`.
        runs: runs that exist, by arm, in place of those that it plans.
        out: the folder in which the runs' folders lie, and the study's beside them.
        options: its own, as on the command line, with ``_`` for ``-``.

    Returns:
        ``.result`` (as JSON has it), ``.sheet``, and the files ``.json`` and ``.page``; it shows
        itself: as its findings, in a notebook with charts and tables.

    Raises:
        UserError: there is no such study or option, or runs that can't answer it.
    """
    from selfcorrect.studies.execute import execute

    return execute(name, options, spec=spec, runs=runs, out=Path(out))


@public
def read_spec(path: str | Path | None = None, overrides: Sequence[str] = ()) -> RunSpec:
    """Read a spec from a TOML file, then apply overrides such as ``model.dtype=float32``.

    Raises:
        UserError: the file can't be read, or a key or value in it is wrong; with file and line.
    """
    from selfcorrect.runs import read_spec

    return read_spec(path, overrides)
