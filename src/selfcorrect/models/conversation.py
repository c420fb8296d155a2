"""A batch of dialogues on a local model.

At each step every transcript is rendered and tokenised whole; the longest common prefix of token
ids with what is cached stays, and only the rest is encoded. Tokens that several dialogues begin
with are encoded once and copied. Greedy replies are drafted ahead (a later round mostly repeats
the earlier one) and checked in the pass that encodes the new message anyway, so the answer is
the one that token-by-token decoding gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from selfcorrect.messages import Message, Transcript, restart_all, say_all
from selfcorrect.models.base import Reply, Request, Site, TextScore
from selfcorrect.models.packed import PACK
from selfcorrect.models.pages import Cache, Segment
from selfcorrect.models.sites import message_index
from selfcorrect.models.states import Reader
from selfcorrect.models.template import Rendered

if TYPE_CHECKING:
    from selfcorrect.models.local import LocalModel

#: Shared beginnings shorter than this are encoded again: copying them would cost as much.
_WORTH_COPYING = 8

#: Tokens drafted at first; then as many again as were right, so that a reply that goes its own
#: way costs little, and one that repeats itself is checked in a few passes.
_DRAFT, _MOST_DRAFTED = 16, 128
_TOO_LONG = "the transcript is longer than the model's context window"


@dataclass
class _Job:
    """One reply in the making."""

    row: int
    request: Request
    rendered: Rendered
    turn: str
    start: int = 0
    copy: tuple[int, int, int] | None = None
    option_ids: list[int] | None = None
    draft: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    logps: list[float] = field(default_factory=list)
    options: list[TextScore] = field(default_factory=list)
    gap: float | None = None
    finish: str = ""
    encoded: int = 0
    drafted: int = 0
    states: dict[Site, torch.Tensor] = field(default_factory=dict)
    marks: dict[Site, int] = field(default_factory=dict)  # positions of sites before the answer
    trust: int = _DRAFT
    generator: torch.Generator | None = None

    @property
    def kind(self) -> tuple[str, int]:
        return self.request.prefill, self.request.max_tokens

    @property
    def new(self) -> list[int]:
        """What the next pass encodes: the rest of the prompt or the latest token, and the draft."""
        return (self.tokens[-1:] or self.rendered.ids[self.start :]) + self.draft

    @property
    def marked(self) -> list[int]:
        """Places of the sites before the answer, in :attr:`new`."""
        return [position - self.start for position in self.marks.values()]

    @property
    def cached(self) -> list[int]:
        """What the cache holds of this dialogue: the token generated last isn't in it."""
        return self.rendered.ids + self.tokens[:-1]


