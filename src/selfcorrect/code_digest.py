"""What makes two functions of a user the same: their source and what they carry along.

Runs that ask a function are found again by this. So it holds what the function closes over, its
defaults, the object that it is bound to, and the values, functions and classes of its own module
that it names. Of objects of other classes it holds the class and the plain values in their
attributes: what else they hold (a connection, a model) isn't seen.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from hashlib import blake2b
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

#: Values within values, functions that call functions.
_DEEPEST = 12
_PLAIN = (bool, int, float, complex, str, bytes, type(None))


def digest_of(function: Callable[..., object]) -> str:
    """32 hexadecimal digits that change with the function's source and with what it carries."""
    text = repr(_told(function, set(), 0))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def name_of(function: Callable[..., object]) -> str:
    """What a function is called: of a partial one the name of the whole, of an object its class."""
    while isinstance(function, functools.partial):
        function = function.func
    named = function if isinstance(getattr(function, "__name__", None), str) else type(function)
    return str(named.__name__)


def _told(value: Any, seen: set[int], depth: int) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return (kind.__name__, repr(value))
    if id(value) in seen or depth > _DEEPEST:
        return kind.__qualname__
    seen = seen | {id(value)}

    def inner(each: Any) -> Any:
        return _told(each, seen, depth + 1)

    if kind in (list, tuple):
        return (kind.__name__, [inner(each) for each in value])
    if kind in (set, frozenset):
        return (kind.__name__, sorted(repr(inner(each)) for each in value))
    if kind is dict:
        return ("dict", sorted((repr(inner(k)), repr(inner(v))) for k, v in value.items()))
    if kind is functools.partial:
        return ("partial", inner(value.func), inner(value.args), inner(value.keywords))
    if kind is MethodType:
        return ("method", inner(value.__func__), inner(value.__self__))
    if kind is FunctionType:
        return _function(value, inner)
    if isinstance(value, ModuleType):
        return ("module", value.__name__)
    if isinstance(value, type):
        return _class(value)
    return ("object", _class(kind), *_attributes(value, inner), _bytes(value))


def _function(function: FunctionType, inner: Callable[[Any], Any]) -> Any:
    code = function.__code__
    name = f"{function.__module__}.{function.__qualname__}"
    if str(function.__module__).startswith("selfcorrect."):  # its version is in the record
        return name
    source = _source(function)
    lambdas = [each.co_code for each in _codes(code) if each.co_name == "<lambda>"]
    named = sorted({name for each in _codes(code) for name in each.co_names})
    closed = [inner(_content(cell)) for cell in function.__closure__ or ()]
    return (
        # a file's module is named by where it lies, which is no part of what it says
        function.__qualname__ if source else name,
        source or [_constants(each, inner) for each in _codes(code)],
        [_constants(each, inner) for each in _codes(code)] if lambdas else None,
        lambdas,  # two of one line have the same source
        inner(function.__defaults__),
        inner(function.__kwdefaults__),
        closed,
        [(name, _global(function, name, inner)) for name in named if name in function.__globals__],
    )


def _global(function: FunctionType, name: str, inner: Callable[[Any], Any]) -> Any:
    """What a function names outside itself; of what other modules made, the name."""
    value = function.__globals__[name]
    home = getattr(value, "__module__", None)
    if isinstance(value, FunctionType | type) and home != function.__module__:
        return f"{home}.{value.__qualname__}"
    return inner(value)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


def _constants(code: CodeType, inner: Callable[[Any], Any]) -> Any:
    return [inner(each) for each in code.co_consts if not isinstance(each, CodeType)]


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in it yet
        return None


def _class(kind: type) -> Any:
    source = _own_source(kind)
    return (kind.__qualname__, source) if source else f"{kind.__module__}.{kind.__qualname__}"


def _own_source(kind: type) -> str | None:
    """The source of a class that no installed package made."""
    try:
        file = inspect.getsourcefile(kind) or ""
    except TypeError:  # built in, or written in a terminal
        return None
    installed = any(part in file for part in ("site-packages", "dist-packages", "/lib/python"))
    return None if installed else _source(kind)


def _source(thing: Any) -> str | None:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError, IndexError):
        return None


def _attributes(value: Any, inner: Callable[[Any], Any]) -> Iterator[Any]:
    try:
        attributes = dict(vars(value))
    except TypeError:
        return
    for name in sorted(map(str, attributes)):
        yield (name, inner(attributes.get(name)))


def _bytes(value: Any) -> str | None:
    """Of an array its content."""
    content = getattr(value, "tobytes", None) if hasattr(type(value), "dtype") else None
    if content is None:
        return None
    try:
        return blake2b(content(), digest_size=16).hexdigest()
    except Exception:  # not the method that it looks like
        return None
