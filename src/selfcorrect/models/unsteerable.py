"""Models that can't be steered, as nothing can be added to their hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from selfcorrect.errors import UserError

if TYPE_CHECKING:
    from selfcorrect.models.base import Request


def unsteerable(name: str) -> UserError:
    """The error of a model that is asked to be steered and shows no hidden states."""
    return UserError(
        f"the model {name!r} can't be steered: its hidden states are out of reach; use a local "
        "transformer, or ask for no steer."
    )


def refuse_steers(name: str, requests: Sequence[Request | None]) -> None:
    """For a model that can't be steered.

    Raises:
        UserError: a request has a steer.
    """
    if any(request is not None and request.steer is not None for request in requests):
        raise unsteerable(name)
