"""Thoughts that are cut off in a run's first chunk: the run stops before it costs more."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from selfcorrect.converse.thoughts import THINKING
from selfcorrect.errors import UserError

#: So many thoughts decide, or those of the chunk's first round if it has fewer dialogues.
_ENOUGH = 8
#: A larger share of them may not be cut off.
_MOST = 0.25


@dataclass
class Watch:
    """The thoughts of the first dialogues that a worker has taken; for use from several threads.

    Attributes:
        made, cut: how many there are, and how many of them were cut off.
        over: enough were seen.
    """

    made: int = 0
    cut: int = 0
    over: bool = False
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def look(self, rows: Sequence[Mapping[str, Any]], dialogues: int) -> None:
        """See the records of a round of some dialogues of the first chunk, which has so many.

        Raises:
            UserError: too many thoughts were cut off.
        """
        if self.over:
            return
        steps = [step for row in rows for step in row["steps"] if step["kind"] == THINKING]
        with self._turn:
            self.made += len(steps)
            self.cut += sum(step["finish"] == "length" for step in steps)
            self.over = self.made >= dialogues or (not steps and self.made == 0)
            if self.made >= min(_ENOUGH, dialogues) and self.cut > _MOST * self.made:
                longest = max(step["generated"] for step in steps) if steps else 0
                raise UserError(
                    f"{self.cut} of the first {self.made} replies were cut off while the model "
                    f"thought ({longest:,} tokens and no end), so the run stopped: give a larger "
                    "--max-thinking (model.max_thinking), or --thinking off."
                )
