"""Renders chat templates in a process of its own: run as a script by :mod:`.rendering`.

A template is a program of whoever made the model. Jinja's sandbox keeps it from files and from
Python; nothing in Python keeps it from time and memory, so those are taken from the whole process.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import IO, Any

#: Templates that stay compiled.
_MOST = 16
#: Bytes of the number that says how long a message is.
PREFIX = 8


def read(stream: IO[bytes]) -> Any:
    """The next message; ``None`` at the end."""
    head = stream.read(PREFIX)
    size = int.from_bytes(head, "big")
    body = stream.read(size) if len(head) == PREFIX else b""
    return json.loads(body) if body and len(body) == size else None


def packed(message: Any) -> bytes:
    """A message as it is sent; ASCII, as texts may hold halves of characters."""
    body = json.dumps(message).encode()
    return len(body).to_bytes(PREFIX, "big") + body


def environment() -> Any:
    """What chat templates are written for: Jinja's sandbox with the names of transformers."""
    import jinja2
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from jinja2.utils import Namespace

    class Generation(Extension):
        """``{% generation %}`` marks what a model says, and changes nothing."""

        tags = {"generation"}  # noqa: RUF012 - as the class has it

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return jinja2.nodes.Scope(body, lineno=line)

    class Names(Namespace):
        """Without names that begin with an underscore."""

        def __init__(*args: Any, **given: Any) -> None:
            for name in (found := dict(*args[1:], **given)):
                _check(name)
            Namespace.__init__(args[0], found)

        def __setitem__(self, name: str, value: Any) -> None:
            _check(name)
            super().__setitem__(name, value)

    def _check(name: object) -> None:
        if str(name).startswith("_"):
            raise jinja2.exceptions.SecurityError(f"a namespace can't hold {name!r}")

    def refuse(why: object) -> None:
        raise jinja2.exceptions.TemplateError(str(why))

    def tojson(value: Any, ensure_ascii: bool = False, **how: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **how)

    found = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    found.filters["tojson"] = tojson
    found.globals |= {
        "raise_exception": refuse,
        "strftime_now": lambda form: datetime.now().strftime(form),
        "dict": _Dict(),
        "namespace": Names,
    }
    return found


class _Dict:
    """``dict`` for templates, which can't reach a class by it."""

    def __call__(self, *args: Any, **given: Any) -> dict[Any, Any]:
        return dict(*args, **given)

    def fromkeys(self, *args: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args)


def answer(compile_: Callable[[str], Any], known: dict[str, Any], asked: Mapping[str, Any]) -> Any:
    """``{"text"}``, ``{"raised"}`` where the template raises, ``{"limit"}``: which it passed, or
    ``{"unknown"}`` where its source isn't known and wasn't sent."""
    if asked["name"] not in known and "source" not in asked:
        return {"unknown": True}
    try:
        if asked["name"] not in known:
            while len(known) >= _MOST:
                del known[next(iter(known))]
            known[asked["name"]] = compile_(asked["source"])
        text = known[asked["name"]].render(**asked["told"])
        return {"text": text} if len(text) <= asked["most"] else {"limit": "size"}
    except MemoryError:
        return {"limit": "memory"}
    except Exception as error:
        return {"raised": " ".join(str(error).split())[:2000] or type(error).__name__}


def _limited(memory: int) -> None:
    """No more memory, no file written, nothing dumped; where the system can do that."""
    try:
        import resource
    except ImportError:  # Windows
        return
    for kind, most in (("RLIMIT_AS", memory), ("RLIMIT_FSIZE", 0), ("RLIMIT_CORE", 0)):
        try:
            resource.setrlimit(getattr(resource, kind), (most, most))
        except (AttributeError, ValueError, OSError):
            continue


def main() -> None:
    """Answer until standard input ends. The arguments are a JSON: ``paths``, ``memory`` in bytes,
    ``seconds`` of processor time for one answer, after which the system ends the process."""
    how = json.loads(sys.argv[1])
    sys.dont_write_bytecode = True
    sys.path += how["paths"]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with whoever asks
    compile_ = environment().from_string
    import jinja2.debug  # noqa: F401 - loaded when a template raises, which must not wait till then

    _limited(how["memory"])
    known: dict[str, Any] = {}
    timer = getattr(signal, "setitimer", None)
    while (asked := read(sys.stdin.buffer)) is not None:
        if timer is not None:
            timer(signal.ITIMER_PROF, how["seconds"])
        told = packed(answer(compile_, known, asked))
        if timer is not None:
            timer(signal.ITIMER_PROF, 0)
        sys.stdout.buffer.write(told)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
