"""Chat templates rendered within limits, in a process that has nothing to lose (:mod:`.sandbox`).

Loops in loops, a text times 10**9, a macro that calls itself twice: whatever a template does takes
time or memory, and the system takes both away from the whole process. So nobody has to know what
templates can think of. One process renders for all models of ours; it is started by the first.
"""

from __future__ import annotations

import atexit
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from jinja2.exceptions import TemplateError

from selfcorrect.errors import UserError
from selfcorrect.models.local import sandbox

#: Of processor time for one dialogue. An honest template takes milliseconds.
SECONDS = 5.0
#: Bytes of memory of the process that renders.
MEMORY = 1 << 30
#: Characters of a template.
LONGEST = 1_000_000
#: A dialogue may be longer than what was said by so many characters, and so many times as long.
ROOM, TIMES = 1_000_000, 8
#: All that the process needs of our environment. It is told no key.
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
#: By which the system ends it when its time is up; elsewhere than on Unix there is none.
_BY_TIMER = int(getattr(signal, "SIGPROF", 0))
_SAID = {
    "size": "makes a text of more than {most:,} characters of one dialogue",
    "memory": f"needs more than {MEMORY >> 30} GiB of memory for one dialogue",
    "time": f"needs more than {SECONDS:g} seconds of processor time for one dialogue",
    "end": "makes the process end that renders it",
}


class _Renderer:
    """The process; one that has forked doesn't share its parent's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def ask(self, source: str, told: Mapping[str, Any], most: int) -> Mapping[str, Any]:
        """What the process answers; ``{"limit"}`` where it ends instead."""
        asked = {"name": _name(source), "told": dict(told), "most": most}
        with self._lock:
            found = self._answer(asked)
            return self._answer({**asked, "source": source}) if "unknown" in found else found

    def _answer(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(sandbox.packed(asked))
            process.stdin.flush()
            found = sandbox.read(process.stdout)
        except OSError:  # it ended while it was told
            found = None
        return dict(found) if found is not None else {"limit": self._end(process)}

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            how = {"paths": [p for p in sys.path if p], "memory": MEMORY, "seconds": SECONDS}
            try:
                self._process = subprocess.Popen(
                    # -I, -S: nothing but what it is told; a script's own folder isn't searched
                    [sys.executable, "-I", "-S", sandbox.__file__, json.dumps(how)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env={name: os.environ[name] for name in _KEPT if name in os.environ},
                )
            except OSError as error:
                raise UserError(
                    f"chat templates are rendered in a process of their own, and none can be "
                    f"started ({error.strerror or error}): end some processes, and try again."
                ) from None
            self._owner = os.getpid()
        return self._process

    def _end(self, process: subprocess.Popen[bytes]) -> str:
        """Which limit ended it."""
        self.close()
        return "time" if process.returncode == -_BY_TIMER else "end"

    def close(self) -> None:
        """End the process, where it is ours."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # what wasn't sent any more
                if pipe is not None:
                    pipe.close()
        process.wait()


_renderer = _Renderer()
atexit.register(_renderer.close)


def render(source: str, told: Mapping[str, Any], where: str) -> str:
    """A chat template with what it is told, as transformers' own rendering has it.

    Args:
        source: of the template.
        told: names and values, of JSON's types.
        where: the template lies, for errors.

    Raises:
        TemplateError: the template raises.
        UserError: it passes a limit.
    """
    most = ROOM + TIMES * _characters(told)
    found = _renderer.ask(source, told, most)
    if "text" in found:
        return str(found["text"])
    if "raised" in found:
        raise TemplateError(found["raised"])
    raise UserError(
        f"the chat template of {where} {_SAID[found['limit']].format(most=most)}, which no honest "
        "one does; use another model, or correct the template in its folder."
    )


@lru_cache(maxsize=64)
def _name(source: str) -> str:
    return hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _characters(value: Any) -> int:
    """How many characters all texts in a value have."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_characters, value.values()))
    return sum(map(_characters, value)) if isinstance(value, list | tuple) else 0
