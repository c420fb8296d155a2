"""The Python side of runs that exist: compared, advised on, opened; and specs that are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfcorrect.arguments import several

if TYPE_CHECKING:
    from selfcorrect.runs import Run, RunSpec
    from selfcorrect.runs.advised import Advice


def compare(
    runs: Sequence[Run | str | Path],
    *,
    reference: Run | str | Path | None = None,
    scorer: str = "",
    out: str | Path = "runs",
    page: str | Path | None = None,
) -> dict[str, Any]:
    """Compare runs on the examples that they share: each with one of them, the best, the cost.

    What ``selfcorrect compare`` does; the dictionary is what it prints with ``--json``.

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

    found, against = comparing.chosen(several("compare", runs), reference, scorer, Path(out))
    table = comparing.compare(found, against)
    if page is not None:
        comparing.page_of(table, Path(page))
    return table


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


def open_run(folder: str | Path) -> Run:
    """Open the folder of a run, complete or not.

    Raises:
        UserError: there is no run, it is damaged, or it is of another version.
    """
    from selfcorrect.runs import open_run

    return open_run(folder)


def read_spec(path: str | Path | None = None, overrides: Sequence[str] = ()) -> RunSpec:
    """Read a spec from a TOML file, then apply overrides such as ``model.dtype=float32``.

    Raises:
        UserError: the file can't be read, or a key or value in it is wrong; with file and line.
    """
    from selfcorrect.runs import read_spec

    return read_spec(path, overrides)
