"""Hidden states from a server: what vLLM's plugin vllm-lens sends along with a reply.

It sends the residual stream of whole layers at every token, so only what a site names is kept.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from selfcorrect.errors import UserError
from selfcorrect.models.base import Site
from selfcorrect.models.endpoint.checked import BrokenError, count, fields, items, text
from selfcorrect.models.sites import BEFORE_ANSWER, message_index

if TYPE_CHECKING:
    import torch

#: How numbers are packed; bfloat16, which numpy doesn't know, as the halves that they are.
_PACKED = ("int16", "float16", "float32", "float64")
_WIDEST = 1 << 17  # no model has so many hidden dimensions
#: Hidden states hardly compress, so bytes that unpack to many times their number are no such thing.
_DENSEST, _SMALL = 16, 1 << 26


def layers(sites: Sequence[Site], messages: int) -> tuple[int, ...]:
    """The layers that are to be sent for some sites of a transcript with so many messages.

    Raises:
        UserError: the plugin doesn't read what a site names, or there is no such place.
    """
    for site in sites:
        message_index(site, messages)
        if site.kind != "residual":
            raise UserError(
                f"a server gives the residual stream alone, not the output of the {site.kind} "
                "block; use a local model for that."
            )
        if any(number < 0 for number in site.layers):
            raise UserError(f"layers are numbered from 0; there is no layer {min(site.layers)}.")
    return tuple(sorted({number for site in sites for number in site.layers}))


def wish(wanted: Sequence[int]) -> dict[str, Any]:
    """What a request says to have layers sent."""
    return {"vllm_xargs": {"output_residual_stream": json.dumps(list(wanted))}}


def stream(activations: Any, wanted: int, most: int) -> np.ndarray:
    """The residual stream in an answer: [layers, tokens, hidden], float32.

    Args:
        activations: what the plugin adds to an answer.
        wanted: so many layers were asked for; there may be fewer, as a model may have no such one.
        most: the most tokens that prompt and reply can have.

    Raises:
        BrokenError: it can't be read, has a shape that it can't have, or holds infinities or NaN.
    """
    told = fields(fields(activations, "activations").get("residual_stream"), "residual_stream")
    kind = text(told.get("dtype"), "a dtype of hidden states")
    shape = items(told.get("shape"), "a shape of hidden states")
    if kind not in _PACKED or len(shape) != 3:
        raise BrokenError(f"hidden states of {len(shape)} dimensions or an unknown dtype")
    for size, limit in zip(shape, (wanted, most, _WIDEST), strict=True):
        count(size, "a size of the hidden states", limit)
    size = math.prod(shape) * np.dtype(kind).itemsize
    raw = _unpacked(told, size)
    if len(raw) != size:
        raise BrokenError(f"hidden states of another size than {shape}")
    values = np.frombuffer(raw, kind).reshape(shape)
    if kind == "int16":
        values = (values.astype(np.int32) << 16).view(np.float32)
    with np.errstate(over="ignore"):  # a float64 too large is seen just below
        found = values.astype(np.float32)
    if not np.isfinite(found).all():
        raise BrokenError("hidden states that aren't finite")
    return found


def _unpacked(told: Mapping[str, Any], size: int) -> bytes:
    """Bytes that may be packed: up to one more than they should be.

    Raises:
        BrokenError: they can't be unpacked, or are too few to become so many.
    """
    zstd = _zstd()
    try:
        raw = base64.b64decode(text(told.get("data"), "hidden states"))
        if told.get("compression") != "zstd":
            return raw
        if size > max(_SMALL, _DENSEST * len(raw)):
            raise BrokenError(f"{len(raw)} bytes that would be {size} of hidden states")
        with zstd.ZstdDecompressor().stream_reader(raw) as reader:
            found: bytes = reader.read(size + 1)
    except BrokenError:
        raise
    except (ValueError, zstd.ZstdError):
        raise BrokenError("hidden states that can't be unpacked") from None
    return found


def pick(
    found: np.ndarray | None,
    wanted: Sequence[int],
    sites: Sequence[Site],
    prompt: int,
    ends: Mapping[Site, int],
) -> dict[Site, torch.Tensor]:
    """What the sites name, as in :class:`~selfcorrect.models.base.Reply`.

    Args:
        found: the stream, [layers, tokens, hidden].
        wanted: the layers that were asked for.
        prompt: how many of the tokens are the prompt's.
        ends: of sites at the end of a message, the token.

    Raises:
        UserError: the stream isn't of the layers that were asked for, or not of all tokens.
    """
    import torch

    if found is None or len(found) != len(wanted):
        raise UserError(
            f"the server sent the hidden states of {0 if found is None else len(found)} of the "
            f"layers {', '.join(map(str, wanted))}; ask for layers that its model has."
        )
    if found.shape[1] < prompt:
        raise UserError(
            f"the server sent hidden states of {found.shape[1]} tokens of a prompt of {prompt}; "
            "use the version of vllm-lens that fits its vLLM, or a local model."
        )
    states = {}
    for site in sites:
        at = ends.get(site, prompt - (site.at == BEFORE_ANSWER))
        if at < found.shape[1]:  # a reply of no token has no first one
            rows = [wanted.index(number) for number in site.layers]
            states[site] = torch.from_numpy(found[rows, at].copy())
    return states


def _zstd() -> Any:
    try:
        import zstandard
    except ImportError:
        raise UserError(
            "hidden states come packed, and zstandard is not installed: pip install "
            "'selfcorrect[states]'."
        ) from None
    return zstandard
