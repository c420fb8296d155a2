"""Where the command begins: imports happen here, so that Ctrl-C is one line even then."""

from __future__ import annotations

import sys

from selfcorrect.errors import INTERRUPTED


def main() -> None:
    """The entry point of the ``selfcorrect`` command, and of ``python -m selfcorrect``."""
    try:
        from selfcorrect import cli

        cli.main()
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
