"""Whether a strategy that shows pictures, or keeps them back, has some."""

from __future__ import annotations

from selfcorrect.errors import UserError
from selfcorrect.strategies.base import Strategy


def check_images(strategy: Strategy, task: str, *, images: bool, others: bool) -> None:
    """Check that the examples have the pictures that a strategy speaks of.

    Args:
        strategy: as read from its file.
        task: the task's name.
        images: its examples have pictures.
        others: each is one of a pair, so that there is another picture of the same question.

    Raises:
        UserError: they don't; with file and line.
    """
    for step in (*strategy.first, *strategy.again):
        where = f"{strategy.path}:{step.line}"
        if step.image is not None and not images:
            raise UserError(
                f"{where}: this step says which picture is shown, and the examples of the task "
                f"{task!r} have none: use another strategy, or a task with pictures such as shapes."
            )
        if step.image == "other" and not others:
            raise UserError(
                f"{where}: this step shows the pair's other picture, and the examples of the task "
                f"{task!r} are no pairs: use a task of pairs such as mmvp or shapes."
            )
