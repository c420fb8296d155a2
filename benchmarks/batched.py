"""The loop with batches: ``generate()`` on whole transcripts, padded on the left, in one batch.

Greedy, the same end tokens, no repetition penalty, one thread; keys and values are kept within a
round, as ``generate()`` does, and the whole dialogue is encoded again in the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.side import Held, Hold, arguments, serve


def load(arguments: Any) -> tuple[Hold, dict[str, Any]]:
    """Open the model with plain transformers; the function returned holds ``concurrency``
    dialogues at a time."""
    import torch
    import transformers

    torch.set_num_threads(1)
    network: Any = transformers.AutoModelForCausalLM.from_pretrained(
        arguments.model, dtype=getattr(torch, arguments.dtype), trust_remote_code=False
    ).eval()
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
        arguments.model, padding_side="left", trust_remote_code=False
    )
    ends = network.generation_config.eos_token_id
    ends = set(ends) if isinstance(ends, list) else {ends}
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    prefill, review = arguments.dialogues["prefill"], arguments.dialogues["review"]

    @torch.inference_mode()
    def hold(first: Sequence[str], concurrency: int) -> Held:
        answers: list[list[str]] = []
        tokens: list[list[list[int]]] = []
        for at in range(0, len(first), concurrency):
            chunk = first[at : at + concurrency]
            dialogues = [[{"role": "user", "content": text}] for text in chunk]
            said: list[list[str]] = [[] for _ in chunk]
            new: list[list[list[int]]] = [[] for _ in chunk]
            for number in range(arguments.rounds):
                if number:
                    for messages in dialogues:
                        messages.append({"role": "user", "content": review})
                prompts = [
                    tokenizer.apply_chat_template(m, tokenize=False, add_generation_prompt=True)
                    + prefill
                    for m in dialogues
                ]
                inputs = tokenizer(
                    prompts, add_special_tokens=False, padding=True, return_tensors="pt"
                )
                output = network.generate(
                    **inputs,
                    max_new_tokens=arguments.max_new_tokens,
                    do_sample=False,
                    repetition_penalty=1.0,
                    pad_token_id=tokenizer.pad_token_id,
                )
                for k, row in enumerate(output[:, inputs["input_ids"].shape[1] :].tolist()):
                    end = next((n + 1 for n, token in enumerate(row) if token in ends), len(row))
                    new[k].append(row[:end])
                    said[k].append(tokenizer.decode(row[:end], skip_special_tokens=True))
                    dialogues[k].append({"role": "assistant", "content": prefill + said[k][-1]})
            answers += said
            tokens += new
        generated = sum(len(row) for mine in tokens for row in mine)
        return Held(answers, generated, tokens)

    return hold, {"transformers": transformers.__version__, "dtype": arguments.dtype}


def main() -> None:
    given = arguments()
    serve(lambda: load(given), given.dialogues["first"], given.warm_up)


if __name__ == "__main__":
    main()
