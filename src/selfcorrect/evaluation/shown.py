"""What a model prefers, as a value that shows itself."""

from __future__ import annotations

from typing import Any

from selfcorrect.evaluation.sheet import sheet
from selfcorrect.report.sheet import Sheet
from selfcorrect.text import visible


class Bias(dict[str, Any]):
    """What ``selfcorrect bias --json`` prints.

    Shown, it is its findings; in a notebook, its sheet.
    """

    @property
    def sheet(self) -> Sheet:
        """Its findings and its tables."""
        return sheet(self)

    def __repr__(self) -> str:
        return visible("\n".join(self.sheet.findings), lines=True)

    def _repr_html_(self) -> str:
        from selfcorrect.report.notebook import of_sheet

        return of_sheet(self.sheet)
