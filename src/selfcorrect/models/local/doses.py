"""What many steers do to the same questions: likelihoods of the options, one token a dose.

A steer that begins at the last token before the reply leaves all before it as it is. So a prompt is
encoded once for all doses, and a dose is a version of its last token: versions of many go through
together (see ``fan.py``), and only through the layers above the lowest that is steered. A steer of
every token changes all of them, and only the layers below it are shared (see ``whole.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from selfcorrect.errors import UserError
from selfcorrect.models.base import Request, Site, Steer
from selfcorrect.models.local import packed, steering
from selfcorrect.models.local.conversation import LocalConversation
from selfcorrect.models.local.engine import Engine
from selfcorrect.models.local.fan import Blade, Fan, from_layer
from selfcorrect.models.local.layers import layers
from selfcorrect.models.local.model import LocalModel
from selfcorrect.models.local.pages import Cache, Segment
from selfcorrect.models.local.prompts import plain
from selfcorrect.models.local.whole import known, steered

#: Doses of one dialogue that are open at a time where each is a row of its own.
_ROWS = 64
#: Up to what difference in log p both ways are the same, in float32 and in 16 bits.
_SAME = {"float32": 1e-3}


@dataclass(frozen=True, slots=True)
class Doses:
    """What a dialogue's options are worth under each dose.

    Attributes:
        logp: [doses, options], log p of each option as the reply's beginning, in nats (or among
            the options alone, without their mass); NaN where a dose is left out.
        finite: [doses]; a dose whose states were not finite is left out.
        encoded: tokens that went through the model for all of them.
    """

    logp: torch.Tensor
    finite: torch.Tensor
    encoded: int

    @property
    def p(self) -> torch.Tensor:
        """[doses, options], adding up to 1."""
        return torch.softmax(self.logp, dim=-1)

    @property
    def mass(self) -> torch.Tensor:
        """[doses], the probability of all options together; 1 where only they were computed."""
        return self.logp.exp().sum(-1)

    @property
    def entropy(self) -> torch.Tensor:
        """[doses], of ``p``, in nats."""
        p = self.p
        return -(p * p.clamp(min=1e-38).log()).sum(-1)


@dataclass(frozen=True, slots=True)
class Perplexity:
    """How well a model reads texts under a dose.

    Attributes:
        nll: mean over all tokens but each text's first of −log p, in nats; ``None`` where a state
            was not finite: the dose is left out.
        tokens: over so many.
    """

    nll: float | None
    tokens: int

    @property
    def value(self) -> float | None:
        """e to the power of that."""
        return None if self.nll is None else float(torch.tensor(self.nll).exp())


def doses(
    talk: LocalConversation,
    requests: Sequence[Request],
    steers: Sequence[Steer | None],
    *,
    mass: bool = True,
) -> list[Doses | None]:
    """Likelihoods of every dialogue's options under every steer.

    Nothing is entered; each number is the one that ``talk.elicit`` gives under the steer.

    Args:
        talk: dialogues in which a reply is due.
        requests: of each dialogue, the prefill and the options.
        steers: the doses; ``None`` is the model as it is, as is a steer of length 0.
        mass: also how likely the options are beside all else that could be said; without, only
            their likelihoods among each other are computed, which is faster.

    Returns:
        A dialogue each; ``None`` where its transcript doesn't fit the context window.

    Raises:
        UserError: a request has no options, or the model can't be steered so.
        OutOfMemoryError: the device has no room.
    """
    if not steers or not all(request.options for request in requests):
        raise UserError("doses need at least one steer, and the options of every dialogue.")
    engine = talk.engine
    for steer in steers:
        if steer is not None:
            engine.check_steer(steer)
    steers = [None if steer is None or not steer.vectors.any() else steer for steer in steers]
    own = [steer for steer in steers if steer is not None]
    places = {steer.at for steer in own}
    seeing = any(m.images for each in talk.transcripts for m in each.messages)
    if len(places) != 1 or not engine.packed or seeing:
        return _row_by_row(talk, requests, steers, mass=mass)
    (place,) = places
    lowest = min(number for steer in own for number in steer.layers)
    way = _fanned if place == "reply" else _whole
    found = way(talk, requests, steers, lowest, mass=mass)
    if found is None or not _agrees(talk, requests, steers, found, place):
        return _row_by_row(talk, requests, steers, mass=mass)
    return found


def _fanned(
    talk: LocalConversation,
    requests: Sequence[Request],
    steers: Sequence[Steer | None],
    lowest: int,
    *,
    mass: bool,
) -> list[Doses | None] | None:
    """The fast way; ``None`` where an option is longer than a token."""
    engine = talk.engine
    site = Site("residual", (lowest,))
    branch = talk.branch()
    asked = [
        Request(request.prefill, 1, options=request.options, states=(site,)) for request in requests
    ]
    tokens = [branch.option_tokens(row, each) for row, each in enumerate(asked)]
    if any(each is None for each in tokens):
        return None
    replies = branch.elicit(asked)
    result: list[Doses | None] = [None] * len(requests)
    blocks: list[tuple[int, torch.Tensor]] = []
    for row, reply in enumerate(replies):
        talk.cache.adopt(row, branch.cache, row)
        if reply is None or reply.finish == "context":
            continue
        logp = torch.full((len(steers), len(asked[row].options)), float("nan"))
        for n, steer in enumerate(steers):
            if steer is None:
                logp[n] = _of([each.logp for each in reply.options], mass=mass)
        moved = sum(steer is not None for steer in steers)
        result[row] = Doses(logp, torch.ones(len(steers), dtype=torch.bool), reply.encoded + moved)
        blocks.append((row, reply.states[site][0]))
    with engine.within_memory():
        for pieces in _passes(blocks, [n for n, steer in enumerate(steers) if steer is not None]):
            _through(engine, talk.cache, pieces, steers, lowest, tokens, result, mass=mass)
    branch.close(range(len(requests)))
    return result


@torch.inference_mode()
def _whole(
    talk: LocalConversation,
    requests: Sequence[Request],
    steers: Sequence[Steer | None],
    lowest: int,
    *,
    mass: bool,
) -> list[Doses | None] | None:
    """Every token steered; ``None`` where an option is longer than a token, or a dialogue is under
    a condition of its own."""
    engine = talk.engine
    tokens = [talk.option_tokens(row, request) for row, request in enumerate(requests)]
    prompts = [talk.prompt(row, request.prefill) for row, request in enumerate(requests)]
    if any(each is None for each in tokens) or any(prompt.conditions for prompt in prompts):
        return None
    rows = [row for row, prompt in enumerate(prompts) if len(prompt) < engine.context]
    result: list[Doses | None] = [None] * len(requests)
    moved = [(n, steer) for n, steer in enumerate(steers) if steer is not None]
    with engine.within_memory():
        every = known(engine, [prompts[row].ids for row in rows], lowest)
        for row, each in zip(rows, every, strict=True):
            options = tokens[row] or []
            plainly = engine.head.likely(each.last[None], options, among=not mass)[0].cpu()
            logp = plainly.repeat(len(steers), 1)
            fine = torch.ones(len(steers), dtype=torch.bool)
            result[row] = Doses(logp, fine, len(each.ids) * (1 + len(moved)))
        for at, n, state in steered(engine, every, moved, lowest):
            mine, options = result[rows[at]], tokens[rows[at]] or []
            assert mine is not None
            mine.finite[n] = sound = bool(state.isfinite().all())
            state = state if sound else torch.zeros_like(state)
            found = engine.head.likely(state[None], options, among=not mass)[0].cpu()
            mine.logp[n] = found if sound else torch.nan
    return result


#: A dialogue, its state before the reply at the lowest steered layer, and which doses it gets.
_Piece = tuple[int, torch.Tensor, list[int]]


def _passes(
    blocks: Sequence[tuple[int, torch.Tensor]], numbers: Sequence[int]
) -> list[list[_Piece]]:
    """Every dialogue under every dose, in passes of at most ``packed.PACK`` tokens."""
    result: list[list[_Piece]] = [[]]
    room = packed.PACK
    for row, state in blocks:
        left = list(numbers)
        while left:
            if not room:
                result.append([])
                room = packed.PACK
            some, left = left[:room], left[room:]
            result[-1].append((row, state, some))
            room -= len(some)
    return result if result[0] else []


@torch.inference_mode()
def _through(
    engine: Engine,
    cache: Cache,
    pieces: Sequence[_Piece],
    steers: Sequence[Steer | None],
    lowest: int,
    tokens: Sequence[list[int] | None],
    result: Sequence[Doses | None],
    *,
    mass: bool,
) -> None:
    """One pass; enters what it finds."""
    device = torch.device(engine.device)
    blades, spans, positions, states = [], [], [], []
    end = 0
    for row, state, numbers in pieces:
        start, end = end, end + len(numbers)
        past = len(cache.held[row]) - 1
        blades.append(Blade(cache.tables[row], past, start, end))
        positions += [past] * len(numbers)
        states.append(state.expand(len(numbers), -1))
        for at, n in enumerate(numbers, start):
            if (steer := steers[n]) is not None:
                spans.append(steering.Span(at, at + 1, steer))
    given = torch.cat(states).to(device, engine.head.weight.dtype)[None]
    every = layers(engine.decoder)
    with (
        from_layer(every, lowest, given, as_tuple=engine.gives_tuples),
        steering.steered(engine.decoder, spans),
        packed.looking(Fan(engine.pool, blades)),
    ):
        hidden = engine.decoder(
            input_ids=torch.zeros(1, end, dtype=torch.long, device=device),
            position_ids=torch.tensor([positions], device=device),
            use_cache=False,
        ).last_hidden_state[0]
    engine.passes += 1
    finite = hidden.isfinite().all(-1)
    hidden[~finite] = 0
    for blade, (row, _, numbers) in zip(blades, pieces, strict=True):
        mine = result[row]
        assert mine is not None
        here = slice(blade.start, blade.end)
        logp = engine.head.likely(hidden[here], tokens[row] or [], among=not mass).cpu()
        fine = finite[here].cpu()
        mine.logp[numbers] = torch.where(fine[:, None], logp, torch.nan)
        mine.finite[numbers] = fine


def _of(logps: Sequence[float], *, mass: bool) -> torch.Tensor:
    """The options' log p, or without their mass that of each among them."""
    found = torch.tensor(logps)
    return found if mass else torch.log_softmax(found, dim=-1)


