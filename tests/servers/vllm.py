"""vLLM's own server on the processor, with the bundled model, from an environment of its own.

The environment is that of ``python -m benchmarks.peers`` (``.bench/vllm``); another one's Python
may be named in ``SELFCORRECT_VLLM``. With the plugin vllm-lens it is ``.bench/vllm-lens``, made as
CONTRIBUTING.md says, or what ``SELFCORRECT_VLLM_LENS`` names.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from selfcorrect.models.local.files import BUNDLED, locate

_BENCH = Path(__file__).parents[2] / ".bench"
NAME = "smollm2"
#: The smallest block of its processor's attention: of a dialogue only whole blocks are found again.
_BLOCK = 32
_PATIENCE = 1500.0  # on a machine that has much else to do


def python() -> Path | None:
    """The Python of vLLM's environment, if there is one."""
    return _python("SELFCORRECT_VLLM", "vllm")


def python_with_lens() -> Path | None:
    """The Python of an environment that has the plugin vllm-lens too, if there is one."""
    return _python("SELFCORRECT_VLLM_LENS", "vllm-lens")


def _python(variable: str, folder: str) -> Path | None:
    found = Path(os.environ.get(variable, _BENCH / folder / "bin" / "python"))
    return found if found.is_file() else None


@contextmanager
def served(
    dtype: str, log: Path, core: int | None = None, there: Path | None = None
) -> Iterator[str]:
    """A server while the context lasts; its base URL.

    Args:
        dtype: ``float32`` or ``bfloat16``.
        log: what it says goes there.
        core: of the processor, which it has to itself if the rest keeps away.
        there: the Python that runs it; that of :func:`python`.
    """
    there = there or python()
    assert there is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    core = min(os.sched_getaffinity(0)) if core is None else core
    command = [str(there), "-m", "vllm.entrypoints.openai.api_server", "--port", str(port)]
    command += ["--model", str(locate(BUNDLED).folder), "--served-model-name", NAME]
    command += ["--host", "127.0.0.1", "--dtype", dtype, "--max-model-len", "2048"]
    command += ["--block-size", str(_BLOCK), "--max-num-seqs", "64", "--enable-prefix-caching"]
    command += ["--enable-prompt-tokens-details"]
    environment = os.environ | {
        "VLLM_CPU_KVCACHE_SPACE": "4",  # GiB
        "VLLM_CPU_OMP_THREADS_BIND": str(core),
        "OMP_NUM_THREADS": "1",
        "VLLM_SERVER_DEV_MODE": "1",  # has the route that empties the prefix cache
        "DO_NOT_TRACK": "1",
    }
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        _wait(process, port, log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with suppress(ProcessLookupError):  # it may have ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise RuntimeError(f"vLLM did not start: {log.read_text(errors='replace')[-3000:]}")
