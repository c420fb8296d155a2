"""A transformer that encodes tokens of many dialogues in one pass, on keys and values it keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch

from selfcorrect.errors import UserError
from selfcorrect.models.base import OutOfMemoryError, Steer
from selfcorrect.models.local import packed, steering
from selfcorrect.models.local.head import Head
from selfcorrect.models.local.layers import block, layers
from selfcorrect.models.local.machine import out_of_memory
from selfcorrect.models.local.pages import Cache, Pool, Segment
from selfcorrect.models.local.prompts import Growing, Prompt, plain
from selfcorrect.models.local.vision.eyes import OTHERS, Eyes
from selfcorrect.models.local.vision.seen import Look

_PACKABLE = {"full_attention", "sliding_attention"}
#: What is raised where a network isn't as the packed way needs it.
_WRONG = (RuntimeError, ValueError, TypeError, AttributeError, KeyError)


class Engine:
    """A causal language model of transformers, and what encoding with it needs.

    Attributes:
        name: the model's, for errors.
        network: the model.
        decoder: the model without its output head.
        head: the output head.
        context: the longest transcript in tokens.
        packed: whether new tokens of many dialogues go through in one pass on kept keys and
            values. False for models whose layers can't (recurrent ones): then every step encodes
            the whole transcript again, which is slower and says so in the record.
        pool: the pages of all conversations.
        passes: how many forward passes there were.
        eyes: what it sees by; ``None`` for a model of text.
        agrees: whether many steers at a time are as one by one, by the place where they begin
            (``doses.py``), as far as anybody has tried.
    """

    def __init__(
        self, name: str, network: Any, dtype: str, device: str, eyes: Eyes | None = None
    ) -> None:
        """Raises UserError: its hidden states become logits in a way that isn't known."""
        self.name = name
        self.eyes = eyes
        self.dtype = dtype
        self.device = device
        self.network = network
        self.decoder = _decoder(network)
        self.head = Head(network)
        config = network.config.get_text_config()
        self.context = int(getattr(config, "max_position_embeddings", None) or 1 << 20)
        self.passes = 0
        self.agrees: dict[str, bool] = {}
        self.pool = Pool()
        self.packed = _can_pack(config) and self._packs_correctly() and self._sees_packed()
        if not self.packed:
            self._attend("eager")
            self._check_head()
            if eyes is not None and not eyes.closed:
                self._check_sight(eyes)

    @contextmanager
    def within_memory(self) -> Iterator[None]:
        """Tell a full memory from other failures; all conversations are lost then.

        Raises:
            OutOfMemoryError: the device has no room for what was tried.
        """
        try:
            yield
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            self.pool.keys.clear()
            self.pool.values.clear()
            self.pool = Pool()
            raise OutOfMemoryError(
                f"the memory of {self.device} has no room for {self.name} and one dialogue: use "
                "a smaller model, --dtype bfloat16, fewer rounds, or another device."
            ) from None

    @torch.inference_mode()
    def encode(
        self, cache: Cache, segments: Sequence[Segment], wholes: Sequence[Prompt | Growing]
    ) -> list[torch.Tensor]:
        """Encode segments.

        Args:
            cache: of the conversation.
            segments: in the order in which they may copy from one another.
            wholes: per segment the prompt whose last tokens it is (models whose past can't be kept
                encode all of it).

        Returns:
            Per segment the last hidden states of the tokens that are read, [tokens, hidden]. They
            are not finite where they depend on a steered state that was too large.
        """
        device = torch.device(self.device)
        if not self.packed:
            pairs = zip(segments, wholes, strict=True)
            return [self._encode_whole(segment, whole, device) for segment, whole in pairs]
        parts: list[torch.Tensor] = []
        for pack in packed.packs(segments, packed.PACK):
            with steering.steered(self.decoder, steering.spans(pack)) as overflow:
                hidden = packed.encode(self.decoder, cache, pack, device)
            self.passes += 1
            end = 0
            for piece in pack if overflow.places else ():
                start, end = end, end + len(piece.ids)
                if overflow.within(start, end):
                    cache.overflowed(piece)
            parts += torch.split(hidden, [piece.tail for piece in pack])
        merged: list[torch.Tensor] = []
        for segment in segments:
            pieces = len(packed.cuts(segment, packed.PACK))
            mine, parts = parts[:pieces], parts[pieces:]
            merged.append(mine[0] if pieces == 1 else torch.cat(mine))
        return merged

    def _encode_whole(
        self, segment: Segment, whole: Prompt | Growing, device: torch.device
    ) -> torch.Tensor:
        ids = torch.tensor([whole.ids], device=device)
        self.passes += 1
        every = Segment(segment.row, whole.ids, 0, steer=segment.steer)
        with steering.steered(self.decoder, steering.spans([every])):
            if whole.seen is not None and self.eyes is not None:
                return self.eyes.whole(whole.ids, whole.seen)[len(ids[0]) - segment.tail :]
            hidden: torch.Tensor = self.decoder(input_ids=ids, use_cache=False).last_hidden_state
        return hidden[0, len(ids[0]) - segment.tail :]

    @cached_property
    def gives_tuples(self) -> bool:
        """Whether the layers of this model give tuples."""
        seen: list[bool] = []
        handle = layers(self.decoder)[0].register_forward_hook(
            lambda _module, _inputs, output: seen.append(isinstance(output, tuple))
        )
        self.encode(Cache(self.pool, 1), [Segment(0, [0], 0)], [plain([0])])
        handle.remove()
        return seen[0]

    def check_steer(self, steer: Steer | None) -> None:
        """See :meth:`selfcorrect.models.base.Model.check_steer`."""
        size = self.network.config.get_text_config().hidden_size
        steering.check_steer(self.name, self.decoder, size, steer)

    @torch.inference_mode()
    def _packs_correctly(self) -> bool:
        """Whether packed encoding agrees with the model's own forward pass, head included.

        Two made-up dialogues, encoded in two passes, longer than any sliding window up to 256.
        """
        config = self.network.config.get_text_config()
        window = getattr(config, "sliding_window", None) or 0
        long = min(40 + (window if window <= 256 else 0), self.context)
        generator = torch.Generator().manual_seed(0)
        rows = [
            torch.randint(3, config.vocab_size, (n,), generator=generator).tolist()
            for n in (long, max(long - 9, 2))
        ]
        reads = [max(1, len(r) // 4) for r in rows]  # fewer than there are: see packed.trim
        device = torch.device(self.device)
        try:
            self._attend("eager")
            plain = [self.network(torch.tensor([r], device=device)).logits[0].float() for r in rows]
            self._attend(packed.NAME)
            self._trim(config.hidden_size)
            cache = Cache(self.pool, 2)
            firsts = [Segment(i, r[: len(r) // 2], 0) for i, r in enumerate(rows)]
            packed.encode(self.decoder, cache, firsts, device)
            rest = [
                Segment(i, r[len(r) // 2 :], len(r) // 2, read=reads[i]) for i, r in enumerate(rows)
            ]
            hidden = packed.encode(self.decoder, cache, rest, device)
        except _WRONG:
            return False
        theirs = torch.cat([p[-n:] for p, n in zip(plain, reads, strict=True)])
        return self._same(self.head.logits(hidden), theirs) is not None

    @torch.inference_mode()
    def _sees_packed(self) -> bool:
        """Whether packed encoding agrees with the network's own pass on a text with a picture.

        Of networks that can be told which tokens are an image's, some let these see one another
        both ways: whichever way is nearer is theirs.
        """
        if self.eyes is None or self.eyes.closed:
            return True
        errors: dict[float, bool] = {}
        try:
            ids, looks, theirs = self._shown(self.eyes)
        except _WRONG:
            return False
        for both_ways in (False, True):
            self.eyes.both_ways = both_ways
            try:
                prompt = self.eyes.prompt(ids, looks)
                self._attend(packed.NAME)
                cut = min(prompt.seen.places) - 2 if prompt.seen is not None else 0
                device, cache = torch.device(self.device), Cache(self.pool, 1)
                first = Segment(0, prompt.ids[:cut], 0, seen=prompt.seen)
                packed.encode(self.decoder, cache, [first], device)
                rest = Segment(0, prompt.ids[cut:], cut, seen=prompt.seen)
                hidden = packed.encode(self.decoder, cache, [rest], device)
            except _WRONG:
                continue
            error = self._same(self.head.logits(hidden), theirs[cut:])
            if error is not None:
                errors[error] = both_ways
        if not errors:
            return False
        self.eyes.both_ways = errors[min(errors)]
        return True

    def _shown(self, eyes: Eyes) -> tuple[list[int], list[Look], torch.Tensor]:
        """A made-up text, the picture in it, and the logits of the network's own pass."""
        look, given = eyes.tried()
        word = eyes.processor.placeholder
        size = self.network.config.get_text_config().vocab_size
        generator = torch.Generator().manual_seed(1)
        text = torch.randint(3, size, (2, 12), generator=generator).tolist()
        before, after = ([token for token in some if token != word] for some in text)
        prompt = eyes.prompt([*before, *[word] * look.tokens, *after], [look])
        self._attend("eager")
        ids = torch.tensor([prompt.ids], device=self.device)
        theirs = self.network(input_ids=ids, use_cache=False, **given, **eyes.types(prompt))
        return prompt.ids, [look], theirs.logits[0].float()

    @torch.inference_mode()
    def _check_sight(self, eyes: Eyes) -> None:
        """Close the eyes where the whole-transcript way sees otherwise than the network's own
        pass: the model can still read."""
        try:
            eyes.both_ways = False
            ids, looks, theirs = self._shown(eyes)
            prompt = eyes.prompt(ids, looks)
            assert prompt.seen is not None
            ours = self.head.logits(eyes.whole(prompt.ids, prompt.seen))
        except _WRONG:
            ours = None
        if ours is None or self._same(ours, theirs) is None:
            eyes.closed = (
                f"models of type {self.network.config.model_type!r} see pictures in a way that is "
                f"not supported here; use {OTHERS}, or a model behind a server (openai:NAME)."
            )

    def _same(self, ours: torch.Tensor, theirs: torch.Tensor) -> float | None:
        """The relative difference of logits where it is that of rounding; else ``None``."""
        error = float((ours - theirs).norm() / theirs.norm().clamp(min=1e-9))
        return error if error < (1e-3 if self.dtype == "float32" else 0.05) else None

    def _attend(self, way: str) -> None:
        """Set the attention of the language model, and not of the vision tower."""
        of = self.network if self.eyes is None else self.decoder
        of.set_attn_implementation(way)

    def _trim(self, size: int) -> None:
        every = layers(self.decoder)
        attention, mlp = (block(every[-1], k) if every else None for k in ("attention", "mlp"))
        if attention is not None and mlp is not None:
            packed.trim(attention, mlp, size)

    @torch.inference_mode()
    def _check_head(self) -> None:
        """Some models do more after their last hidden state than :class:`Head` knows.

        Raises:
            UserError: this is one.
        """
        ids = torch.arange(3, min(19, self.network.config.get_text_config().vocab_size))[None]
        ids = ids.to(self.device)
        theirs = self.network(ids, use_cache=False).logits[0].float()
        hidden = self.decoder(input_ids=ids, use_cache=False)
        ours = self.head.logits(getattr(hidden, "last_hidden_state", hidden[0])[0])
        if not theirs.isfinite().all():
            raise UserError(
                f"the weights give numbers that aren't finite in {self.dtype}: use another dtype, "
                "such as float32, or get the model's files again."
            )
        if self._same(ours, theirs) is None:
            kind = self.network.config.model_type
            raise UserError(
                f"models of type {kind!r} turn hidden states into logits in a way that is not "
                "supported here; use a model of another type."
            )


def _can_pack(config: Any) -> bool:
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    if not kinds <= _PACKABLE or getattr(config, "is_encoder_decoder", False):
        return False
    # longrope turns the keys of a transcript's beginning otherwise once the whole grows longer.
    rope = getattr(config, "rope_parameters", None) or {}
    tables = [rope, *(value for value in rope.values() if isinstance(value, dict))]
    return not any(table.get("rope_type") == "longrope" for table in tables)


def _decoder(network: Any) -> Any:
    """The network below its output head."""
    from transformers import PreTrainedModel

    # Llama 4 calls itself its decoder, ModernBERT its head.
    for found in (network.get_decoder(), network.base_model, getattr(network, "model", None)):
        if found is not network and isinstance(found, PreTrainedModel):
            return found
    return network
