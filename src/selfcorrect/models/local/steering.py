"""Vectors added to the residual stream, at stated layers and tokens, by hooks in a pass.

A state that is too large for the arithmetic after it (its square isn't finite in float32, so that
no norm can be computed) is made NaN: all that depends on it is then NaN, too, and is told by that.
Otherwise a norm would turn it to 0, and the reply into one that looks like any other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from selfcorrect.errors import UserError
from selfcorrect.models.base import Steer
from selfcorrect.models.local.layers import layers
from selfcorrect.models.local.pages import Segment


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens of a pass, from place ``start`` to before ``end``, that have one steer."""

    start: int
    end: int
    steer: Steer


@dataclass(slots=True)
class Overflow:
    """Where in a pass states were not finite, by place; filled in by the pass."""

    places: set[int] = field(default_factory=set)

    def within(self, start: int, end: int) -> bool:
        """Whether one of these tokens was."""
        return any(start <= place < end for place in self.places)


def spans(segments: Sequence[Segment]) -> list[Span]:
    """The steered tokens of segments that stand behind one another in a pass."""
    found: list[Span] = []
    end = 0
    for segment in segments:
        start, end = end, end + len(segment.ids)
        if segment.steer is not None:
            first, steer = segment.steer
            start += max(0, first - segment.past)
            if start < end:
                found.append(Span(start, end, steer))
    return found


@contextmanager
def steered(decoder: Any, wanted: Sequence[Span]) -> Iterator[Overflow]:
    """Add steers in the pass that goes through meanwhile.

    Hooks of others see the states with what is added, as the next layer does.

    Args:
        decoder: the model without its output head.
        wanted: which tokens have which steer.
    """
    overflow = Overflow()
    if not wanted:
        yield overflow
        return
    every = layers(decoder)
    touched = {number for span in wanted for number in span.steer.layers}
    handles = [
        every[number].register_forward_hook(_adding(number, wanted, overflow), prepend=True)
        for number in touched
    ]
    # The last layer's output holds whatever has gone wrong before.
    handles.append(every[-1].register_forward_hook(_looking(wanted, overflow)))
    try:
        yield overflow
    finally:
        for handle in handles:
            handle.remove()


def check_steer(name: str, decoder: Any, size: int, steer: Steer | None) -> None:
    """Check that a model can be steered, by this steer where one is given.

    Args:
        name: the model's, for the error.
        decoder: the model without its output head.
        size: of its hidden states.
        steer: what is asked for.

    Raises:
        UserError: its layers were not found, it has no such layer, or its states are of another
            size.
    """
    every = layers(decoder)
    if every is None:
        raise UserError(f"{name} can't be steered: its layers were not found.")
    if steer is None:
        return
    for number in steer.layers:
        if not 0 <= number < len(every):
            raise UserError(f"{name} has layers 0 to {len(every) - 1}; there is no layer {number}.")
    if steer.vectors.shape[1] != size:
        raise UserError(
            f"hidden states of {name} have {size} numbers, and those of the steer "
            f"{steer.vectors.shape[1]}: it was made for another model."
        )


def _adding(number: int, wanted: Sequence[Span], overflow: Overflow) -> Any:
    rows: list[int] = []
    which: list[int] = []
    vectors: list[torch.Tensor] = []
    known: dict[str, int] = {}
    for span in wanted:
        if number not in span.steer.layers:
            continue
        if span.steer.digest not in known:
            known[span.steer.digest] = len(vectors)
            vectors.append(span.steer.vectors[span.steer.layers.index(number)])
        rows += range(span.start, span.end)
        which += [known[span.steer.digest]] * (span.end - span.start)

    def add(_module: Any, _inputs: Any, output: Any) -> Any:
        states = output[0] if isinstance(output, tuple) else output
        at = torch.tensor(rows, device=states.device)
        every = torch.stack(vectors).to(states.device, states.dtype)
        moved = states[0, at] + every[torch.tensor(which, device=states.device)]
        bad = ~moved.float().square().sum(-1).isfinite()
        if bad.any():
            moved[bad] = float("nan")
            overflow.places.update(at[bad].tolist())
        states = states.clone()
        states[0, at] = moved
        return (states, *output[1:]) if isinstance(output, tuple) else states

    return add


def _looking(wanted: Sequence[Span], overflow: Overflow) -> Any:
    def look(_module: Any, _inputs: Any, output: Any) -> None:
        states = output[0] if isinstance(output, tuple) else output
        for span in wanted:
            bad = ~states[0, span.start : span.end].isfinite().all(-1)
            if bad.any():
                overflow.places.update((bad.nonzero()[:, 0] + span.start).tolist())

    return look