class LocalConversation:
    """See :class:`selfcorrect.models.base.Conversation`."""

    def __init__(self, model: LocalModel, dialogues: int) -> None:
        self.model = model
        self.cache = Cache(model.pool, dialogues)
        self.ids: list[list[int]] = [[] for _ in range(dialogues)]
        self.transcripts = [Transcript() for _ in range(dialogues)]
        # Per dialogue the latest reply to each (prefill, length): the draft of the next one.
        self.spoken: list[dict[tuple[str, int], list[int]]] = [{} for _ in range(dialogues)]

    def say(self, messages: Sequence[Message | None]) -> None:
        say_all(self.transcripts, messages)

    def restart(self, messages: Sequence[Sequence[Message] | None]) -> None:
        restart_all(self.transcripts, messages)

    def branch(self, copies: int = 1) -> LocalConversation:
        rows = [row for row in range(len(self.ids)) for _ in range(copies)]
        other = LocalConversation(self.model, len(rows))
        other.cache = self.cache.branch(rows)
        other.ids = [list(self.ids[row]) for row in rows]
        other.transcripts = [self.transcripts[row].branch() for row in rows]
        other.spoken = [dict(self.spoken[row]) for row in rows]
        return other

    def close(self, which: Sequence[int]) -> None:
        gone = set(which)
        for row in gone:
            self.ids[row], self.transcripts[row], self.spoken[row] = [], Transcript(), {}
            self.cache.clear(row)

    def render(self, index: int, turn: str | None = None) -> str:
        if turn is None:
            return self.model.template.render(self.transcripts[index].messages, None).text
        earlier, begun = self.transcripts[index].open_turn()
        return self.model.template.render(earlier, begun + turn).text

    def elicit(self, requests: Sequence[Request | None]) -> Sequence[Reply | None]:
        replies: list[Reply | None] = [None] * len(self.ids)
        jobs: list[_Job] = []
        for row, request in enumerate(requests):
            if request is None:
                continue
            earlier, turn = self.transcripts[row].open_turn()
            turn += request.prefill
            rendered = self.model.template.render(earlier, turn)
            if len(rendered.ids) + request.max_tokens > self.model.context:
                replies[row] = _too_long(rendered)
                continue
            job = _Job(row, request, rendered, turn)
            if request.options:
                job.option_ids = self._single_tokens(earlier, job)
            for site in request.states:
                self._mark(job, site, earlier)
            if request.temperature > 0:
                job.generator = torch.Generator().manual_seed(request.seed)
            jobs.append(job)
        self._plan(jobs)
        reader = Reader(self.model, [j.request.states for j in jobs])
        waiting = list(jobs)
        with reader, self.model.within_memory():
            while waiting:
                # Who is in the middle of a reply goes first: thin passes cost more per token.
                now = _fitting(waiting)
                self._advance(now, reader)
                waiting = [job for job in now if not job.finish] + waiting[len(now) :]
        longer = [job for job in jobs if job.request.options and job.option_ids is None]
        scores = self._score(
            [job.row for job in longer],
            [job.turn for job in longer],
            [job.request.options for job in longer],
        )
        for job, each in zip(longer, scores, strict=True):
            job.options = each
            job.encoded += sum(score.encoded for score in each)
        for job in jobs:
            replies[job.row] = self._reply(job)
        return replies

    def score(self, texts: Sequence[Sequence[str] | None]) -> Sequence[Sequence[TextScore] | None]:
        rows = [row for row, mine in enumerate(texts) if mine]
        turns = [self.transcripts[row].open_turn()[1] for row in rows]
        scores = self._score(rows, turns, [texts[row] or () for row in rows])
        result: list[Sequence[TextScore] | None] = [None if t is None else [] for t in texts]
        for row, each in zip(rows, scores, strict=True):
            result[row] = each
        return result

    # -- likelihood of texts ------------------------------------------------------------------

    def _score(
        self, rows: Sequence[int], turns: Sequence[str], texts: Sequence[Sequence[str]]
    ) -> list[list[TextScore]]:
        """Score texts after an open turn, all in one pass. What they share is encoded once and
        stays cached. No scores where one doesn't fit the window."""
        every = [self._texts(*item) for item in zip(rows, turns, texts, strict=True)]
        items = [item for item in every if max(map(len, item.whole)) <= self.model.context]
        longer = [
            (k, ids) for k, item in enumerate(items) for ids in item.whole if len(ids) > item.end
        ]
        # Every text goes on from a row of its own, which holds the pages of what is shared.
        aside = self.cache.branch([item.row for item in (*items, *(items[k] for k, _ in longer))])
        segments: list[Segment] = []
        before: list[list[int]] = []
        for k, item in enumerate(items):
            whole = item.whole[0]
            # The state before the first scored token predicts it, so that token goes in again.
            past = min(_common(self.ids[item.row], whole[: item.fork]), item.start - 1)
            past = past if self.model.packed else 0
            scored = item.fork - item.start + 1
            segments.append(Segment(k, whole[past : item.fork], past, read=scored))
            before.append(whole[: item.fork])
        for row, (k, ids) in enumerate(longer, start=len(items)):
            fork = items[k].fork
            segments.append(Segment(row, ids[fork:-1], fork, (k, segments[k].past, fork)))
            before.append(ids)
        encoded = [0] * len(items)
        for k, segment in zip([*range(len(items)), *(k for k, _ in longer)], segments, strict=True):
            encoded[k] += len(segment.ids) + (0 if self.model.packed else segment.past)
        with self.model.within_memory():
            hidden = self.model.encode(aside, segments, before)
            for k, item in enumerate(items):
                self.cache.adopt(item.row, aside, k)
                self.ids[item.row] = item.whole[0][: item.fork]
            found = self._likelihoods(items, hidden)
        scores: dict[int, list[TextScore]] = {}
        for k, (item, (first, *others)) in enumerate(zip(items, found, strict=True)):
            first = replace(
                first, prompt_tokens=item.prompt, encoded=encoded[k], reused=segments[k].past
            )
            scores[item.row] = [first, *others]
        return [scores.get(item.row, []) for item in every]

    def _texts(self, row: int, turn: str, texts: Sequence[str]) -> _Texts:
        earlier, _ = self.transcripts[row].open_turn()
        prompt = self.model.template.render(earlier, turn).ids
        whole = [self._continued(earlier, prompt, turn, text) for text in texts]
        # A text may merge with the prompt's last token: that token is scored with it.
        start = min(_common(prompt, ids) for ids in whole)
        fork = min(min(_common(whole[0], ids) for ids in whole), min(map(len, whole)) - 1)
        return _Texts(row, whole, len(prompt), start, max(start, fork))

    @torch.inference_mode()
    def _likelihoods(
        self, items: Sequence[_Texts], states: Sequence[torch.Tensor]
    ) -> list[list[TextScore]]:
        """``states`` are of what the texts of each item share, then of each longer text."""
        own_states = iter(states[len(items) :])
        hidden: list[torch.Tensor] = []
        wanted: list[list[int]] = []  # per row of hidden, whose likelihoods are looked up there
        for item, shared_states in zip(items, states, strict=False):
            first = item.whole[0]
            hidden.append(shared_states)
            wanted += [[token] for token in first[item.start : item.fork]]
            wanted.append([ids[item.fork] for ids in item.whole if len(ids) > item.fork])
            for ids in item.whole:
                if len(ids) > item.end:
                    hidden.append(next(own_states))
                    wanted += [[token] for token in ids[item.end :]]
        if not hidden:
            return []
        found: list[float] = []
        for at in self.model.head.blocks(torch.cat(hidden), wanted):
            here = wanted[at.start : at.start + len(at.norms)]
            rows = [row for row, tokens in enumerate(here) for _ in tokens]
            flat = [token for tokens in here for token in tokens]
            found += (at.logits[rows, flat] - at.norms[rows]).tolist()
        logps = iter(found)
        result: list[list[TextScore]] = []
        for item in items:
            shared = item.fork - item.start
            logp_shared = sum(next(logps) for _ in range(shared))
            owns = [len(ids) - item.fork for ids in item.whole]
            firsts = [next(logps) if own else 0.0 for own in owns]
            scores = []
            for own, first_logp in zip(owns, firsts, strict=True):
                logp = logp_shared + first_logp + sum(next(logps) for _ in range(own - 1))
                scores.append(TextScore(logp, shared + own, shared, logp_shared))
            result.append(scores)
        return result

    # -- one reply ----------------------------------------------------------------------------

    def _single_tokens(self, earlier: Sequence[Message], job: _Job) -> list[int] | None:
        """The options' tokens if each is one token after the very same prompt, else None."""
        found: list[int] = []
        for option in job.request.options:
            ids = self._continued(earlier, job.rendered.ids, job.turn, option)
            if ids[:-1] != job.rendered.ids:
                return None
            found.append(ids[-1])
        return found

    def _continued(
        self, earlier: Sequence[Message], prompt: Sequence[int], turn: str, text: str
    ) -> list[int]:
        """The ids of the transcript with more text in its open turn."""
        known = self.model.continued(prompt, turn, text)
        return known or self.model.template.render(earlier, turn + text).ids

    def _mark(self, job: _Job, site: Site, earlier: Sequence[Message]) -> None:
        """Find the token at which the message of an ``end_of_message`` site ends."""
        number = message_index(site, len(earlier))
        if number is None:
            return
        upto = self.model.template.render(earlier[: number + 1], None).ids
        job.marks[site] = max(_common(upto, job.rendered.ids) - 1, 0)

    def _plan(self, jobs: list[_Job]) -> None:
        """Decide for each job where encoding starts, and from which other row it may copy."""
        jobs.sort(key=lambda job: job.rendered.ids)
        before: _Job | None = None
        for job in jobs:
            ids = job.rendered.ids
            last = min([len(ids) - 1, *job.marks.values()])
            job.start = min(_common(self.ids[job.row], ids), last) if self.model.packed else 0
            if before is not None and self.model.packed:
                shared = min(_common(before.rendered.ids, ids), last)
                if shared - job.start >= _WORTH_COPYING:
                    job.copy = (before.row, job.start, shared)
                    job.start = shared
            before = job
            if job.generator is None:
                room = min(job.request.max_tokens - 1, job.trust)
                job.draft = self.spoken[job.row].get(job.kind, [])[:room]
        if not any(job.copy for job in jobs):
            # Dialogues of like length look at equally many keys, and are computed together.
            jobs.sort(key=lambda job: len(job.rendered.ids))

    def _advance(self, jobs: list[_Job], reader: Reader) -> None:
        """One pass for all jobs: encode what is new, check drafts, decide the next tokens."""
        segments, before = [], []
        deciding = [1 + len(job.draft) for job in jobs]
        for job, n in zip(jobs, deciding, strict=True):
            past = len(job.cached) if job.tokens else job.start
            ids = job.new
            first = len(ids) - n if job.tokens else min([len(ids) - n, *job.marked])
            copy = None if job.tokens else job.copy
            segments.append(Segment(job.row, ids, past, copy, len(ids) - first))
            before.append(job.cached if job.tokens else job.rendered.ids)
            job.encoded += len(ids) + (0 if self.model.packed else past)
            job.drafted += len(job.draft)
            # The rows that this pass overwrites are no longer what ids says, should it fail.
            self.ids[job.row] = self.ids[job.row][:past] if job.copy is None else []
        reader.expect(jobs, segments, deciding)
        hidden = self.model.encode(self.cache, segments, before)
        wanted: list[Sequence[int]] = []
        for job, n in zip(jobs, deciding, strict=True):
            options = job.option_ids or [] if not job.tokens else []
            wanted += [options, *[[]] * (n - 1)]
        decisions = torch.cat([h[-n:] for h, n in zip(hidden, deciding, strict=True)])
        held = [len(job.tokens) for job in jobs]
        self._decide(jobs, deciding, decisions, wanted)
        reader.collect()
        for job, known in zip(jobs, held, strict=True):
            self.ids[job.row] = job.cached
            right = len(job.tokens) - known - 1
            job.trust = min(2 * right + 1, _MOST_DRAFTED) if job.draft else job.trust
            job.draft = []
            if not job.finish and job.generator is None:
                room = min(job.request.max_tokens - len(job.tokens) - 1, job.trust)
                job.draft = self._look_up(job, room)

    def _look_up(self, job: _Job, room: int) -> list[int]:
        """Guess how a reply goes on: as the transcript did where its last tokens last stood.

        A lettered answer goes on with its option's text, which stands in the question; where the
        line ends there, the reply probably does too.
        """
        if room <= 0:
            return []
        text = [*job.rendered.ids, *job.tokens]
        at = _latest(text)
        guess: list[int] = []
        for token in text[at : at + room] if at else []:
            if self.model.ends_line(token):
                guess += self.model.full_stop
                break
            guess.append(token)
            if token in self.model.ends:
                break
        return guess[:room]

    @torch.inference_mode()
    def _decide(
        self,
        jobs: list[_Job],
        deciding: list[int],
        hidden: torch.Tensor,
        wanted: Sequence[Sequence[int]],
    ) -> None:
        owners = [(job, k) for job, n in zip(jobs, deciding, strict=True) for k in range(n)]
        diverged: set[int] = set()
        for at in self.model.head.blocks(hidden, wanted):
            logits, norms = at.logits, at.norms
            gaps = (at.top[:, 0] - at.top[:, 1]).tolist()
            logps = (at.top[:, 0] - norms).tolist()
            ids = at.best.tolist()
            for p in range(logits.shape[0]):
                job, k = owners[at.start + p]
                if job.row in diverged or job.finish:
                    continue
                if k == 0 and not job.tokens and job.option_ids:
                    likelihoods = (logits[p, job.option_ids] - norms[p]).tolist()
                    job.options = [TextScore(value, 1) for value in likelihoods]
                token, logp = ids[p], logps[p]
                if job.generator is not None:
                    chances = torch.softmax(logits[p].cpu() / job.request.temperature, dim=-1)
                    token = int(torch.multinomial(chances, 1, generator=job.generator))
                    logp = float(logits[p, token] - norms[p])
                else:
                    job.gap = gaps[p] if job.gap is None else min(job.gap, gaps[p])
                self._take(job, token, logp)
                if k < len(job.draft) and token != job.draft[k]:
                    diverged.add(job.row)

    def _take(self, job: _Job, token: int, logp: float) -> None:
        job.tokens.append(token)
        job.logps.append(logp)
        if token in self.model.ends or (self.model.stops and self._text(job) != self._decoded(job)):
            job.finish = "stop"
        elif len(job.tokens) >= job.request.max_tokens:
            job.finish = "length"

    def _decoded(self, job: _Job) -> str:
        ids = job.tokens[:-1] if job.tokens[-1] in self.model.ends else job.tokens
        decode = self.model.tokenizer.decode
        if job.turn:
            # A tokenizer that puts a word's space into the word's token leaves it out at the start
            # of a text; here the text goes on.
            last = job.rendered.ids[-4:]
            before: str = decode(last, skip_special_tokens=True)
            whole: str = decode(last + ids, skip_special_tokens=True)
            if whole.startswith(before):
                return whole[len(before) :]
        text: str = decode(ids, skip_special_tokens=True)
        return text

    def _text(self, job: _Job) -> str:
        text = self._decoded(job)
        for stop in self.model.stops:
            text = text.split(stop, 1)[0]
        return text

    def _reply(self, job: _Job) -> Reply:
        self.spoken[job.row][job.kind] = list(job.tokens)
        text = self._text(job)
        self.transcripts[job.row].close_turn(job.turn + text)
        notes = job.rendered.notes
        if not self.model.packed:
            notes += ("this model's past can't be kept: the transcript was encoded again",)
        return Reply(
            text=text,
            finish="stop" if job.finish == "stop" else "length",
            token_ids=tuple(job.tokens),
            token_logps=tuple(job.logps),
            options=tuple(job.options),
            prompt_tokens=len(job.rendered.ids),
            encoded=job.encoded,
            reused=job.start,
            generated=len(job.tokens),
            drafted=job.drafted,
            gap=job.gap,
            states=job.states,
            notes=notes,
        )


