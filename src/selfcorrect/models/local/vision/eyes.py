"""How a local model sees: images become features once, and stand in prompts by their digests."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch

from selfcorrect.errors import UserError
from selfcorrect.messages import Image
from selfcorrect.models.local.files import Source
from selfcorrect.models.local.machine import out_of_memory
from selfcorrect.models.local.prompts import Prompt, key_of
from selfcorrect.models.local.reading import first_line
from selfcorrect.models.local.vision.gallery import Gallery
from selfcorrect.models.local.vision.picture import Picture, decoded, pillow
from selfcorrect.models.local.vision.processor import Prepared, Processor, read_processor
from selfcorrect.models.local.vision.seen import Look, Seen, runs

#: A tensor with more numbers is pixels, or a mask of them, and not kept beside features.
_FEW = 64
#: Types of models in which all that stands before a reply sees one another both ways.
_PREFIXED = ("paligemma",)
_BACKWARDS = (
    "the model {name} is of type {kind!r}, which reads all that stands before a reply in both "
    "directions, so that no dialogue can go on from what was read: it isn't shown pictures here; "
    "use {others}."
)
#: What a model that can't be shown pictures may be exchanged for.
OTHERS = "LLaVA, SmolVLM, Idefics3, Qwen-VL (2 to 3), Gemma 3 or InternVL"
#: Side lengths of the picture that the engine is tried with.
_TRIED = (64, 48)
#: Pairs of patches that a vision tower may compare, in all parts of a picture; of that one, which
#: every model makes little of, fewer. The sides of both are as a stranger's files have them.
_MOST_PAIRS, _TRIED_PAIRS = 1 << 33, 1 << 25
#: Tokens that may stand for it.
_TRIED_TOKENS = 1 << 13
#: The side of a patch where a configuration doesn't say.
_PATCH = 14


class Eyes:
    """What a model sees by.

    Attributes:
        network: encodes them; ``None`` where there are no weights, and none is encoded.
        both_ways: the placeholders that stand together see one another both ways.
        calls: how many images went through the vision tower.
        closed: why it can't be shown any; "" where it can.
    """

    def __init__(self, processor: Processor | None, network: Any = None, closed: str = "") -> None:
        """Without a processor they are closed, and ``closed`` says why."""
        self._processor = processor
        self.network = network
        self.both_ways = False
        self.calls = 0
        self.gallery = Gallery()
        self.closed = closed
        self._body: Any = None if network is None else network.base_model
        self._listed = False
        text = None if network is None else network.config.get_text_config()
        self._window = getattr(text, "max_position_embeddings", None) or 1 << 20

    @property
    def processor(self) -> Processor:
        """What prepares pictures.

        Raises:
            UserError: there is none.
        """
        if self._processor is None:
            raise UserError(self.closed)
        return self._processor

    @property
    def mark(self) -> str:
        """See :attr:`Processor.mark`."""
        return self.processor.mark

    def look(self, image: Image) -> Look:
        """See an image: encoded the first time, unless it was too long ago.

        Raises:
            UserError: it can't be decoded, or this model can't be shown it, or any.
        """
        if self.closed:
            raise UserError(self.closed)
        found = self.gallery.get(image.digest)
        if found is None:
            picture = decoded(image)
            prepared = self.processor(picture, image.name)
            self._check_work(prepared, image.name, _MOST_PAIRS)
            self.calls += self.network is not None
            try:
                found = self._encoded(image.digest, prepared, picture.notes)
            except _UNFIT as error:
                if out_of_memory(error):
                    raise
                raise UserError(
                    f"{self.processor.name} can't be shown the image {image.name} as its processor "
                    f"prepares it ({first_line(error)[:200]}): change its size, or download the "
                    "model again."
                ) from error
            self.gallery.add(found)
        return found

    def prompt(self, ids: list[int], looks: Sequence[Look]) -> Prompt:
        """The prompt of tokens in which the texts of these looks stand, in this order.

        Raises:
            UserError: the tokens have other placeholders than the looks.
        """
        places = [at for at, token in enumerate(ids) if token == self.processor.placeholder]
        ends = [0, *accumulate(look.tokens for look in looks)]
        if len(places) != ends[-1]:
            raise UserError(
                f"{self.processor.name}: {len(places)} tokens of a prompt stand for images, which "
                f"have {ends[-1]}; its tokenizer and its processor don't fit: download it again."
            )
        keys = list(ids)
        for look, start, end in zip(looks, ends, ends[1:], strict=False):
            key = key_of(self.processor.placeholder, f"image {look.digest}")
            for place in places[start:end]:
                keys[place] = key
        blocks = runs(places) if self.both_ways else ()
        seen = Seen(tuple(looks), places, self._positions(ids, places, looks), blocks)
        return Prompt(ids, keys, seen=seen)

    def tried(self) -> tuple[Look, Mapping[str, torch.Tensor]]:
        """A picture of noise, and what the network's own pass is given of it."""
        width, height = _TRIED
        noise = torch.randint(256, (height, width, 3), generator=torch.Generator().manual_seed(0))
        pixels = pillow().fromarray(noise.to(torch.uint8).numpy())
        prepared = self.processor(Picture(pixels), "of noise")
        self._check_work(prepared, "of noise", _TRIED_PAIRS)
        if prepared.tokens > _TRIED_TOKENS:
            raise UserError(
                f"the processor of {self.processor.name} makes {prepared.tokens:,} tokens of a "
                f"picture of {width} × {height} pixels, and no model's makes more than "
                f"{_TRIED_TOKENS:,}: download it again."
            )
        return self._encoded("noise", prepared, ()), self._given(prepared.inputs, self.network)

    def whole(self, ids: list[int], seen: Seen) -> torch.Tensor:
        """The last hidden states of a whole transcript, [tokens, hidden], by the network's own
        forward pass on features that are kept."""
        told = self._joined(seen.looks) | {key: self._types(ids, seen.places) for key in _TYPES}
        features = [each.features for each in seen.looks if each.features is not None]
        given = torch.tensor([ids], device=self._body.device)
        out = self._body(
            input_ids=given,
            mm_encoder_outputs={"image": self._as_encoded(features)},
            use_cache=False,
            **_taken(told, self._body.forward),
        )
        hidden: torch.Tensor = out.last_hidden_state[0]
        return hidden

    def _check_work(self, prepared: Prepared, named: str, most: int) -> None:
        """Raise UserError where the vision tower would compare more patches with each other."""
        if self.network is None or prepared.tokens > self._window:
            return  # it isn't encoded
        sight = getattr(getattr(self.network, "config", None), "vision_config", None)
        patch = getattr(sight, "patch_size", None)
        side = patch if isinstance(patch, int) else patch[0] if isinstance(patch, list) else _PATCH
        pairs = 0
        for key, each in prepared.inputs.items():
            if key.startswith("pixel_values") and each.ndim > 3:  # parts, as [..., 3, high, wide]
                pixels = each.shape[-1] * each.shape[-2]
                pairs += each.numel() // (3 * pixels) * (pixels // side**2) ** 2
            elif key.startswith("pixel_values"):  # patches, one after another
                pairs += len(each) ** 2
        if pairs > most:
            raise UserError(
                f"{self.processor.name} would compare {pairs:,} pairs of patches of the image "
                f"{named} as its files say it is prepared, and at most {most:,} are compared: make "
                "the image smaller, or download the model again."
            )

    def _encoded(self, digest: str, prepared: Prepared, notes: tuple[str, ...]) -> Look:
        shape = {
            key: each
            for key, each in prepared.inputs.items()
            if each.numel() <= _FEW and not key.startswith("pixel")
        }
        if self.network is None or prepared.tokens > self._window:  # it is never fed
            return Look(digest, prepared.text, prepared.tokens, None, shape, notes)
        encode = self._body.get_image_features
        with torch.inference_mode():
            found = encode(**self._given(prepared.inputs, encode), return_dict=True)
        self._listed = not isinstance(found.pooler_output, torch.Tensor)
        every = [_flat(found.pooler_output)]
        every += [_flat(each) for each in getattr(found, "deepstack_features", None) or ()]
        features = torch.cat(every, dim=-1)
        if len(features) != prepared.tokens:
            raise UserError(
                f"{self.processor.name} makes {len(features)} tokens of a picture, and its "
                f"processor {prepared.tokens}: they don't fit; download the model again."
            )
        return Look(digest, prepared.text, prepared.tokens, features, shape, notes)

    def _given(self, inputs: Mapping[str, torch.Tensor], to: Any) -> dict[str, torch.Tensor]:
        """Those of the inputs that a function takes, on the device and in the network's dtype."""
        taken = _taken(inputs, getattr(to, "forward", to))
        dtype, device = self.network.dtype, self.network.device
        return {
            key: each.to(device, dtype) if each.is_floating_point() else each.to(device)
            for key, each in taken.items()
        }

    def _as_encoded(self, features: Sequence[torch.Tensor]) -> Any:
        """Features as the vision tower gives them."""
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        hidden = self.network.config.get_text_config().hidden_size
        parts = [torch.split(each, hidden, dim=-1) for each in features]
        first = [each[0] for each in parts]
        made = BaseModelOutputWithPooling(pooler_output=first if self._listed else torch.cat(first))
        made.deepstack_features = [
            list(level) for level in zip(*(p[1:] for p in parts), strict=True)
        ]
        return made

    def types(self, prompt: Prompt) -> dict[str, torch.Tensor]:
        """What the network's forward pass is told of which tokens are an image's."""
        places = () if prompt.seen is None else prompt.seen.places
        told = {key: self._types(prompt.ids, places) for key in _TYPES}
        return _taken(told, self.network.forward)

    def _types(self, ids: Sequence[int], places: Sequence[int]) -> torch.Tensor:
        """[1, tokens], 1 for placeholders and 0 for text."""
        types = torch.zeros(1, len(ids), dtype=torch.int)
        types[0, list(places)] = 1
        return types.to(self.network.device)

    def _joined(self, looks: Sequence[Look]) -> dict[str, torch.Tensor]:
        """The shapes of several images, one after another."""
        found: dict[str, torch.Tensor] = {}
        for key in {key for look in looks for key in look.shape}:
            every = [look.shape[key] for look in looks if key in look.shape]
            found[key] = torch.cat(every).to(self.network.device)
        return found

    def _positions(
        self, ids: list[int], places: Sequence[int], looks: Sequence[Look]
    ) -> torch.Tensor | None:
        """[axes, tokens] where a network has several axes, on the CPU. They are the prompt's: the
        network itself would remember those of the latest prompt only."""
        of = getattr(self._body, "get_rope_index", None)
        if of is None or not places:
            return None
        told = {**self._joined(looks), "mm_token_type_ids": self._types(ids, places)}
        given = torch.tensor([ids], device=self.network.device)
        positions, _ = of(input_ids=given, **_taken(told, of))
        found: torch.Tensor = positions[:, 0].cpu()
        return found


