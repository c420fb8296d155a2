"""Hidden states, read by hooks in the pass that happens anyway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from selfcorrect.errors import UserError
from selfcorrect.models.base import Site
from selfcorrect.models.pages import Segment
from selfcorrect.models.sites import BEFORE_ANSWER, FIRST_ANSWER, message_number

if TYPE_CHECKING:
    from selfcorrect.models.local import LocalModel

#: what transformers' models call their list of layers, and the blocks of a layer
_LAYERS = ("layers", "h", "blocks")
_BLOCKS = {"attention": ("self_attn", "attn", "attention"), "mlp": ("mlp", "feed_forward")}


class Reader:
    """Collects hidden states at the sites that some dialogues ask for.

    A hook keeps only the wanted positions of a pack: nothing grows with the prompt's length.
    """

    def __init__(self, model: LocalModel, sites: Sequence[Sequence[Site]]) -> None:
        self.model = model
        self.modules = _modules(model, {site for each in sites for site in each})
        self._handles: list[Any] = []
        self._segments: Sequence[Segment] = ()
        self._wanted: list[tuple[Any, Site, int]] = []  # job, site, position in the pass
        self._picked: dict[tuple[str, int, int], torch.Tensor] = {}
        self._passed: dict[tuple[str, int], int] = {}
        self._calls: dict[tuple[str, int], int] = {}

    def __enter__(self) -> Reader:
        for key, module in self.modules.items():
            self._handles.append(module.register_forward_hook(self._hook(key)))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _hook(self, key: tuple[str, int]) -> Any:
        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            states = (output[0] if isinstance(output, tuple) else output)[0]
            at = self._passed.get(key, 0)
            new = len(states)
            if not self.model.packed:
                # Each segment is a pass of its own, with the whole past before it.
                call = self._calls[key] = self._calls.get(key, -1) + 1
                new = len(self._segments[call].ids)
                states = states[-new:]
            self._passed[key] = at + new
            for k, (_, _, position) in enumerate(self._wanted):
                if at <= position < at + new:
                    self._picked[*key, k] = states[position - at].float()

        return keep

    def expect(self, jobs: Sequence[Any], segments: Sequence[Segment], deciding: list[int]) -> None:
        """Say which positions of the coming pass are wanted."""
        self._wanted, self._picked, self._passed, self._calls = [], {}, {}, {}
        self._segments = segments
        if not self.modules:
            return
        end = 0
        for job, segment, n in zip(jobs, segments, deciding, strict=True):
            start, end = end, end + len(segment.ids)
            for site in job.request.states:
                if job.tokens:
                    if site.at == FIRST_ANSWER and len(job.tokens) == 1:
                        self._wanted.append((job, site, start))
                elif site.at == BEFORE_ANSWER:
                    self._wanted.append((job, site, end - n))
                elif site.at == FIRST_ANSWER:
                    if job.draft:
                        self._wanted.append((job, site, end - n + 1))
                else:
                    self._wanted.append((job, site, start + job.marks[site] - segment.past))

    def collect(self) -> None:
        """Hand the states to their replies, once it is known whether a drafted token was right."""
        for k, (job, site, _) in enumerate(self._wanted):
            missed = job.draft and job.tokens[0] != job.draft[0] and len(job.tokens) == 1
            if site.at == FIRST_ANSWER and missed:
                continue
            job.states[site] = torch.stack([self._picked[site.kind, n, k] for n in site.layers])
        self._wanted = []


def _modules(model: LocalModel, sites: set[Site]) -> dict[tuple[str, int], torch.nn.Module]:
    found: dict[tuple[str, int], torch.nn.Module] = {}
    if not sites:
        return found
    every = layers(model.decoder)
    if every is None:
        raise UserError(f"hidden states of {model.name} can't be read: its layers were not found.")
    for site in sites:
        message_number(site)
        for number in site.layers:
            if not 0 <= number < len(every):
                raise UserError(
                    f"{model.name} has layers 0 to {len(every) - 1}; there is no layer {number}."
                )
            module = every[number]
            if site.kind != "residual":
                module = block(module, site.kind)
            if module is None:
                raise UserError(f"layer {number} of {model.name} has no {site.kind} block.")
            found[site.kind, number] = module
    return found


def layers(decoder: Any) -> Any:
    """The list of a decoder's layers, ``None`` if it isn't found."""
    return _child(decoder, _LAYERS)


def block(layer: Any, kind: str) -> Any:
    """The ``attention`` or ``mlp`` block of a layer, ``None`` if it isn't found."""
    return _child(layer, _BLOCKS[kind])


def _child(module: Any, names: Sequence[str]) -> Any:
    return next((getattr(module, name) for name in names if hasattr(module, name)), None)
