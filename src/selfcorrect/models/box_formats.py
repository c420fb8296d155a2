"""How models write boxes, by their family: declared in their papers and published processors, never
found out from what they answer."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfcorrect.errors import UserError
from selfcorrect.models.kinds import kind_of
from selfcorrect.regular import SMALL, read_file

#: ``model_type`` of a model's configuration → the way in which it writes boxes, as the tasks of
#: boxes name it.
FAMILIES = {
    "qwen2_vl": "per-mille",
    "qwen3_vl": "per-mille",
    "qwen3_vl_moe": "per-mille",
    "internvl": "per-mille",
    "internvl_chat": "per-mille",
    "qwen2_5_vl": "resized",
    "paligemma": "paligemma",
    "florence2": "florence",
}
#: Of planted models.
_PLANTED = {"planted:eye": "per-mille"}
#: Where a processor's settings lie: its own, and its pictures' where they stand by themselves.
_OWN, _SETTINGS = "processor_config.json", "preprocessor_config.json"
#: What they call the least and the most pixels of a picture, and what transformers takes where
#: they don't say.
_LEAST, _MOST = ("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge")
_USUAL = (56 * 56, 28 * 28 * 1280)
#: The sides of a resized picture are multiples of their product.
_PARTS = {"patch_size": 14, "merge_size": 2}


def box_format(name: str, *, trust: bool = False) -> str:
    """How the model of a name writes boxes; "" where its family doesn't say: it is to be asked for
    one way, which the user names.

    Args:
        name: of the model.
        trust: whether the Python in its folder may be run.

    Raises:
        UserError: it can't be found.
    """
    kind = kind_of(name)
    if kind == "planted":
        return _PLANTED.get(name.partition("?")[0], "")
    if kind != "local":
        return ""  # what runs behind a server nobody can see
    from selfcorrect.models.local.files import locate

    folder = locate(name, trust=trust).folder
    way = FAMILIES.get(str(_held(folder / "config.json").get("model_type", "")), "")
    if way != "resized":
        return way
    return way + _limits(picture_settings(_held(folder / _OWN), _held(folder / _SETTINGS)))


def picture_settings(own: Mapping[str, Any], apart: Mapping[str, Any]) -> dict[str, Any]:
    """How a processor prepares pictures, as transformers decides between its two files: what its
    own file holds of it goes before the file of that alone (a processor that is saved today has no
    such file).

    Args:
        own: what ``processor_config.json`` holds.
        apart: what ``preprocessor_config.json`` holds.
    """
    within = own.get("image_processor")
    if within is None:
        return dict(apart)
    return within if isinstance(within, dict) else {}


def _limits(settings: Mapping[str, Any]) -> str:
    """``:least:most``, and of what the sides are multiples where that isn't usual; empty where a
    processor has the usual ones."""
    inner = settings.get("size")
    told = {**(inner if isinstance(inner, dict) else {}), **settings}
    found = []
    for names, usual in zip((_LEAST, _MOST), _USUAL, strict=True):
        values = (told[name] for name in names if told.get(name) is not None)
        found.append(next(values, usual))
    parts = [settings.get(name, usual) for name, usual in _PARTS.items()]
    if not all(type(each) is int and each > 0 for each in (*found, *parts)):
        return ""
    multiple = math.prod(parts)
    if multiple != math.prod(_PARTS.values()):
        found.append(multiple)
    return "" if tuple(found) == _USUAL else ":" + ":".join(map(str, found))


def _held(file: Path) -> dict[str, Any]:
    """What a JSON file of a model's folder holds; nothing where it isn't one."""
    try:
        held = json.loads(read_file(file, SMALL))
    except (OSError, ValueError, RecursionError, UserError):
        return {}
    return held if isinstance(held, dict) else {}
