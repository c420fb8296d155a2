"""``python -m selfcorrect.models.planted.mixture FOLDER``: trains the weights into a folder."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Train by the recipe, write the folder, and tell how far it is from the exact predictive."""
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(f"usage: python -m {__package__} FOLDER")
    folder = Path(sys.argv[1])
    from selfcorrect.models.planted.mixture.recipe import Recipe
    from selfcorrect.models.planted.mixture.training import train, write

    recipe = Recipe()
    folder.mkdir(parents=True, exist_ok=True)

    def told(step: int, loss: float) -> None:
        if step % 20 == 0 or step == recipe.steps:
            print(f"\rstep {step} of {recipe.steps}, loss {loss:.3f}", end="", file=sys.stderr)

    found = write(train(recipe, told=told), recipe, folder)
    print(file=sys.stderr)
    rounds = "  ".join(f"{kl:.4f}" for kl in found["kl"])
    print(f"KL from the exact predictive, in nats, by round: {rounds} ({found['n']} dialogues)")


if __name__ == "__main__":
    main()
