"""The dialogues held by vLLM on the CPU, in vLLM's own environment.

Every round re-sends the whole dialogue; vLLM's prefix cache finds what it has seen. Chosen by
measurement on this workload: blocks of 32 tokens (the smallest its CPU attention takes: of a
dialogue only full blocks are found again; the default of 128 took a third longer), the offline
engine in this process, rounds in lockstep (starting each dialogue's next round by itself, as its
answer arrives, was as fast or slower), everything else at its default, compilation included.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from benchmarks import side

BLOCK = 32
MAX_LENGTH = 2048


def main() -> None:
    args = side.arguments()
    texts = args.dialogues

    def load() -> tuple[side.Hold, dict[str, Any]]:
        # one core for everything: an engine process of its own would only add messages
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = "4"  # GiB; more than the dialogues need
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        import vllm

        llm = vllm.LLM(
            args.model,
            dtype=args.dtype,
            enable_prefix_caching=True,
            block_size=BLOCK,
            max_model_len=MAX_LENGTH,
            max_num_seqs=256,
        )
        tokenizer = llm.get_tokenizer()
        sampling = vllm.SamplingParams(temperature=0, max_tokens=args.max_new_tokens)

        def prompt(messages: list[dict[str, str]]) -> dict[str, list[int]]:
            text = tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=False
            )
            ids = tokenizer(text + texts["prefill"], add_special_tokens=False)["input_ids"]
            return {"prompt_token_ids": ids}

        def hold(first: Sequence[str], concurrency: int) -> side.Held:
            llm.reset_prefix_cache()  # nothing kept from the last time
            answers: list[list[str]] = []
            generated = 0
            for start in range(0, len(first), concurrency):
                chunk = [
                    [{"role": "user", "content": text}]
                    for text in first[start : start + concurrency]
                ]
                said: list[list[str]] = [[] for _ in chunk]
                for _ in range(args.rounds):
                    outputs = llm.generate(
                        [prompt(messages) for messages in chunk], sampling, use_tqdm=False
                    )
                    for messages, answer, output in zip(chunk, said, outputs, strict=True):
                        text = output.outputs[0].text
                        generated += len(output.outputs[0].token_ids)
                        answer.append(text)
                        messages += [
                            {"role": "assistant", "content": texts["prefill"] + text},
                            {"role": "user", "content": texts["review"]},
                        ]
                answers += said
            return side.Held(answers, generated)

        return hold, {"vllm": vllm.__version__, "block": BLOCK}

    side.serve(load, texts["first"], args.warm_up)


if __name__ == "__main__":
    main()
