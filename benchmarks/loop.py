"""The loop everyone would write first: ``generate()`` on the whole transcript, one dialogue a time.

Greedy, the same end tokens, no repetition penalty, one thread; keys and values are kept within a
reply, as ``generate()`` does. Where the dialogues have pictures, one each, the picture is read once
a dialogue and goes through ``generate()`` in every round, as the transcript does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.side import Held, Hold, arguments, serve


def load(arguments: Any) -> tuple[Hold, dict[str, Any]]:
    """Open the model with plain transformers."""
    import torch
    import transformers

    torch.set_num_threads(1)
    told = arguments.dialogues
    prefill, review = told["prefill"], told["review"]
    pictures = dict(zip(told["first"], told.get("pictures", ()), strict="pictures" in told))
    kind: Any = transformers.AutoModelForCausalLM
    reads: Any = transformers.AutoTokenizer
    if pictures:
        kind, reads = transformers.AutoModelForImageTextToText, transformers.AutoProcessor
    network: Any = kind.from_pretrained(
        arguments.model, dtype=getattr(torch, arguments.dtype), trust_remote_code=False
    )
    processor: Any = reads.from_pretrained(arguments.model, trust_remote_code=False)
    calls: list[int] = []
    if pictures:
        network.model.vision_tower.register_forward_hook(lambda *_: calls.append(1))

    def asked(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """The first message, and what the processor gets beside the transcript."""
        if not pictures:
            return {"role": "user", "content": text}, {}
        from PIL import Image

        parts = [{"type": "image"}, {"type": "text", "text": text}]
        picture = Image.open(pictures[text]).convert("RGB")
        return {"role": "user", "content": parts}, {"images": [picture]}

    @torch.inference_mode()
    def hold(first: Sequence[str], _concurrency: int) -> Held:
        calls.clear()
        answers: list[list[str]] = []
        tokens: list[list[list[int]]] = []
        for text in first:
            question, shown = asked(text)
            messages = [question]
            mine: list[str] = []
            new: list[list[int]] = []
            for number in range(arguments.rounds):
                if number:
                    messages.append({"role": "user", "content": review})
                prompt = processor.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=True
                )
                inputs = processor(
                    text=[prompt + prefill], add_special_tokens=False, return_tensors="pt", **shown
                )
                output = network.generate(
                    **inputs,
                    max_new_tokens=arguments.max_new_tokens,
                    do_sample=False,
                    repetition_penalty=1.0,
                )
                new.append(output[0, inputs["input_ids"].shape[1] :].tolist())
                mine.append(processor.decode(new[-1], skip_special_tokens=True))
                messages.append({"role": "assistant", "content": prefill + mine[-1]})
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
