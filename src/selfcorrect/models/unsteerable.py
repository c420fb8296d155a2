"""Models that can't be steered, as nothing can be added to their hidden states."""

from __future__ import annotations

from selfcorrect.errors import UserError


def unsteerable(name: str) -> UserError:
    """The error of a model that is asked to be steered and shows no hidden states."""
    return UserError(
        f"the model {name!r} can't be steered: its hidden states are out of reach; use a local "
        "transformer, or ask for no steer."
    )
