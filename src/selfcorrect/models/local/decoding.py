"""Replies of many dialogues, decoded together: each pass encodes what is new and checks drafts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from selfcorrect.models.base import Likelihood
from selfcorrect.models.local import drafts
from selfcorrect.models.local.engine import Engine
from selfcorrect.models.local.jobs import Job, fitting
from selfcorrect.models.local.pages import Cache, Segment
from selfcorrect.models.local.states import Reader
from selfcorrect.models.local.vocabulary import Vocabulary


def decode(
    engine: Engine, vocabulary: Vocabulary, cache: Cache, jobs: Sequence[Job], reader: Reader
) -> None:
    """Make the replies.

    Args:
        engine, vocabulary: the model's.
        cache: of the conversation.
        jobs: planned, in the order in which they may copy from one another.
        reader: collects the hidden states that they ask for.

    Raises:
        OutOfMemoryError: the device has no room.
    """
    waiting = list(jobs)
    with reader, engine.within_memory():
        while waiting:
            # Who is in the middle of a reply goes first: thin passes cost more per token.
            now = fitting(waiting)
            _advance(engine, vocabulary, cache, now, reader)
            waiting = [job for job in now if not job.finish] + waiting[len(now) :]


def _advance(
    engine: Engine, vocabulary: Vocabulary, cache: Cache, jobs: Sequence[Job], reader: Reader
) -> None:
    """One pass for all jobs: encode what is new, check drafts, decide the next tokens."""
    segments, wholes = [], []
    deciding = [1 + len(job.draft) for job in jobs]
    for job, n in zip(jobs, deciding, strict=True):
        past, whole = job.past, job.prompt.extended(job.tokens + job.draft)
        read, copy = n, None
        if not job.tokens:
            read, copy = len(whole) - min([len(whole) - n, *job.places.values()]), job.copy
        segments.append(Segment(job.row, whole.ids[past:], past, copy, read, job.prompt.steer))
        wholes.append(whole)
        job.encoded += len(whole) - (past if engine.packed else 0)
        job.drafted += len(job.draft)
        # The rows that this pass overwrites no longer hold what they did, should it fail.
        cache.held[job.row] = cache.held[job.row][:past] if job.copy is None else []
    reader.expect(jobs, segments, deciding)
    hidden = engine.encode(cache, segments, wholes)
    wanted: list[Sequence[int]] = []
    for job, n in zip(jobs, deciding, strict=True):
        options = job.option_ids or [] if not job.tokens else []
        wanted += [options, *[[]] * (n - 1)]
    states = torch.cat([h[-n:] for h, n in zip(hidden, deciding, strict=True)])
    known = [len(job.tokens) for job in jobs]
    _decide(engine, vocabulary, jobs, states, wanted, _overflowed(jobs, states))
    reader.collect()
    for job, whole, earlier in zip(jobs, wholes, known, strict=True):
        # The drafted tokens that were right are the reply's; the latest token isn't encoded.
        cache.held[job.row] = whole.keys[: job.past]
        if job.finish == "overflow" and job.prompt.steer is not None:
            del cache.held[job.row][job.prompt.steer[0] :]
        right = len(job.tokens) - earlier - 1
        job.trust = min(2 * right + 1, drafts.MOST) if job.draft else job.trust
        job.draft = []
        if not job.finish and job.generator is None:
            room = min(job.request.max_tokens - len(job.tokens) - 1, job.trust)
            job.draft = drafts.guess([*job.prompt.ids, *job.tokens], room, vocabulary)


@torch.inference_mode()
def _overflowed(jobs: Sequence[Job], hidden: torch.Tensor) -> set[int]:
    """Put zeros in place of steered states that aren't finite; returns their positions."""
    if all(job.prompt.steer is None for job in jobs):
        return set()
    steered = [job.prompt.steer is not None for job in jobs for _ in range(1 + len(job.draft))]
    bad = ~hidden.isfinite().all(-1) & torch.tensor(steered, device=hidden.device)
    hidden[bad] = 0
    return set(bad.nonzero()[:, 0].tolist())


@torch.inference_mode()
def _decide(
    engine: Engine,
    vocabulary: Vocabulary,
    jobs: Sequence[Job],
    hidden: torch.Tensor,
    wanted: Sequence[Sequence[int]],
    overflowed: set[int],
) -> None:
    """Take the next tokens of all jobs: as many as their drafts were right, and one.

    Args:
        engine, vocabulary: the model's.
        jobs: whose replies go on.
        hidden: [positions, hidden], of each job one more than its draft has tokens.
        wanted: per position, the tokens whose likelihood is looked up.
        overflowed: positions at which nothing can be decided.
    """
    owners = [(job, k) for job in jobs for k in range(1 + len(job.draft))]
    diverged: set[int] = set()
    for at in engine.head.blocks(hidden, wanted):
        logits, norms = at.logits, at.norms
        gaps = (at.top[:, 0] - at.top[:, 1]).tolist()
        logps = (at.top[:, 0] - norms).tolist()
        ids = at.best.tolist()
        for p in range(logits.shape[0]):
            job, k = owners[at.start + p]
            if job.row in diverged or job.finish:
                continue
            if at.start + p in overflowed:
                job.finish = "overflow"
                continue
            if k == 0 and not job.tokens and job.option_ids:
                likelihoods = (logits[p, job.option_ids] - norms[p]).tolist()
                job.options = [Likelihood(value, 1) for value in likelihoods]
            token, logp = ids[p], logps[p]
            if job.generator is not None:
                chances = torch.softmax(logits[p].cpu() / job.request.temperature, dim=-1)
                token = int(torch.multinomial(chances, 1, generator=job.generator))
                logp = float(logits[p, token] - norms[p])
            else:
                job.gap = gaps[p] if job.gap is None else min(job.gap, gaps[p])
            job.take(token, logp, vocabulary)
            if k < len(job.draft) and token != job.draft[k]:
                diverged.add(job.row)
