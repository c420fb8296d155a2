"""Tiny random models and tokenizers made on the spot, and the slow loop the engine must match."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedTokenizerFast

from selfcorrect.models.local.model import LocalModel

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
#: Refuses the system role and two turns of one role in a row; strips what it is given.
ALTERNATING = (
    "<s>{% for m in messages %}"
    "{% if m.role not in ['user', 'assistant'] or (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate user/assistant') }}{% endif %}"
    "<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
#: Forgets what earlier assistant turns said beyond their first word.
FORGETFUL = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n"
    "{% if m.role == 'assistant' and loop.revindex > 2 %}{{ (m.content ~ ' x').split()[0] }}"
    "{% else %}{{ m.content }}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
#: Drops all earlier assistant turns.
DROPPING = (
    "{% for m in messages %}{% if m.role != 'assistant' or loop.last %}"
    "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
#: Markers that are ordinary text.
BRACKETS = (
    "<s>{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }}</s>{% endif %}{% endfor %}"
)

SPECIAL = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|im_start|>x")
_CORPUS = [
    "The best answer is (a) because nobody knows. The best answer is (b). (c) can't be determined.",
    "Review your previous answer. If you are confident, keep it; otherwise, update it.\n\n",
    "user assistant system What is the capital of France? Paris, Rome, or I don't know."
    "\n(a) yes\n(b) no",
    "Instruction: be kind.\n\nUser: who is it?\n\nAssistant: the grandfather and the grandson",
] * 3


@cache
def _byte_level() -> str:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=420, special_tokens=list(SPECIAL), initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(_CORPUS, trainer)
    text: str = made.to_str()
    return text


@cache
def _metaspace() -> str:
    """As Llama-2's: a space is put before the text, and the decoder takes it off again."""
    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    made.decoder = decoders.Metaspace(prepend_scheme="first")
    letters = sorted(set("".join(_CORPUS) + "▁"))
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=list(SPECIAL), initial_alphabet=letters, show_progress=False
    )
    made.train_from_iterator(_CORPUS, trainer)
    text: str = made.to_str()
    return text


def tokenizer(
    template: str | None = CHATML, *, kind: str = "bytes", lowercase: bool = False, **more: Any
) -> Any:
    """A tokenizer of a few hundred tokens; ``kind`` is ``bytes`` or ``metaspace``."""
    made = Tokenizer.from_str(_byte_level() if kind == "bytes" else _metaspace())
    if lowercase:
        made.normalizer = normalizers.Lowercase()
    settings = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "<|im_end|>", **more}
    fast = PreTrainedTokenizerFast(tokenizer_object=made, **settings)
    fast.chat_template = template
    return fast


_SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 1024,
    "initializer_range": 0.3,
    "tie_word_embeddings": False,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 4,
}

