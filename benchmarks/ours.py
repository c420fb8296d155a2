"""Our side of every comparison: the conversations of ``selfcorrect.models``, on one core."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.side import Held, Hold, arguments, serve


def load(arguments: Any) -> tuple[Hold, dict[str, Any]]:
    """Open the model; the function returned holds dialogues, ``concurrency`` at a time."""
    import torch

    from selfcorrect.models import Request, message
    from selfcorrect.models import load as open_model

    torch.set_num_threads(1)

    model = open_model(arguments.model, arguments.dtype)
    review = message("user", arguments.dialogues["review"])
    # The letters' likelihoods are part of what a run records, so they are part of the time.
    request = Request(
        arguments.dialogues["prefill"], arguments.max_new_tokens, options=("a", "b", "c")
    )

    def hold(first: Sequence[str], concurrency: int) -> Held:
        answers: list[list[str]] = []
        generated = 0
        for at in range(0, len(first), concurrency):
            chunk = first[at : at + concurrency]
            held: list[list[str]] = [[] for _ in chunk]
            conversation = model.open(len(chunk))
            conversation.say([message("user", text) for text in chunk])
            for number in range(arguments.rounds):
                if number:
                    conversation.say([review] * len(chunk))
                for mine, reply in zip(
                    held, conversation.elicit([request] * len(chunk)), strict=True
                ):
                    assert reply is not None
                    mine.append(reply.text)
                    generated += reply.generated
            answers += held
        return Held(answers, generated)

    return hold, {"torch": torch.__version__, "dtype": model.dtype}


def main() -> None:
    given = arguments()
    serve(lambda: load(given), given.dialogues["first"])


if __name__ == "__main__":
    main()
