"""Our side of the comparison on pictures: see ``benchmarks/pictures.py``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.side import Held, Hold, arguments, serve


def load(arguments: Any) -> tuple[Hold, dict[str, Any]]:
    """Open the model; the function returned holds ``concurrency`` dialogues at a time."""
    import torch

    from selfcorrect.messages import Message, image, message
    from selfcorrect.models.base import Request
    from selfcorrect.models.local.model import LocalModel
    from selfcorrect.models.local.vision.gallery import Gallery

    torch.set_num_threads(1)
    model = LocalModel.load(arguments.model, arguments.dtype, "cpu")
    eyes = model.engine.eyes
    assert eyes is not None
    told = arguments.dialogues
    pictures = dict(zip(told["first"], told["pictures"], strict=True))
    review = message("user", told["review"])
    request = Request(told["prefill"], arguments.max_new_tokens, options=("a", "b", "c"))

    def hold(first: Sequence[str], concurrency: int) -> Held:
        eyes.gallery, before = Gallery(), eyes.calls  # no turn knows pictures of another
        answers: list[list[str]] = []
        tokens: list[list[list[int]]] = []
        for at in range(0, len(first), concurrency):
            chunk = first[at : at + concurrency]
            held: list[list[str]] = [[] for _ in chunk]
            new: list[list[list[int]]] = [[] for _ in chunk]
            talk = model.open(len(chunk))
            paths = [Path(pictures[text]) for text in chunk]
            shown = [image(path.name, path.parent) for path in paths]
            talk.say(
                [Message("user", (each, text)) for each, text in zip(shown, chunk, strict=True)]
            )
            for number in range(arguments.rounds):
                if number:
                    talk.say([review] * len(chunk))
                for k, reply in enumerate(talk.elicit([request] * len(chunk))):
                    assert reply is not None
                    held[k].append(reply.text)
                    new[k].append(list(reply.token_ids))
            answers += held
            tokens += new
        generated = sum(len(reply) for mine in tokens for reply in mine)
        return Held(answers, generated, tokens, pictures=eyes.calls - before)

    return hold, {"torch": torch.__version__, "packed": model.engine.packed}


def main() -> None:
    given = arguments()
    serve(lambda: load(given), given.dialogues["first"], given.warm_up)


if __name__ == "__main__":
    main()
