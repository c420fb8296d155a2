"""What goes wrong when transformers reads a model's files, in one sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Make one sentence of whatever transformers raises, and keep its progress bars quiet.

    Every loader is told ``trust_remote_code``, which is false unless the user has said otherwise.
    Without it transformers asks on stdin whether to run the Python that lies in the folder.

    Args:
        what: is read, to begin the sentence with.

    Raises:
        UserError: it can't be read.
    """
    with quiet():
        try:
            yield
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # broken or hostile files fail in many ways, panics too
            if "trust_remote_code" in str(error):
                raise needs_code(what) from error
            raise UserError(f"{what} could not be read: {first_line(error)}") from error


def needs_code(what: str) -> UserError:
    """The error of a model that only its own Python could load."""
    return UserError(
        f"{what} needs Python code of its own (auto_map in its configuration), which may do "
        "whatever you may: use a model that transformers can load without it, or have it run with "
        "--trust-remote-code once you have read it."
    )


def first_line(error: BaseException) -> str:
    """The first line of a library's error, for a sentence of ours."""
    if "ignore_mismatched_sizes" in str(error):  # transformers speaks of a report "above"
        return "its weights have other sizes than its configuration says"
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


@contextmanager
def quiet() -> Iterator[None]:
    """Progress bars of the loader would break ours, and its reports are for its own users."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


def json_of(file: Path) -> dict[str, Any]:
    """The table in a file of a model's folder; empty where there is none.

    Raises:
        UserError: it is no JSON.
    """
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        return {}
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not valid JSON ({error}); download it again.") from error
    return held if isinstance(held, dict) else {}
