"""A comparison of runs, as a value that shows itself."""

from __future__ import annotations

from typing import Any

from selfcorrect.report.sheet import Sheet
from selfcorrect.text import visible


class Comparison(dict[str, Any]):
    """What ``selfcorrect compare --json`` prints. Shown, it is its findings and its advice; in a
    notebook, its sheet."""

    @property
    def sheet(self) -> Sheet:
        """Its findings, tables and charts."""
        from selfcorrect.report.comparison import sheet

        return sheet(self)

    def __repr__(self) -> str:
        return visible("\n".join([*self["findings"], *self["advice"]["said"]]), lines=True)

    def _repr_html_(self) -> str:
        from selfcorrect.report.notebook import of_sheet

        return of_sheet(self.sheet)
