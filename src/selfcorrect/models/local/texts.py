"""Plain texts, each by itself: their hidden states at the last token, and how likely they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

import torch

from selfcorrect.errors import UserError
from selfcorrect.models.base import Request, Site
from selfcorrect.models.local.engine import Engine
from selfcorrect.models.local.jobs import Job, fitting, plan
from selfcorrect.models.local.layers import layers
from selfcorrect.models.local.pages import Cache, Segment
from selfcorrect.models.local.prompts import plain
from selfcorrect.models.local.states import Reader
from selfcorrect.models.local.template import Rendered
from selfcorrect.models.local.vocabulary import Vocabulary, beginning
from selfcorrect.models.scored import Progress, Scored
from selfcorrect.models.sites import BEFORE_ANSWER

#: Texts whose keys and values are held at a time.
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """What a direction in a model's hidden states depends on beside its weights.

    Attributes:
        layers, hidden: how many layers there are, and numbers in a state.
        tokenizer, template: sixteen hex digits that change when they do.
        bos: whether the tokenizer puts a token before every text.
    """

    layers: int
    hidden: int
    tokenizer: str
    template: str
    bos: bool


def identity(engine: Engine, vocabulary: Vocabulary) -> Identity:
    """The identity of an open model.

    Raises:
        UserError: its layers aren't found.
    """
    every = layers(engine.decoder)
    if every is None:
        raise UserError(f"hidden states of {engine.name} can't be read: its layers were not found.")
    hidden = int(engine.network.config.get_text_config().hidden_size)
    return Identity(len(every), hidden, *identity_of(vocabulary.tokenizer))


def identity_of(tokenizer: Any) -> tuple[str, str, bool]:
    """The identity's ``(tokenizer, template, bos)``."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    words = backend.to_str() if backend is not None else repr(sorted(tokenizer.get_vocab().items()))
    return _digest(words), _digest(str(tokenizer.chat_template)), bool(beginning(tokenizer))


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def states_of(
    engine: Engine,
    vocabulary: Vocabulary,
    texts: Sequence[str],
    kind: Literal["residual", "attention", "mlp"],
    most: int,
) -> torch.Tensor:
    """States of texts, each by itself (no template), at its last token.

    Texts that begin alike share what they have in common, and every other token is encoded once.

    Args:
        texts: none of them empty.
        kind: of the states, see :class:`selfcorrect.models.base.Site`.
        most: tokens that are read of a text, from its beginning.

    Returns:
        [texts, layers, hidden] in float32, on the CPU.

    Raises:
        UserError: the model's layers or blocks aren't found, or a text has no token.
        OutOfMemoryError: the device has no room.
    """
    number = identity(engine, vocabulary).layers
    sites = (Site(kind, tuple(range(number)), BEFORE_ANSWER),)
    found: list[torch.Tensor] = []
    for start in range(0, len(texts), _TOGETHER):
        some = texts[start : start + _TOGETHER]
        found += _together(engine, vocabulary, some, sites, min(most, engine.context))
    return torch.stack(found) if found else torch.empty(0, number, 0)


def _together(
    engine: Engine,
    vocabulary: Vocabulary,
    texts: Sequence[str],
    sites: tuple[Site, ...],
    most: int,
) -> list[torch.Tensor]:
    begins = vocabulary.beginning
    jobs = []
    for row, text in enumerate(texts):
        ids = [*begins, *vocabulary.template.content(text)][:most]
        if len(ids) == len(begins):
            raise UserError(f"{engine.name} has no token for the text {text!r:.60}; leave it out.")
        prompt = plain(ids)
        jobs.append(Job(row, Request(states=sites), Rendered(text, prompt), prompt, ""))
    cache = Cache(engine.pool, len(texts))
    by_row = list(jobs)
    plan(jobs, cache, keeps=engine.packed)
    reader = Reader(engine.name, engine.decoder, [sites], packed=engine.packed)
    waiting = jobs
    try:
        with reader, engine.within_memory():
            while waiting:
                now = fitting(waiting)
                segments = [Segment(job.row, job.new, job.past, job.copy, 1) for job in now]
                reader.expect(now, segments, [1] * len(now))
                engine.encode(cache, segments, [job.prompt for job in now])
                reader.collect()
                waiting = waiting[len(now) :]
    finally:
        cache.drop(0)
    return [job.states[sites[0]].cpu() for job in by_row]


def scored(
    engine: Engine, vocabulary: Vocabulary, texts: Sequence[str], most: int, told: Progress
) -> list[Scored | None]:
    """How likely the tokens of texts are, each text by itself (no template).

    Before a text stands the token that its tokenizer begins one with; where it begins none so, its
    BOS, else its EOS, as otherwise nothing would predict the first token.

    Args:
        texts: any; what looks like a special token is text.
        most: tokens that a text may have.
        told: called with how many are done, and of how many.

    Returns:
        One for each; ``None`` for a text that is longer, or than the context window has room for.

    Raises:
        UserError: the tokenizer has no token that could begin a text, or the model computes numbers
            that aren't finite.
        OutOfMemoryError: the device has no room.
    """
    begins = begin_of(engine.name, vocabulary.tokenizer)
    every = [vocabulary.template.content(text) for text in texts]
    most = min(most, engine.context - len(begins))
    # texts of like length see equally many keys, and are computed together
    fit = sorted((k for k, ids in enumerate(every) if 0 < len(ids) <= most),
                 key=lambda k: len(every[k]))  # fmt: skip
    found: list[Scored | None] = [None if ids else Scored((), ()) for ids in every]
    done = len(texts) - len(fit)
    for start in range(0, len(fit), _TOGETHER):
        rows = fit[start : start + _TOGETHER]
        for k, logps in zip(rows, _scored(engine, begins, [every[k] for k in rows]), strict=True):
            found[k] = Scored(tuple(every[k]), tuple(logps))
        done += len(rows)
        told(done, len(texts))
    return found


@torch.inference_mode()
def _scored(
    engine: Engine, begins: Sequence[int], texts: Sequence[Sequence[int]]
) -> list[list[float]]:
    wholes = [plain([*begins, *ids]) for ids in texts]
    cache = Cache(engine.pool, len(wholes))
    # the last token predicts nothing
    segments = [Segment(row, whole.ids[:-1], 0) for row, whole in enumerate(wholes)]
    try:
        with engine.within_memory():
            hidden = engine.encode(cache, segments, [whole.upto(-1) for whole in wholes])
            parts = [states[len(begins) - 1 :] for states in hidden]
            tokens = [token for ids in texts for token in ids]
            logps = engine.head.following(torch.cat(parts), tokens)
    finally:
        cache.drop(0)
    if not logps.isfinite().all():
        raise UserError(
            f"{engine.name} computed numbers that are not finite in {engine.dtype}: use --dtype "
            "float32, or get the model's files again."
        )
    split = torch.split(logps, [len(ids) for ids in texts])
    return [each.tolist() for each in split]


def begin_of(name: str, tokenizer: Any) -> list[int]:
    """The token that stands before a text by itself, see :func:`scored`.

    Raises:
        UserError: the tokenizer of the model of this name has none.
    """
    if begins := beginning(tokenizer):
        return begins
    for token in (tokenizer.bos_token_id, tokenizer.eos_token_id):
        if token is not None:
            return [token]
    raise UserError(
        f"the tokenizer of {name} has no token that begins or ends a text, so nothing predicts a "
        "text's first token; use another model."
    )
