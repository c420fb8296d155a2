"""A user's own Python file: loaded, called, and spoken of where it fails."""

from __future__ import annotations

import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any

from selfcorrect.errors import UserError, nearest
from selfcorrect.regular import SMALL, read_file

_NAME = re.compile(r"(?P<file>.+\.py)(?::(?P<function>.*))?", re.DOTALL)
_FRAMES = 6
_LONGEST = 300
_OURS = str(Path(__file__).parent)


def names_file(name: str) -> bool:
    """Whether a name is that of a user's file, be it complete or not."""
    return _NAME.fullmatch(name) is not None


def parse(name: str, does: str = "makes the task") -> tuple[Path, str] | None:
    """``FILE.py:NAME`` as file and name; ``None`` where it isn't of this form.

    Args:
        name: as the user wrote it.
        does: what the function is for.

    Raises:
        UserError: it names a file and nothing in it.
    """
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    function = found["function"] or ""
    if not function.isidentifier():
        raise UserError(f"{name}: name the function that {does}, too, such as {found['file']}:make")
    return Path(found["file"]).expanduser(), function


def load(path: Path, name: str) -> tuple[Callable[..., Any], str]:
    """A function from a file, which is run for it, and a digest of the file.

    The file's own functions and classes travel to other processes by value.

    Raises:
        UserError: the file can't be read, fails, or has no such function.
    """
    try:
        source = read_file(path, SMALL)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"{path} can't be read: {reason.lower()}") from error
    digest = blake2b(source, digest_size=8).hexdigest()
    module = _module(path.absolute(), digest)
    found = getattr(module, name, None)
    if not callable(found):
        mine = [
            key
            for key, value in vars(module).items()
            if not key.startswith("_")
            and inspect.isfunction(value)
            and value.__module__ == module.__name__  # none imported
        ]
        what = f"there is no function {name!r}" if found is None else f"{name!r} is no function"
        raise UserError(f"{path}: {what} in it: {nearest(name, mine) if mine else 'it has none'}")
    return found, digest


def _module(path: Path, digest: str) -> ModuleType:
    # by its content: the same file is run once, and one that was changed is run again
    where = blake2b(str(path).encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    name = f"_selfcorrect_{where}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    import cloudpickle

    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: dataclasses look their module up
    try:
        with blamed(str(path), "running it"):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    cloudpickle.register_pickle_by_value(module)
    return module


@contextmanager
def blamed(where: str, doing: str) -> Iterator[None]:
    """Whatever a user's code raises here becomes one sentence, with its own traceback.

    Args:
        where: whose code it is.
        doing: what was asked of it, such as ``make``.
    """
    try:
        yield
    except (UserError, KeyboardInterrupt):
        raise
    except BaseException as error:  # user code may raise classes that no library does
        said = _said(error)
        what = f"{type(error).__name__}: {said}" if said else type(error).__name__
        raise UserError(
            f"{where}: {doing} failed with {_cut(what)}", trace=_trace(error)
        ) from error


def _said(error: BaseException) -> str:
    try:
        return " ".join(str(error).split())
    except Exception:  # whoever wrote the task wrote its exceptions, too
        return ""


def _trace(error: BaseException) -> str:
    """The traceback from where the user's code begins, its innermost frames."""
    frames = traceback.extract_tb(error.__traceback__)
    while frames and frames[0].filename.startswith((_OURS, "<frozen importlib")):
        del frames[0]
    lines = ["Traceback (most recent call last):\n"]
    if len(frames) > _FRAMES:
        lines.append(f"  [{len(frames) - _FRAMES} more]\n")
    lines += traceback.format_list(frames[-_FRAMES:])
    lines += traceback.format_exception_only(error)
    text = "".join(lines).splitlines()
    return "\n".join(map(_cut, text if len(text) <= 40 else [*text[:30], "  …", *text[-9:]]))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
