"""The usual script for semantic entropy: ``generate()`` for each draw, every pair judged."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path
from typing import Any

import torch
import transformers


class Script:
    """A language model and a classifier by plain transformers.

    Args:
        folder: of the language model.
        nli: of the classifier.
        dtype: of the language model.
    """

    def __init__(self, folder: Path, nli: Path, dtype: str) -> None:
        self.network: Any = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=getattr(torch, dtype), trust_remote_code=False
        ).eval()
        self.tokenizer: Any = transformers.AutoTokenizer.from_pretrained(
            folder, padding_side="left", trust_remote_code=False
        )
        self.judge: Any = transformers.AutoModelForSequenceClassification.from_pretrained(
            nli, trust_remote_code=False
        ).eval()
        self.pairs: Any = transformers.AutoTokenizer.from_pretrained(nli, trust_remote_code=False)

    @torch.inference_mode()
    def through(
        self, first: Sequence[str], again: Sequence[str], *, k: int, tokens: int, batch: int
    ) -> list[list[int]]:
        """Two rounds of every dialogue; returns the groups of the samples of each round."""
        found = []
        for at in range(0, len(first), batch):
            talks = [[{"role": "user", "content": text}] for text in first[at : at + batch]]
            for number in range(2):
                if number:
                    for talk, text in zip(talks, again[at : at + batch], strict=True):
                        talk.append({"role": "user", "content": text})
                drawn = [self._generate(talks, tokens, sample=True) for _ in range(k)]
                for row in range(len(talks)):
                    texts = [replies[row] for replies in drawn]
                    found.append(self._groups(talks[row][0]["content"], texts))
                for talk, text in zip(talks, self._generate(talks, tokens), strict=True):
                    talk.append({"role": "assistant", "content": text})
        return found

    def _generate(self, talks: Sequence[Any], tokens: int, *, sample: bool = False) -> list[str]:
        prompts = [
            self.tokenizer.apply_chat_template(t, tokenize=False, add_generation_prompt=True)
            for t in talks
        ]
        inputs = self.tokenizer(
            prompts, add_special_tokens=False, padding=True, return_tensors="pt"
        )
        how: dict[str, Any] = (
            {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}
            if sample
            else {"do_sample": False}
        )
        output = self.network.generate(
            **inputs,
            max_new_tokens=tokens,
            repetition_penalty=1.0,
            return_dict_in_generate=True,
            output_scores=sample,
            **how,
        )
        if sample:
            self.network.compute_transition_scores(
                output.sequences, output.scores, normalize_logits=True
            )
        new = output.sequences[:, inputs["input_ids"].shape[1] :]
        texts: list[str] = self.tokenizer.batch_decode(new, skip_special_tokens=True)
        return texts

    def _groups(self, question: str, texts: Sequence[str]) -> list[int]:
        """Groups by mutual entailment, from a judgement of every ordered pair."""
        entails = {}
        for a, b in permutations(range(len(texts)), 2):
            inputs = self.pairs(
                f"{question} {texts[a]}",
                f"{question} {texts[b]}",
                truncation=True,
                return_tensors="pt",
            )
            inputs.pop("token_type_ids", None)
            verdict = int(self.judge(**inputs).logits.argmax())
            entails[a, b] = self.judge.config.id2label[verdict] == "entailment"
        groups: list[int] = []
        heads: list[int] = []
        for b in range(len(texts)):
            same = (g for g, a in enumerate(heads) if entails[a, b] and entails[b, a])
            group = next(same, len(heads))
            if group == len(heads):
                heads.append(b)
            groups.append(group)
        return groups
