"""How models write boxes, by their family: declared in their papers and published processors, never
found out from what they answer."""

from __future__ import annotations

import json
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
#: Where a processor's settings lie, and what they call the least and the most pixels of a picture.
_SETTINGS = "preprocessor_config.json"
_LEAST, _MOST = ("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge")


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
    return way + _limits(_held(folder / _SETTINGS)) if way == "resized" else way


def _limits(settings: dict[str, Any]) -> str:
    """``:least:most``; empty where a processor has the usual ones."""
    inner = settings.get("size")
    told = {**(inner if isinstance(inner, dict) else {}), **settings}
    found = [next((told[n] for n in names if n in told), None) for names in (_LEAST, _MOST)]
    if all(type(each) is int and each > 0 for each in found):
        return ":" + ":".join(map(str, found))
    return ""


def _held(file: Path) -> dict[str, Any]:
    """What a JSON file of a model's folder holds; nothing where it isn't one."""
    try:
        held = json.loads(read_file(file, SMALL))
    except (OSError, ValueError, RecursionError, UserError):
        return {}
    return held if isinstance(held, dict) else {}
