"""Replies of many dialogues, decoded together: each pass encodes what is new and checks drafts."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from selfcorrect.models.base import Likelihood
from selfcorrect.models.local.engine import Engine
from selfcorrect.models.local.head import Decisions
from selfcorrect.models.local.jobs import Job, fitting
from selfcorrect.models.local.pages import Cache, Segment
from selfcorrect.models.local.states import Reader
from selfcorrect.models.local.vocabulary import Vocabulary

#: Tokens whose chances are added up first when one is drawn.
_STRIPE = 256
_BELOW_ONE = 1 - 2**-40


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
            for job in now:
                if job.finish and job.request.on_made is not None:
                    job.request.on_made()


def _advance(
    engine: Engine, vocabulary: Vocabulary, cache: Cache, jobs: Sequence[Job], reader: Reader
) -> None:
    """One pass for all jobs: encode what is new, check drafts, decide the next tokens."""
    segments, wholes = [], []
    deciding = [1 + len(job.draft) for job in jobs]
    for job, n in zip(jobs, deciding, strict=True):
        past, whole = job.past, job.grown()
        read, copy = n, None
        if not job.tokens:
            read, copy = len(whole) - min([len(whole) - n, *job.places.values()]), job.copy
        prompt = job.prompt
        segments.append(
            Segment(job.row, whole.ids[past:], past, copy, read, prompt.steer, prompt.seen)
        )
        wholes.append(whole)
        job.encoded += len(whole) - (past if engine.packed else 0)
        job.drafted += len(job.draft)
        if not job.tokens:
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
        if job.finish:
            # The drafted tokens that were right are the reply's; the latest token isn't encoded.
            cache.held[job.row] = whole.keys[: job.past]
            if job.finish == "overflow" and job.prompt.steer is not None:
                del cache.held[job.row][job.prompt.steer[0] :]
        elif not earlier:
            cache.held[job.row] = job.prompt.keys
        job.go_on(earlier, len(jobs))


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
        gaps = (at.top[:, 0] - at.top[:, 1]).tolist()
        logps = (at.top[:, 0] - at.norms).tolist()
        ids = at.best.tolist()
        here = owners[at.start : at.start + len(ids)]
        drawing = [p for p, (job, _) in enumerate(here) if job.generator is not None]
        for p, (token, logp) in zip(drawing, _drawn(at, drawing, here), strict=True):
            ids[p], logps[p] = token, logp
        for p, (job, k) in enumerate(here):
            if job.row in diverged or job.finish:
                continue
            if at.start + p in overflowed:
                job.finish = "overflow"
                continue
            if k == 0 and not job.tokens and job.option_ids:
                likelihoods = (at.logits[p, job.option_ids] - at.norms[p]).tolist()
                job.options = [Likelihood(value, 1) for value in likelihoods]
            if job.generator is None:
                job.gap = gaps[p] if job.gap is None else min(job.gap, gaps[p])
            job.take(ids[p], logps[p], vocabulary)
            if k < len(job.draft) and ids[p] != job.draft[k]:
                diverged.add(job.row)


def _drawn(
    at: Decisions, rows: Sequence[int], owners: Sequence[tuple[Job, int]]
) -> list[tuple[int, float]]:
    """Draw a token at each of these rows: where a number of the job's own generator falls among
    the tokens' chances. So a draw depends on the job alone, not on who else draws.

    Returns:
        The tokens, and log p of each at temperature 1.
    """
    if not rows:
        return []
    jobs = [owners[p][0] for p in rows]
    logits = at.logits[list(rows)].cpu()
    heat = torch.tensor([job.request.temperature for job in jobs])[:, None]
    numbers = torch.cat(
        [torch.rand(1, 1, generator=job.generator, dtype=torch.float64) for job in jobs]
    )
    tokens = _falls(torch.softmax(logits / heat, dim=-1), numbers)
    logps = logits.gather(1, tokens)[:, 0] - at.norms[list(rows)].cpu()
    return list(zip(tokens[:, 0].tolist(), logps.tolist(), strict=True))


def _falls(chances: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
    """Where numbers in [0, 1) fall among chances, [rows, tokens]: [rows, 1] both.

    First among the sums of stripes, then in the one stripe: adding up a whole vocabulary in
    float64 took longer than any other step of drawing.
    """
    rest = -chances.shape[1] % _STRIPE
    if rest:
        chances = torch.nn.functional.pad(chances, (0, rest))
    stripes = chances.view(len(chances), -1, _STRIPE)
    upto = stripes.sum(-1).cumsum(-1, dtype=torch.float64)
    numbers = numbers * upto[:, -1:]
    which = torch.searchsorted(upto, numbers, right=True)
    before = torch.where(which > 0, upto.gather(1, (which - 1).clamp(min=0)), 0.0)
    share = ((numbers - before) / (upto.gather(1, which) - before)).clamp(max=_BELOW_ONE)
    inside = stripes[torch.arange(len(stripes)), which[:, 0]].cumsum(-1, dtype=torch.float64)
    # Below the stripe's sum, so that it falls on a token that has a chance.
    return which * _STRIPE + torch.searchsorted(inside, share * inside[:, -1:], right=True)