def read_eyes(source: Source, config: Any, tokenizer: Any, network: Any = None) -> Eyes:
    """The eyes of a model: closed where its processor is missing or can't be read, or pillow isn't
    there. It can still read.

    Args:
        source: the model's files.
        config, tokenizer: the model's.
        network: the model; ``None``: no image is encoded.
    """
    if config.model_type in _PREFIXED:
        names = {"name": repr(source.name), "kind": config.model_type, "others": OTHERS}
        return Eyes(None, network, _BACKWARDS.format(**names))
    try:
        return Eyes(read_processor(source, config, tokenizer), network)
    except UserError as error:
        return Eyes(None, network, str(error))


#: What a vision tower raises for pixels of a shape that it isn't made for.
_UNFIT = (RuntimeError, ValueError, TypeError, LookupError, AttributeError)
#: Names by which forward passes take what is a placeholder.
_TYPES = ("mm_token_type_ids", "token_type_ids")


def _taken(told: Mapping[str, torch.Tensor], by: Any) -> dict[str, torch.Tensor]:
    known = inspect.signature(by).parameters
    return {key: value for key, value in told.items() if key in known}


def _flat(given: Any) -> torch.Tensor:
    """Features as [tokens, hidden]."""
    parts = [given] if isinstance(given, torch.Tensor) else list(given)
    return torch.cat([each.reshape(-1, each.shape[-1]) for each in parts])
