"""Our side of every comparison: the conversations of ``selfcorrect.models``, on one core."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.side import Held, Hold, arguments, serve


def load(arguments: Any) -> tuple[Hold, dict[str, Any]]:
    """Open the model; the function returned holds dialogues, ``concurrency`` at a time."""
    import torch

    from selfcorrect.messages import Message, image
    from selfcorrect.models import Request, message
    from selfcorrect.models import load as open_model
    from selfcorrect.models.local.vision.gallery import Gallery

    torch.set_num_threads(1)

    model: Any = open_model(arguments.model, arguments.dtype)
    told = arguments.dialogues
    pictures = dict(zip(told["first"], told.get("pictures", ()), strict="pictures" in told))
    review = message("user", told["review"])
    # The letters' likelihoods are part of what a run records, so they are part of the time.
    prefill = told["prefill"]
    letters = ("a", "b", "c") if prefill else ()
    request = Request(prefill, arguments.max_new_tokens, options=letters)

    def asked(text: str) -> Message:
        if not pictures:
            return message("user", text)
        path = Path(pictures[text])
        return Message("user", (image(path.name, path.parent), text))

    def encoded() -> int:
        return int(model.engine.eyes.calls) if pictures else 0

    def hold(first: Sequence[str], concurrency: int) -> Held:
        before = encoded()
        if pictures:
            model.engine.eyes.gallery = Gallery()  # no turn knows pictures of another
        answers: list[list[str]] = []
        tokens: list[list[list[int]]] = []
        generated = drafted = 0
        for at in range(0, len(first), concurrency):
            chunk = first[at : at + concurrency]
            held: list[list[str]] = [[] for _ in chunk]
            new: list[list[list[int]]] = [[] for _ in chunk]
            conversation = model.open(len(chunk))
            conversation.say([asked(text) for text in chunk])
            for number in range(arguments.rounds):
                if number:
                    conversation.say([review] * len(chunk))
                for k, reply in enumerate(conversation.elicit([request] * len(chunk))):
                    assert reply is not None
                    held[k].append(reply.text)
                    new[k].append(list(reply.token_ids))
                    generated += reply.generated
                    drafted += reply.drafted
            answers += held
            tokens += new
        return Held(answers, generated, tokens, drafted, encoded() - before)

    return hold, {"torch": torch.__version__, "dtype": model.dtype, "packed": model.engine.packed}


def main() -> None:
    given = arguments()
    serve(lambda: load(given), given.dialogues["first"], given.warm_up)


if __name__ == "__main__":
    main()
