"""How a model wants its pictures: pixels in, tensors and the text that stands for them out.

transformers' own processors do it, by pillow and numpy (its ``…Pil`` classes): torchvision is not
needed. Their part for video needs it, and is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from selfcorrect.errors import UserError
from selfcorrect.models.box_formats import picture_settings
from selfcorrect.models.local.files import Source
from selfcorrect.models.local.loading import own_processor
from selfcorrect.models.local.machine import room
from selfcorrect.models.local.reading import first_line, json_of, needs_code, reading
from selfcorrect.models.local.vision.picture import Picture, pillow

_OWN, _IMAGES = "processor_config.json", "preprocessor_config.json"
#: Pixels that a picture may be made of, and how long a side of it, or of a part, is.
_MOST_AREA, _SHORTEST_SIDE, _LONGEST_SIDE = 1 << 25, 16, 4096
_SIDES = ("height", "width", "max_height", "max_width", "size", "crop_size")
#: A side each where one of them stands alone; together they are areas in some processors.
_EDGES = ("longest_edge", "shortest_edge")
#: Pairs of sides.
_PLACES = ("image_grid_pinpoints",)
_AREAS = ("max_pixels", "min_pixels", *_EDGES)
#: Into how many parts a picture is cut: ratios of as many are tried, each with each.
_MOST_PARTS = 1000
_PARTS = re.compile(r"patches|tiles|crops|splits|frames|temporal")
#: A picture is made no smaller than this by any model.
_MOST_LEAST = 1 << 20
#: No other number of a processor is larger (tokens of a picture, levels of grey).
_MOST = 10_000
#: Bytes that preparing a picture may take, numbers that it comes to, and tokens that stand for it:
#: the sizes in a file may be small by themselves, and multiply.
_ROOM, _MOST_NUMBERS, _MOST_TOKENS = 4 << 30, 1 << 28, 1 << 17
#: Its processor asks for a package that only its videos need; this one's pictures are the same.
_INSTEAD = {"SmolVLMProcessor": "Idefics3Processor"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture, prepared.

    Attributes:
        text: what stands for it in a rendered transcript.
        tokens: how many placeholders that has.
        inputs: what the network is given of it.
    """

    text: str
    tokens: int
    inputs: Mapping[str, torch.Tensor]


class Processor:
    """What prepares a model's pictures.

    Attributes:
        mark: the text with which a chat template says where an image stands.
        placeholder: the token whose embedding an image's features replace.
    """

    def __init__(self, name: str, made: Any, placeholder: int) -> None:
        """``made`` is of transformers; ``placeholder`` from the model's configuration."""
        self.name = name
        self._made = made
        self.mark = str(made.image_token)
        self.placeholder = placeholder
        self._word = str(made.tokenizer.convert_ids_to_tokens(placeholder))
        self._how = {**_defaults(made), "return_tensors": "pt"}

    def __call__(self, picture: Picture, named: str) -> Prepared:
        """Prepare a picture; ``named`` is what errors call it.

        Raises:
            UserError: this model can't be shown it.
        """
        try:
            with np.errstate(all="ignore"), room(_ROOM):
                made = self._made.image_processor(images=[picture.pixels], **self._how)
                text = str(self._made.replace_image_token(made, image_idx=0))
        except Exception as error:  # of a shape that this model's preparation can't do
            raise UserError(
                f"{self.name} can't be shown the image {named} of {picture.pixels.width} × "
                f"{picture.pixels.height} pixels ({first_line(error)[:200]}): change its size."
            ) from error
        inputs = {
            key: value if isinstance(value, torch.Tensor) else torch.as_tensor(value)
            for key, value in made.items()
        }
        numbers, tokens = sum(each.numel() for each in inputs.values()), text.count(self._word)
        if numbers > _MOST_NUMBERS or tokens > _MOST_TOKENS:
            raise UserError(
                f"the processor of {self.name} makes {numbers:,} numbers and {tokens:,} tokens of "
                f"the image {named} of {picture.pixels.width} × {picture.pixels.height} pixels; at "
                f"most {_MOST_NUMBERS:,} and {_MOST_TOKENS:,} are taken: change its size, or "
                "download the model again."
            )
        if not all(each.isfinite().all() for each in inputs.values()):
            raise UserError(
                f"the processor of {self.name} makes numbers of the image {named} that aren't "
                "finite: download the model again."
            )
        return Prepared(text, tokens, inputs)


