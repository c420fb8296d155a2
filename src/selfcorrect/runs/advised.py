"""Advice by the names of runs, as a value that shows itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfcorrect.report import advice
from selfcorrect.report.sheet import Sheet
from selfcorrect.runs.advise import advice_on
from selfcorrect.runs.compare import chosen
from selfcorrect.runs.run import Run
from selfcorrect.text import visible


class Advice(dict[str, Any]):
    """What ``selfcorrect advise --json`` prints. Shown, it is its sentences; in a notebook, its
    sheet.

    Attributes:
        sheet: its sentences and its table.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        """Of what :func:`selfcorrect.runs.advise.advice_on` makes."""
        super().__init__(table["advice"])
        self.sheet: Sheet = advice.sheet(table)

    def __repr__(self) -> str:
        return visible("\n".join(self["said"]), lines=True)

    def _repr_html_(self) -> str:
        from selfcorrect.report.notebook import of_sheet

        return of_sheet(self.sheet)


def advised(names: Sequence[Run | str | Path], scorer: str, out: Path) -> Advice:
    """Say what the runs of these names come to, with the controls that lie beside them.

    Raises:
        UserError: there is no such run, it is alone, or they can't be compared.
    """
    runs, _ = chosen(names, None, scorer, out)
    return Advice(advice_on(runs))