def _row_by_row(
    talk: LocalConversation,
    requests: Sequence[Request],
    steers: Sequence[Steer | None],
    *,
    mass: bool,
) -> list[Doses | None]:
    """The plain way: every dose is a dialogue of its own on a branch."""
    found: list[list[torch.Tensor]] = [[] for _ in requests]
    encoded, fits = [0] * len(requests), [True] * len(requests)
    for first in range(0, len(steers), _ROWS):
        some = steers[first : first + _ROWS]
        branch = talk.branch(len(some))
        asked = [
            replace(request, max_tokens=1, temperature=0.0, steer=steer, samples=(), states=())
            for request in requests
            for steer in some
        ]
        for k, reply in enumerate(branch.elicit(asked)):
            row = k // len(some)
            assert reply is not None
            options = [each.logp for each in reply.options]
            fits[row] &= reply.finish != "context" and (bool(options) or reply.finish == "overflow")
            count = len(requests[row].options)
            found[row].append(_of(options or [float("nan")] * count, mass=mass))
            encoded[row] += reply.encoded
        branch.close(range(len(asked)))
    return [
        Doses(torch.stack(logp), ~torch.stack(logp).isnan().any(-1), tokens) if fit else None
        for logp, tokens, fit in zip(found, encoded, fits, strict=True)
    ]