def read_processor(source: Source, config: Any, tokenizer: Any) -> Processor:
    """The processor in a model's folder.

    Raises:
        UserError: there is none, it can't be read, needs code of the folder's own, or says what
            can't be; or pillow isn't installed.
    """
    pillow()
    what = f"the processor of {source.name!r} in {source.folder}"
    told = json_of(source.folder / _OWN)
    images = picture_settings(told, json_of(source.folder / _IMAGES))
    if not images:
        raise UserError(
            f"the model {source.name!r} sees, but its folder {source.folder} has no {_IMAGES}, "
            "which says how pictures are prepared: download it too."
        )
    _check_sizes(what, {k: v for k, v in told.items() if not isinstance(v, dict)} | images)
    with reading(what):
        made = _made(source, config, tokenizer, told)
        known = tokenizer.convert_tokens_to_ids(str(made.image_token))
    placeholder = getattr(config, "image_token_id", None)
    special = {*tokenizer.added_tokens_decoder, *tokenizer.all_special_ids}
    # else a text could hold one
    if not isinstance(placeholder, int) or not {known, placeholder} <= special:
        raise UserError(
            f"{what} marks images by {made.image_token!s:.40}, which is no special token of its "
            "tokenizer: download the model again."
        )
    return Processor(source.name, made, placeholder)


def _made(source: Source, config: Any, tokenizer: Any, told: Mapping[str, Any]) -> Any:
    from transformers import AutoImageProcessor

    maps = [told.get("auto_map"), json_of(source.folder / _IMAGES).get("auto_map")]
    own = {"AutoProcessor", "AutoImageProcessor"} & {key for each in maps for key in each or ()}
    if own and source.trusted:
        return own_processor(source)
    kind = _kind(config, told)
    if kind is None and own:
        raise needs_code(f"the processor of {source.name!r} in {source.folder}")
    if kind is None:
        raise ValueError(f"transformers has no processor for models of type {config.model_type!r}")
    images = AutoImageProcessor.from_pretrained(
        source.folder, backend="pil", local_files_only=True, trust_remote_code=False
    )
    parts = {"image_processor": images, "tokenizer": tokenizer}
    return assembled(kind, parts, told)


def _kind(config: Any, told: Mapping[str, Any]) -> Any:
    import transformers
    from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

    names = (PROCESSOR_MAPPING_NAMES.get(config.model_type), told.get("processor_class"))
    for name in filter(None, names):
        found = getattr(transformers, _INSTEAD.get(str(name), str(name)), None)
        if isinstance(found, type) and issubclass(found, transformers.ProcessorMixin):
            return found
    return None


def assembled(kind: Any, parts: Mapping[str, Any], told: Mapping[str, Any]) -> Any:
    """A processor of a kind of transformers' without the parts that pictures don't need.

    Args:
        kind: the class.
        parts: image processor and tokenizer.
        told: what ``processor_config.json`` says; its plain values are used.
    """

    class Still(kind):  # type: ignore[misc]
        """Takes no videos."""

        @classmethod
        def get_attributes(cls) -> list[str]:
            return [each for each in super().get_attributes() if each in parts]

    Still.__name__ = kind.__name__  # by which errors call it
    known = kind.__init__.__code__.co_varnames[: kind.__init__.__code__.co_argcount]
    plain = {
        key: value
        for key, value in told.items()
        if key in known and key not in parts and not isinstance(value, dict | list)
    }
    given = {**parts, **{key: None for key in known if key == "video_processor"}, **plain}
    return Still(**{**given, "chat_template": None} if "chat_template" in known else given)


def _defaults(made: Any) -> dict[str, Any]:
    """What a processor has its image processor do unless told otherwise."""
    older = getattr(getattr(made, "valid_processor_kwargs", None), "_defaults", {})
    return {**getattr(made, "images_kwargs", {}), **older.get("images_kwargs", {})}


def _check_sizes(what: str, held: Mapping[str, Any]) -> None:
    """Raise UserError where pictures are to be made larger than they ever are, or cut into more
    parts: whoever made the files may have claimed anything.

    Args:
        what: is read, to begin the sentence with.
        held: what its files hold.
    """
    for table, key, value in _numbers("", held):
        name = key.rpartition(".")[2]
        alone = name in _EDGES and len({*_EDGES} & {*table}) == 1
        side = alone or name in _SIDES or name in _PLACES
        low, high = (_SHORTEST_SIDE, _LONGEST_SIDE) if side else (0, _most(name))
        if not isinstance(value, int):  # a mean, say
            low = -high
        elif "patch_size" in key:
            low = 1
        if not low <= value <= high:
            raise UserError(
                f"{what} has {key} = {value:,}, and no model's is below {low:,} or above {high:,}; "
                "download it again."
            )


def _most(name: str) -> int:
    """How large a number of this name may be that is no side."""
    if name in _AREAS:
        return _MOST_AREA if name in ("max_pixels", "longest_edge") else _MOST_LEAST
    return _MOST_PARTS if _PARTS.search(name) else _MOST


def _numbers(key: str, held: Any) -> Iterator[tuple[Mapping[str, Any], str, float]]:
    """The numbers in a table and in what it holds, each with its table and its place."""
    for name, value in held.items():
        place = f"{key}.{name}".strip(".")
        if isinstance(value, dict):
            yield from _numbers(place, value)
        elif type(value) in (int, float):
            yield held, place, value
        elif isinstance(value, list):
            yield held, f"{place} (its length)", len(value)
            flat = [n for each in value for n in (each if isinstance(each, list) else [each])]
            yield from ((held, place, n) for n in flat if type(n) in (int, float))
