"""The loop everyone would write first, on pictures: see ``benchmarks/pictures.py``.

Greedy, the same end tokens, one thread; the whole transcript and the picture go through
``generate()`` in every round, which keeps keys and values within a reply. A picture is read and
prepared once a dialogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.side import Held, Hold, arguments, serve


def load(arguments: Any) -> tuple[Hold, dict[str, Any]]:
    """Open the model with plain transformers."""
    import torch
    import transformers
    from PIL import Image

    torch.set_num_threads(1)
    network: Any = transformers.AutoModelForImageTextToText.from_pretrained(
        arguments.model, dtype=getattr(torch, arguments.dtype), trust_remote_code=False
    ).eval()
    processor: Any = transformers.AutoProcessor.from_pretrained(
        arguments.model, trust_remote_code=False
    )
    told = arguments.dialogues
    pictures = dict(zip(told["first"], told["pictures"], strict=True))
    calls: list[int] = []
    network.model.vision_tower.register_forward_hook(lambda *_: calls.append(1))

    @torch.inference_mode()
    def hold(first: Sequence[str], _concurrency: int) -> Held:
        calls.clear()
        answers: list[list[str]] = []
        tokens: list[list[list[int]]] = []
        for text in first:
            picture = Image.open(pictures[text]).convert("RGB")
            parts = [{"type": "image"}, {"type": "text", "text": text}]
            messages: list[dict[str, Any]] = [{"role": "user", "content": parts}]
            mine: list[str] = []
            new: list[list[int]] = []
            for number in range(arguments.rounds):
                if number:
                    messages.append({"role": "user", "content": told["review"]})
                prompt = processor.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=True
                )
                inputs = processor(
                    images=[picture],
                    text=[prompt + told["prefill"]],
                    add_special_tokens=False,
                    return_tensors="pt",
                )
                output = network.generate(
                    **inputs, max_new_tokens=arguments.max_new_tokens, do_sample=False
                )
                new.append(output[0, inputs["input_ids"].shape[1] :].tolist())
                mine.append(processor.tokenizer.decode(new[-1], skip_special_tokens=True))
                messages.append({"role": "assistant", "content": told["prefill"] + mine[-1]})
            answers.append(mine)
            tokens.append(new)
        generated = sum(len(reply) for mine in tokens for reply in mine)
        return Held(answers, generated, tokens, pictures=len(calls))

    return hold, {"transformers": transformers.__version__, "dtype": arguments.dtype}


def main() -> None:
    given = arguments()
    serve(lambda: load(given), given.dialogues["first"], given.warm_up)


if __name__ == "__main__":
    main()
