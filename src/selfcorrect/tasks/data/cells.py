"""What a cell holds: lists and objects that were written into a text, numbers, paths to what is
inside."""

from __future__ import annotations

import ast
import io
import json
import math
import re
import tokenize
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

#: What :func:`pick` gives where nothing is there.
MISSING: Any = object()
#: An array of numbers as NumPy shows it: no commas.
_NUMBERS = re.compile(r"\[[-+.\deE\s]*\d[-+.\deE\s]*\]")


def pick(fields: Mapping[str, Any], path: str) -> Any:
    """What stands at a path of a row.

    Args:
        fields: of the row.
        path: a field's name, or ``a.b`` for ``b`` within ``a``; of a list of objects every one's
            ``b``. ``a.keys()`` and ``a.values()`` are those of an object, ``a;`` a text split at
            semicolons. With ``|`` between several, the first that is there.

    Returns:
        The value as it stands; :data:`MISSING` where there is none. On the way to it lists and
        objects may be texts that are one in JSON or Python.
    """
    if path in fields:
        return fields[path]
    for each in path.split("|"):
        found = _inside(fields, each)
        if found is not MISSING:
            return found
    return MISSING


def _inside(fields: Mapping[str, Any], path: str) -> Any:
    value: Any = fields
    for part in path.removesuffix(";").split("."):
        value = nested(value)
        if part == "keys()" and isinstance(value, Mapping):
            value = list(value)
        elif part == "values()" and isinstance(value, Mapping):
            value = list(value.values())
        elif isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and value and all(_has(each, part) for each in value):
            value = [each[part] for each in value]
        else:
            return MISSING
    if path.endswith(";"):
        if not isinstance(nested(value), str):
            return nested(value)
        return [part.strip() for part in value.split(";") if part.strip()]
    return value


def _has(value: object, part: str) -> bool:
    return isinstance(value, Mapping) and part in value


def plain(value: Any) -> Any:
    """A value as JSON has it: NumPy's scalars and arrays are Python's, NaN is ``None``."""
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str | bool | int | float | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(each) for each in value]
    for way in ("tolist", "to_list", "item"):  # NumPy's, polars', another library's scalar
        if callable(convert := getattr(value, way, None)):
            return plain(convert())
    return value


def number(value: object) -> int | None:
    """The whole number that a value is or that a text says; ``None`` where it is something else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        said = re.fullmatch(r"\s*([+-]?\d{1,15})(?:\.0+)?\s*", value, re.ASCII)
        return int(said[1]) if said else None
    return value if isinstance(value, int) else None


def nested(value: Any) -> Any:
    """The list or object that a text is, in JSON, in Python, or as NumPy shows it; else the value
    itself. Nothing is run."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text[:1] + text[-1:] not in ("[]", "{}"):
        return value
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    if _NUMBERS.fullmatch(text):
        return [_count(each) for each in text[1:-1].split()]
    try:
        strings = _side_by_side(text)
        if strings is not None:
            return strings
        return _literal(ast.parse(text, mode="eval").body)
    except (ValueError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError):
        return value


def _count(text: str) -> float | int:
    found = float(text)
    return int(found) if found.is_integer() else found


def _side_by_side(text: str) -> list[str] | None:
    """The texts of ``['a' 'b']``, as NumPy shows an array: Python would make one of them.

    Raises:
        ValueError: texts stand side by side in something else.
    """
    left_out = (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.INDENT, tokenize.DEDENT)
    tokens = [
        token
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in left_out
    ]
    kinds = [token.type == tokenize.STRING for token in tokens]
    if not any(one and other for one, other in pairwise(kinds)):
        return None
    if not all(kinds[1:-1]):
        raise ValueError("texts side by side")
    return [str(ast.literal_eval(token.string)) for token in tokens[1:-1]]


def _literal(node: ast.expr) -> Any:
    """What a Python expression says without being run: literals, NumPy's ``array([…])``, nan."""
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(each) for each in node.elts]
    if isinstance(node, ast.Dict):
        return dict(_pairs(node))
    if isinstance(node, ast.Call) and node.args and _name(node.func) == "array":
        return _literal(node.args[0])
    if isinstance(node, ast.Name) and node.id in ("nan", "null"):
        return None
    if isinstance(node, ast.Name) and node.id in ("true", "false"):
        return node.id == "true"
    return ast.literal_eval(node)


def _pairs(node: ast.Dict) -> Iterable[tuple[str, Any]]:
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            raise ValueError("** in an object")
        yield str(_literal(key)), _literal(value)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
