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
from selfcorrect.models.local.pages import Cache, Pool, Segment
from selfcorrect.models.local.prompts import Growing, Prompt, plain

_CPU_FULL = "can't allocate memory"
_PACKABLE = {"full_attention", "sliding_attention"}


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
        agrees: whether many steers at a time are as one by one, by the place where they begin
            (``doses.py``), as far as anybody has tried.
    """

    def __init__(self, name: str, network: Any, dtype: str, device: str) -> None:
        self.name = name
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
        self.packed = _can_pack(config) and self._packs_correctly()
        if not self.packed:
            network.set_attn_implementation("eager")
            self._check_head()

    @contextmanager
    def within_memory(self) -> Iterator[None]:
        """Tell a full memory from other failures; all conversations are lost then.

        Raises:
            OutOfMemoryError: the device has no room for what was tried.
        """
        try:
            yield
        except RuntimeError as error:
            if not (isinstance(error, torch.OutOfMemoryError) or _CPU_FULL in str(error)):
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
            pieces = -(-len(segment.ids) // packed.PACK)
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
            self.network.set_attn_implementation("eager")
            plain = [self.network(torch.tensor([r], device=device)).logits[0].float() for r in rows]
            self.network.set_attn_implementation(packed.NAME)
            self._trim(config.hidden_size)
            cache = Cache(self.pool, 2)
            firsts = [Segment(i, r[: len(r) // 2], 0) for i, r in enumerate(rows)]
            packed.encode(self.decoder, cache, firsts, device)
            rest = [
                Segment(i, r[len(r) // 2 :], len(r) // 2, read=reads[i]) for i, r in enumerate(rows)
            ]
            hidden = packed.encode(self.decoder, cache, rest, device)
        except (RuntimeError, ValueError, TypeError, AttributeError, KeyError):
            return False
        ours = self.head.logits(hidden)
        theirs = torch.cat([p[-n:] for p, n in zip(plain, reads, strict=True)])
        error = (ours - theirs).norm() / theirs.norm().clamp(min=1e-9)
        return bool(error < (1e-3 if self.dtype == "float32" else 0.05))

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
        error = (ours - theirs).norm() / theirs.norm().clamp(min=1e-9)
        if not error < (1e-3 if self.dtype == "float32" else 0.05):
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
