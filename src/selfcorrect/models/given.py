"""A model that is an object of the user's program."""

from __future__ import annotations

from selfcorrect.errors import UserError
from selfcorrect.models.base import Model


def check_model(model: object) -> None:
    """Check that an object from Python is a model, as far as can be seen without asking it.

    Raises:
        UserError: it lacks something; says what.
    """
    members = (name for name in vars(Model) if not name.startswith("_"))
    missing = [name for name in members if not hasattr(model, name)]
    if missing:
        raise UserError(
            f"an object of type {type(model).__name__} is no model: it has no "
            f"{', '.join(missing)}; see selfcorrect.models.Model, and InProcess for the defaults."
        )
