"""A table that a benchmark measured, put where a docs page has its place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def command(main: Callable[[], object]) -> None:
    """Do it; Ctrl-C is one sentence and status 130."""
    try:
        main()
    except KeyboardInterrupt:
        print("interrupted: no table is written, as one is of one state of the code; the same "
              "command begins again", file=sys.stderr)  # fmt: skip
        raise SystemExit(130) from None


def goal(low: float, high: float) -> str:
    """Between what a share should lie, in words."""
    ends = [f"{100 * each:.1f}".removesuffix(".0") for each in (low, high)]
    if low == 0:
        return f"at most {ends[1]} %"
    return f"at least {ends[0]} %" if high == 1 else f"{ends[0]}-{ends[1]} %"


def found(share: float, low: float, high: float) -> str:
    """What was found, and whether it lies outside."""
    return f"{100 * share:.1f} %" + ("" if low <= share <= high else " (outside)")


def filled(page: Path, name: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The page's text with this table between ``<!-- NAME -->`` and ``<!-- end of NAME -->``."""
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    before, _, rest = page.read_text("utf-8").partition(f"<!-- {name} -->\n")
    after = rest.partition(f"<!-- end of {name} -->")[2]
    return f"{before}<!-- {name} -->\n{table}\n<!-- end of {name} -->{after}"
