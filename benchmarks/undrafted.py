"""Our side without drafts: what is left of the figure if no reply ever repeats anything."""

from __future__ import annotations

from typing import Any

from benchmarks import ours

from selfcorrect.models.local.drafts import Drafter


def _nothing(*_: Any) -> list[int]:
    return []


def main() -> None:
    Drafter.first = Drafter.next = _nothing  # type: ignore[method-assign, assignment]
    ours.main()


if __name__ == "__main__":
    main()
