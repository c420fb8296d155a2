"""The dialogues held by inspect_ai's hf provider, in inspect_ai's own environment.

An ordinary task with a solver of five rounds; every round sends the whole conversation. The
provider can't continue an assistant message, so the answer's lead-in is put at the end of the
chat template that it is given: the model sees the same tokens as on every other side.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from benchmarks import side

#: how the model's template opens the assistant's turn; the lead-in goes right behind it
OPENING = "{{ '<|im_start|>assistant\n' }}"


def main() -> None:
    args = side.arguments()
    texts = args.dialogues

    def load() -> tuple[side.Hold, dict[str, Any]]:
        # the provider would ask the hub for a model called "local"
        os.environ["HF_HUB_OFFLINE"] = "1"
        from inspect_ai import Task, eval
        from inspect_ai.dataset import MemoryDataset, Sample
        from inspect_ai.model import ChatMessageAssistant, ChatMessageUser, get_model
        from inspect_ai.solver import Generate, Solver, TaskState, solver
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(args.model, trust_remote_code=False)
        template = tokenizer.chat_template
        if template.count(OPENING) != 1:
            raise SystemExit(f"{args.model}: the chat template opens its turn in another way")
        model = get_model(
            "hf/local",
            model_path=args.model,
            device="cpu",
            dtype=args.dtype,
            do_sample=False,
            chat_template=template.replace(OPENING, f"{OPENING}{{{{ {texts['prefill']!r} }}}}"),
        )

        @solver
        def self_correction(said: list[list[str]]) -> Solver:
            async def solve(state: TaskState, generate: Generate) -> TaskState:
                answers = said[int(state.sample_id)]
                for round in range(args.rounds):
                    if round:
                        state.messages.append(ChatMessageUser(content=texts["review"]))
                    state = await generate(state)
                    answers.append(state.output.completion)
                    state.messages[-1] = ChatMessageAssistant(
                        content=texts["prefill"] + answers[-1]
                    )
                return state

            return solve

        def hold(first: Sequence[str], concurrency: int) -> side.Held:
            said: list[list[str]] = [[] for _ in first]
            task = Task(
                dataset=MemoryDataset([Sample(input=text, id=i) for i, text in enumerate(first)]),
                solver=self_correction(said),
            )
            with tempfile.TemporaryDirectory() as folder:
                [log] = eval(
                    task,
                    model=model,
                    max_tokens=args.max_new_tokens,
                    max_connections=concurrency,
                    max_samples=concurrency,
                    display="none",
                    log_dir=folder,
                    log_realtime=False,
                    score=False,
                )
            if log.status != "success":
                raise SystemExit(f"inspect_ai: the evaluation ended with {log.status}: {log.error}")
            return side.Held(said)

        return hold, {"inspect_ai": version("inspect_ai"), "transformers": version("transformers")}

    side.serve(load, texts["first"])


if __name__ == "__main__":
    main()