#: Configurations by name; each is a kind of model in itself.
CONFIGS: dict[str, dict[str, Any]] = {
    "llama": {"model_type": "llama", **_SMALL},
    "mistral": {"model_type": "mistral", **_SMALL, "sliding_window": 24},
    "gemma3": {
        "model_type": "gemma3_text",
        **_SMALL,
        "num_hidden_layers": 4,
        "sliding_window": 20,
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "query_pre_attn_scalar": 8,
    },
    "gemma2": {
        "model_type": "gemma2",
        **_SMALL,
        "num_hidden_layers": 4,
        "sliding_window": 28,
        "query_pre_attn_scalar": 8,
        "attn_logit_softcapping": 5.0,
        "final_logit_softcapping": 8.0,
    },
    "qwen2": {"model_type": "qwen2", **_SMALL},
    "granite": {
        "model_type": "granite",
        **_SMALL,
        "logits_scaling": 3.0,
        "attention_multiplier": 0.2,
    },
    "gpt_oss": {
        "model_type": "gpt_oss",
        **_SMALL,
        "num_hidden_layers": 2,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "sliding_window": 24,
    },
    "gpt2": {
        "model_type": "gpt2",
        "n_embd": 32,
        "n_layer": 3,
        "n_head": 4,
        "n_positions": 1024,
        "initializer_range": 0.3,
        "bos_token_id": 1,
        "eos_token_id": 4,
    },
    "gpt_neox": {
        "model_type": "gpt_neox",
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "max_position_embeddings": 1024,
        "initializer_range": 0.3,
        "bos_token_id": 1,
        "eos_token_id": 4,
    },
    "lfm2": {
        "model_type": "lfm2",
        **_SMALL,
        "num_hidden_layers": 4,
        "layer_types": ["conv", "full_attention", "conv", "full_attention"],
        "block_auto_adjust_ff_dim": False,
    },
    "mamba": {
        "model_type": "mamba",
        "hidden_size": 32,
        "state_size": 4,
        "num_hidden_layers": 2,
        "initializer_range": 0.3,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 4,
    },
    "recurrent_gemma": {
        "model_type": "recurrent_gemma",
        **{k: v for k, v in _SMALL.items() if k not in ("initializer_range", "head_dim")},
        "num_hidden_layers": 3,
        "attention_window_size": 16,
        "lru_width": 32,
        "logits_soft_cap": 3.0,
        "w_init_variance_scale": 1.0,
    },
}


def network(
    name: str, vocabulary: int, seed: int = 0, dtype: Any = torch.float32, **more: Any
) -> Any:
    """A random network of that kind."""
    settings = {**CONFIGS[name], "vocab_size": vocabulary, **more}
    torch.manual_seed(seed)
    config = AutoConfig.for_model(**settings)
    made = AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation="eager", trust_remote_code=False
    )
    return made.to(dtype).eval()


def model(
    name: str = "llama",
    template: str | None = CHATML,
    *,
    seed: int = 0,
    dtype: str = "float32",
    tokenizer_options: Mapping[str, Any] | None = None,
    **more: Any,
) -> LocalModel:
    """A tiny local model; ``model.twin`` is its network again, for transformers' own passes."""
    tokens = tokenizer(template, **(tokenizer_options or {}))
    made = network(name, len(tokens), seed, getattr(torch, dtype), **more)
    twin = copy.deepcopy(made)
    opened = LocalModel(f"tiny-{name}", "0" * 16, made, tokens, dtype, "cpu")
    opened.twin = twin  # type: ignore[attr-defined]
    return opened


def generate(
    twin: Any, ids: Sequence[int], max_tokens: int, ends: Sequence[int]
) -> tuple[list[int], list[float]]:
    """What everyone would write first, pinned: greedy, these end tokens, no penalties.

    Returns:
        The tokens, and the top-2 gap of each decision.
    """
    settings = GenerationConfig(
        max_new_tokens=max_tokens,
        do_sample=False,
        eos_token_id=sorted(ends),
        pad_token_id=0,
        repetition_penalty=1.0,
        output_logits=True,
        return_dict_in_generate=True,
    )
    given = torch.tensor([list(ids)])
    with torch.inference_mode():
        out = twin.generate(
            given, attention_mask=torch.ones_like(given), generation_config=settings
        )
    gaps = []
    for logits in out.logits:
        two = logits[0].float().topk(2).values
        gaps.append(float(two[0] - two[1]))
    return out.sequences[0, len(ids) :].tolist(), gaps


def agree(
    ours: Sequence[int], theirs: Sequence[int], gaps: Sequence[float], tie: float = 1e-4
) -> bool:
    """Equal, or different only from a decision on that was a tie."""
    for a, b, gap in zip(ours, theirs, gaps, strict=False):
        if a != b:
            return gap < tie
    return len(ours) == len(theirs)


def logps(twin: Any, ids: Sequence[int]) -> torch.Tensor:
    """log p of every next token, [tokens, vocabulary], by a plain pass."""
    with torch.inference_mode():
        return torch.log_softmax(twin(torch.tensor([list(ids)])).logits[0].float(), dim=-1)
