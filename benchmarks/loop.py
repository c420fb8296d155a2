"""The loop everyone would write first: ``generate()`` on the whole transcript, one dialogue a time.

Greedy, the same end tokens, no repetition penalty, one thread; keys and values are kept within a
reply, as ``generate()`` does.
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
    network: Any = transformers.AutoModelForCausalLM.from_pretrained(
        arguments.model, dtype=getattr(torch, arguments.dtype), trust_remote_code=False
    ).eval()
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
        arguments.model, trust_remote_code=False
    )
    prefill, review = arguments.dialogues["prefill"], arguments.dialogues["review"]

    @torch.inference_mode()
    def hold(first: Sequence[str], _concurrency: int) -> Held:
        answers: list[list[str]] = []
        generated = 0
        for text in first:
            messages = [{"role": "user", "content": text}]
            mine: list[str] = []
            for number in range(arguments.rounds):
                if number:
                    messages.append({"role": "user", "content": review})
                prompt = tokenizer.apply_chat_template(
                    messages, tokenize=False, add_generation_prompt=True
                )
                inputs = tokenizer(prompt + prefill, add_special_tokens=False, return_tensors="pt")
                output = network.generate(
                    **inputs,
                    max_new_tokens=arguments.max_new_tokens,
                    do_sample=False,
                    repetition_penalty=1.0,
                )
                new = output[0, inputs["input_ids"].shape[1] :]
                generated += len(new)
                mine.append(tokenizer.decode(new, skip_special_tokens=True))
                messages.append({"role": "assistant", "content": prefill + mine[-1]})
            answers.append(mine)
        return Held(answers, generated)

    return hold, {"transformers": transformers.__version__, "dtype": arguments.dtype}


def main() -> None:
    given = arguments()
    serve(lambda: load(given), given.dialogues["first"])


if __name__ == "__main__":
    main()
