"""The one exception a user meets: a sentence that says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class UserError(Exception):
    """Something in the user's input, files or machine is wrong.

    The message is one sentence that says what is wrong and what to do, with file and line where
    there is one. The command line prints it to standard error and exits with status 2.

    Attributes:
        trace: where it was a user's own code that failed, the traceback, cut short: shown once,
            before the sentence.
        details: where one sentence is about several places, a line on each of the first.
    """

    def __init__(self, sentence: str, trace: str = "", details: Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.trace = trace
        self.details = tuple(details)

    def __str__(self) -> str:
        return "\n".join((*map(str, self.args), *self.details))


def _place(name: str, usual: Sequence[str]) -> int:
    """Where a name, or what it begins with (``unread.last``), stands among the usual ones."""
    of = name if name in usual else name.partition(".")[0]
    return usual.index(of) if of in usual else len(usual)


#: So many names are listed: a folder may hold a thousand runs, a table as many columns.
_NAMED = 40

#: What Ctrl-C says where no run is under way.
INTERRUPTED = "selfcorrect: interrupted; nothing that was finished is lost."


def nearest(name: str, known: Iterable[str], first: Iterable[str] = ()) -> str:
    """``did you mean 'bbq'? (known: bbq, choices)``, for errors about an unknown name.

    Args:
        name: that isn't known.
        known: those that are.
        first: the usual ones, in their order: those are listed first.
    """
    usual = list(first)
    names = sorted(known, key=lambda each: (_place(each, usual), each))
    close = difflib.get_close_matches(name, names, n=2, cutoff=0.5)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED + 1 else ""
    listed = ", ".join(names[:_NAMED] if more else names) + more
    if not close:
        return f"known are {listed}" if len(names) > 1 else f"the only one is {listed}"
    return f"did you mean {' or '.join(map(repr, close))}? (known: {listed})"