def _agrees(
    talk: LocalConversation,
    requests: Sequence[Request],
    steers: Sequence[Steer | None],
    found: Sequence[Doses | None],
    place: str,
) -> bool:
    """Whether one dose is as in the plain way: asked once of a model and place, as its layers may
    do what nobody thought of."""
    engine = talk.engine
    if place in engine.agrees:
        return engine.agrees[place]
    for row, mine in enumerate(found):
        for n, steer in enumerate(steers):
            if steer is None or mine is None or not mine.finite[n]:
                continue
            branch = talk.branch()
            asked: list[Request | None] = [None] * len(requests)
            asked[row] = replace(requests[row], max_tokens=1, steer=steer, samples=(), states=())
            reply = branch.elicit(asked)[row]
            branch.close(range(len(requests)))
            if reply is None or reply.finish == "overflow":
                continue
            plainly = torch.tensor([each.logp for each in reply.options])
            error = float((plainly.softmax(-1).log() - mine.p[n].log()).abs().max())
            engine.agrees[place] = error < _SAME.get(engine.dtype, 0.25)
            return engine.agrees[place]
    return True


@torch.inference_mode()
def perplexities(
    model: LocalModel, texts: Sequence[str], steers: Sequence[Steer | None]
) -> list[Perplexity]:
    """How well a model reads texts under each steer: every token but the first of each is scored.

    The texts stand by themselves, without a template. All their tokens are steered, whatever
    ``at`` says: this measures the damage that a dose does.

    Args:
        model: who reads.
        texts: neutral ones.
        steers: the doses; ``None`` is the model as it is.

    Raises:
        UserError: a text has under two tokens or more than the context window, or the model can't
            be steered so.
        OutOfMemoryError: the device has no room.
    """
    engine = model.engine
    ids = [
        [*model.vocabulary.beginning, *model.vocabulary.template.content(text)] for text in texts
    ]
    for text, each in zip(texts, ids, strict=True):
        if not 2 <= len(each) <= engine.context:
            raise UserError(
                f"the text {text!r:.60} has {len(each)} tokens: perplexity takes texts of 2 to "
                f"{engine.context}."
            )
    result = []
    for steer in steers:
        if steer is not None:
            engine.check_steer(steer)
        prompts = [plain(each) if steer is None else plain(each).steered(0, steer) for each in ids]
        cache = Cache(engine.pool, len(ids))
        segments = [
            Segment(row, prompt.ids, 0, steer=prompt.steer) for row, prompt in enumerate(prompts)
        ]
        total, count, fine = 0.0, 0, True
        with engine.within_memory():
            for hidden, each in zip(engine.encode(cache, segments, prompts), ids, strict=True):
                if steer is not None and not hidden.isfinite().all():
                    fine = False
                    continue
                total -= float(engine.head.following(hidden[:-1], each[1:]).double().sum())
                count += len(each) - 1
        result.append(Perplexity(total / count, count) if fine else Perplexity(None, 0))
    return result
