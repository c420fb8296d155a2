"""Replies in the making, and what each pass does for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from selfcorrect.models.base import Likelihood, Reply, Request, Sample, Site
from selfcorrect.models.local import drafts, packed
from selfcorrect.models.local.pages import Cache
from selfcorrect.models.local.prompts import Growing, Prompt, common
from selfcorrect.models.local.template import Rendered
from selfcorrect.models.local.vocabulary import Vocabulary

#: A text that ends a reply is shorter than so many tokens.
_RECENT = 32

#: Shared beginnings shorter than this are encoded again: copying them would cost as much.
_WORTH_COPYING = 8


@dataclass
class Job:
    """One reply in the making.

    Attributes:
        row: the dialogue's.
        rendered: the transcript.
        prompt: its tokens, under the dialogue's conditions.
        turn: what stands in the open turn before the reply.
        start: where encoding starts: what comes before is cached, or copied.
        copy: ``(source row, start, end)``, see :class:`~selfcorrect.models.local.pages.Segment`.
        option_ids: the options' tokens where each is one token.
        draft: tokens guessed, to be checked in the next pass.
        tokens, logps: of the reply so far.
        places: of the tokens at which sites before the answer are read.
        drafter: of a greedy reply.
        generator: of a sampled one.
        thought: what was thought before it.
        thinking: it is a thought itself, which ends with its block.
    """

    row: int
    request: Request
    rendered: Rendered
    prompt: Prompt
    turn: str
    start: int = 0
    copy: tuple[int, int, int] | None = None
    option_ids: list[int] | None = None
    draft: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    logps: list[float] = field(default_factory=list)
    options: list[Likelihood] = field(default_factory=list)
    gap: float | None = None
    finish: str = ""
    encoded: int = 0
    drafted: int = 0
    states: dict[Site, torch.Tensor] = field(default_factory=dict)
    places: dict[Site, int] = field(default_factory=dict)
    drafter: drafts.Drafter | None = None
    generator: torch.Generator | None = None
    thought: str = ""
    thinking: bool = False
    _whole: Growing | None = None

    @property
    def kind(self) -> tuple[str, int]:
        """Replies of one kind are alike."""
        return self.request.prefill, self.request.max_tokens

    @property
    def new(self) -> list[int]:
        """What the next pass encodes: the rest of the prompt or the latest token, and the draft."""
        return (self.tokens[-1:] or self.prompt.ids[self.start :]) + self.draft

    def grown(self) -> Growing:
        """Transcript, reply and draft as the next pass sees them, in lists that grow with it."""
        if self._whole is None:
            self._whole = Growing(self.prompt)
        latest = self.tokens[-1:]  # those before it are there: generated, or drafted and right
        kept = len(self.prompt) + len(self.tokens) - len(latest)
        self._whole.change(kept, latest + self.draft)
        return self._whole

    def begin(self, before: Sequence[int], among: int, vocabulary: Vocabulary) -> None:
        """Draft a greedy reply's beginning.

        Args:
            before: an earlier reply of its kind, or nothing.
            among: how many replies are made together.
            vocabulary: the model's.
        """
        length = self.request.max_tokens
        self.drafter = drafts.Drafter(self.prompt.ids, length, before, vocabulary)
        self.draft = self.drafter.first(among)

    def go_on(self, earlier: int, among: int) -> None:
        """Draft what comes next, ``earlier`` being how many tokens there were a pass ago."""
        drafted, self.draft = len(self.draft), []
        if not self.finish and self.drafter is not None:
            self.draft = self.drafter.next(self.tokens[earlier:], drafted, among)

    @property
    def past(self) -> int:
        """Where the next pass begins: the token generated last isn't cached yet."""
        return len(self.prompt) + len(self.tokens) - 1 if self.tokens else self.start

    def take(self, token: int, logp: float, vocabulary: Vocabulary) -> None:
        """Enter the next token of the reply."""
        self.tokens.append(token)
        self.logps.append(logp)
        if token in vocabulary.ends or self._over(token, vocabulary):
            self.finish = "stop"
        elif len(self.tokens) >= self.request.max_tokens:
            self.finish = "length"

    def _over(self, token: int, vocabulary: Vocabulary) -> bool:
        if self.thinking:
            if vocabulary.mark is not None:
                return token == vocabulary.mark
            return vocabulary.thought(self.prompt.ids, self.tokens[-_RECENT:])[1]
        return bool(vocabulary.stops) and self._runs_on(vocabulary)

    def _runs_on(self, vocabulary: Vocabulary) -> bool:
        recent = self.tokens[-_RECENT:]
        turn = self.turn if len(recent) == len(self.tokens) else ""
        text = vocabulary.decoded(self.prompt.ids, recent, turn)
        return vocabulary.stopped(text) != text

    def sample(self, vocabulary: Vocabulary) -> Sample:
        """The finished reply as one that is never entered."""
        text = vocabulary.decoded(self.prompt.ids, self.tokens, self.turn)
        return Sample(
            text=vocabulary.stopped(text),
            tokens=len(self.tokens),
            logp=math.fsum(self.logps),
            cut=self.finish != "stop",
            encoded=self.encoded,
        )

    def reply(self, vocabulary: Vocabulary, notes: tuple[str, ...]) -> Reply:
        """The finished reply, with these notes besides those of its rendering."""
        text = vocabulary.decoded(self.prompt.ids, self.tokens, self.turn)
        return Reply(
            text=vocabulary.stopped(text),
            finish="stop" if self.finish == "stop" else "length",
            token_ids=tuple(self.tokens),
            token_logps=tuple(self.logps),
            options=tuple(self.options),
            prompt_tokens=len(self.prompt),
            encoded=self.encoded,
            reused=self.start,
            generated=len(self.tokens),
            drafted=self.drafted,
            gap=self.gap,
            states=self.states,
            notes=self.rendered.notes + notes,
        )


def plan(jobs: list[Job], cache: Cache, *, keeps: bool) -> None:
    """Put jobs in order, and decide where encoding starts and from which row each may copy.

    Args:
        jobs: of one step, unordered.
        cache: of the conversation.
        keeps: whether the model's past is kept; if not, every job starts at 0.
    """
    jobs.sort(key=lambda job: job.prompt.keys)
    if not keeps:
        jobs.sort(key=lambda job: len(job.prompt))
        return
    before: Job | None = None
    for job in jobs:
        keys = job.prompt.keys
        last = min([len(keys) - 1, *job.places.values()])
        job.start = job.prompt.floor(min(common(cache.held[job.row], keys), last))
        if before is not None:
            shared = job.prompt.floor(min(common(before.prompt.keys, keys), last))
            if shared - job.start >= _WORTH_COPYING:
                job.copy = (before.row, job.start, shared)
                job.start = shared
        before = job
    if not any(job.copy for job in jobs):
        # Dialogues of like length look at equally many keys, and are computed together.
        jobs.sort(key=lambda job: len(job.prompt))


def fitting(jobs: Sequence[Job]) -> list[Job]:
    """As many of the jobs as one pass takes, from the beginning; at least one."""
    tokens = 0
    for number, job in enumerate(jobs):
        tokens += len(job.new)
        if number and tokens > packed.PACK:
            return list(jobs[:number])
    return list(jobs)