@dataclass
class _Texts:
    """Texts to be scored as continuations of one dialogue.

    ``whole[t]`` are the ids of transcript and text t; up to ``start`` they are those of the prompt
    (which has ``prompt`` tokens), up to ``fork`` the same in all.
    """

    row: int
    whole: list[list[int]]
    prompt: int
    start: int
    fork: int

    @property
    def end(self) -> int:
        """A text that is longer has tokens of its own to encode: the last one predicts nothing."""
        return self.fork + 1


def _too_long(rendered: Rendered) -> Reply:
    return Reply("", "context", prompt_tokens=len(rendered.ids), notes=(_TOO_LONG,))


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """Length of the longest common prefix."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _latest(text: Sequence[int]) -> int | None:
    """What comes after the last two tokens where they last stood before, or after the last one."""
    back = text[::-1]
    once = None
    at = 0
    with suppress(ValueError):  # there is no further one
        while True:
            at = back.index(back[0], at + 1)
            once = at if once is None else once
            if back[at + 1 : at + 2] == back[1:2]:
                return len(text) - at
    return None if once is None else len(text) - once


def _fitting(jobs: Sequence[_Job]) -> list[_Job]:
    """As many of the jobs as one pass takes, from the beginning; at least one."""
    tokens = 0
    for number, job in enumerate(jobs):
        tokens += len(job.new)
        if number and tokens > PACK:
            return list(jobs[:number])
    return list(jobs)
