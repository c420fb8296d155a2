"""Hidden states, read by hooks in the pass that happens anyway."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from selfcorrect.errors import UserError
from selfcorrect.models.base import Site
from selfcorrect.models.local.jobs import Job
from selfcorrect.models.local.layers import block, layers
from selfcorrect.models.local.pages import Segment
from selfcorrect.models.sites import BEFORE_ANSWER, FIRST_ANSWER, message_number

#: A kind of hidden states, and a layer's number.
_Hooked = tuple[str, int]


class Reader:
    """Collects hidden states at the sites that some dialogues ask for.

    A hook gathers only the positions that are wanted of its layer: nothing grows with the prompt's
    length, and a site costs nothing at layers that it doesn't name.
    """

    def __init__(
        self, name: str, decoder: Any, sites: Sequence[Sequence[Site]], *, packed: bool
    ) -> None:
        """``name`` is the model's; ``packed`` says whether all segments go through in one pass.

        Raises:
            UserError: the decoder has no such layer or block.
        """
        self.packed = packed
        self.modules = _modules(name, decoder, {site for each in sites for site in each})
        self._handles: list[Any] = []
        self._segments: Sequence[Segment] = ()
        self._wanted: list[tuple[Job, Site, int]] = []  # position in the pass
        # By hooked module the numbers of the wanted, in the order of their positions.
        self._here: dict[_Hooked, list[int]] = {}
        self._picked: dict[tuple[str, int, int], torch.Tensor] = {}
        self._passed: dict[_Hooked, int] = {}
        self._calls: dict[_Hooked, int] = {}

    def __enter__(self) -> Reader:
        for key, module in self.modules.items():
            self._handles.append(module.register_forward_hook(self._hook(key)))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _hook(self, key: _Hooked) -> Any:
        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            wanted = self._here.get(key)
            if not wanted:
                return
            states = (output[0] if isinstance(output, tuple) else output)[0]
            at = self._passed.get(key, 0)
            new = len(states)
            if not self.packed:
                # Each segment is a pass of its own, with the whole past before it.
                call = self._calls[key] = self._calls.get(key, -1) + 1
                new = len(self._segments[call].ids)
                states = states[-new:]
            self._passed[key] = at + new
            inside = [k for k in wanted if at <= self._wanted[k][2] < at + new]
            if inside:
                rows = torch.tensor([self._wanted[k][2] - at for k in inside], device=states.device)
                gathered = states.index_select(0, rows).float()
                self._picked |= {(*key, k): gathered[n] for n, k in enumerate(inside)}

        return keep

    def expect(self, jobs: Sequence[Job], segments: Sequence[Segment], deciding: list[int]) -> None:
        """Say which positions of the coming pass are wanted.

        Args:
            jobs: whose tokens it encodes.
            segments: of each, the tokens.
            deciding: of each, how many of its last tokens the next ones are decided by.
        """
        self._wanted, self._here, self._picked = [], {}, {}
        self._passed, self._calls = {}, {}
        self._segments = segments
        if not self.modules:
            return
        end = 0
        for job, segment, n in zip(jobs, segments, deciding, strict=True):
            start, end = end, end + len(segment.ids)
            for site in job.request.states:
                if job.tokens:
                    if site.at == FIRST_ANSWER and len(job.tokens) == 1:
                        self._want(job, site, start)
                elif site.at == BEFORE_ANSWER:
                    self._want(job, site, end - n)
                elif site.at == FIRST_ANSWER:
                    if job.draft:
                        self._want(job, site, end - n + 1)
                else:
                    self._want(job, site, start + job.places[site] - segment.past)

    def _want(self, job: Job, site: Site, position: int) -> None:
        for number in site.layers:
            self._here.setdefault((site.kind, number), []).append(len(self._wanted))
        self._wanted.append((job, site, position))

    def collect(self) -> None:
        """Hand the states to their replies, once it is known whether a drafted token was right."""
        for k, (job, site, _) in enumerate(self._wanted):
            if job.finish == "overflow":
                continue
            missed = job.draft and job.tokens[0] != job.draft[0] and len(job.tokens) == 1
            if site.at == FIRST_ANSWER and missed:
                continue
            job.states[site] = torch.stack([self._picked[site.kind, n, k] for n in site.layers])
        self._wanted, self._here = [], {}


def _modules(name: str, decoder: Any, sites: set[Site]) -> dict[_Hooked, torch.nn.Module]:
    found: dict[_Hooked, torch.nn.Module] = {}
    if not sites:
        return found
    every = layers(decoder)
    if every is None:
        raise UserError(f"hidden states of {name} can't be read: its layers were not found.")
    for site in sites:
        message_number(site)
        for number in site.layers:
            if not 0 <= number < len(every):
                raise UserError(
                    f"{name} has layers 0 to {len(every) - 1}; there is no layer {number}."
                )
            module = every[number]
            if site.kind != "residual":
                module = block(module, site.kind)
            if module is None:
                raise UserError(f"layer {number} of {name} has no {site.kind} block.")
            found[site.kind, number] = module
    return found
