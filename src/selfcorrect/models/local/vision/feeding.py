"""What a pass is given where a dialogue has pictures: embeddings in place of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from selfcorrect.models.local.pages import Segment


def fed(decoder: Any, segments: Sequence[Segment], device: torch.device) -> dict[str, Any]:
    """The tokens of segments, one behind another, as a decoder takes them.

    An image's features stand where its placeholders do. What is to be added after the first layers
    (DeepStack, arXiv 2406.04334) is given beside it, and positions of several axes as they are.

    Args:
        decoder: the model without its output head.
        segments: of a pass.
        device: where it is computed.
    """
    ids = [token for segment in segments for token in segment.ids]
    positions = [p for s in segments for p in range(s.past, s.past + len(s.ids))]
    told: dict[str, Any] = {"position_ids": torch.tensor([positions], device=device)}
    if all(segment.seen is None for segment in segments):
        return {"input_ids": torch.tensor([ids], device=device), **told}
    rows: list[int] = []
    features: list[torch.Tensor] = []
    axes: list[torch.Tensor | None] = []
    start = 0
    for segment in segments:
        end = segment.past + len(segment.ids)
        if segment.seen is not None:
            places, found = segment.seen.within(segment.past, end)
            rows += [place - segment.past + start for place in places]
            features += found
        axes.append(None if segment.seen is None else segment.seen.axes(segment.past, end))
        start += len(segment.ids)
    for row in rows:
        ids[row] = 0  # some placeholders have no embedding of their own
    embedded = decoder.get_input_embeddings()(torch.tensor([ids], device=device))
    if rows:
        every = torch.cat(features)
        hidden = embedded.shape[-1]
        embedded[0, rows] = every[:, :hidden].to(embedded.dtype)
        if every.shape[1] > hidden:
            deeper = torch.split(every[:, hidden:], hidden, dim=-1)
            mask = torch.zeros(1, len(ids), dtype=torch.bool, device=device)
            mask[0, rows] = True
            told |= {"visual_pos_masks": mask, "deepstack_visual_embeds": [*deeper]}
    if (many := next((each for each in axes if each is not None), None)) is not None:
        told["position_ids"] = _several(axes, segments, len(many)).to(device)
    return {"inputs_embeds": embedded, **told}


def _several(
    axes: Sequence[torch.Tensor | None], segments: Sequence[Segment], many: int
) -> torch.Tensor:
    """[axes, 1, tokens]; text alone has the same position on every axis."""
    parts = []
    for each, segment in zip(axes, segments, strict=True):
        plain = torch.arange(segment.past, segment.past + len(segment.ids))
        parts.append(plain.expand(many, -1) if each is None else each)
    return torch.cat(parts, dim=1)[:, None]
