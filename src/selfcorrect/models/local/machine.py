"""What this machine computes with: device, number format, memory settings."""

from __future__ import annotations

import ctypes
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from selfcorrect.errors import UserError, nearest
from selfcorrect.models.local.files import DTYPES

_CPU_FULL = "can't allocate memory"


def resolve(dtype: str, device: str) -> tuple[str, str]:
    """Turn ``auto`` into a number format and a device that exist here.

    ``auto`` is bfloat16 where the device multiplies it natively (on a CPU: AVX-512 BF16 or AMX),
    else float32.

    Raises:
        UserError: an unknown dtype, or a device this machine doesn't have.
    """
    if dtype not in DTYPES:
        raise UserError(f"there is no dtype {dtype!r}: {nearest(dtype, DTYPES)}.")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(f"this machine has no device {device!r}; use --device cpu.") from error
    if dtype == "auto":
        dtype = "bfloat16" if _native("bfloat16", device) else "float32"
    return dtype, device


def emulated(dtype: str, device: str) -> str | None:
    """A sentence where a number format is only emulated, which costs time; ``None`` where it is
    native, or where that isn't known.

    Args:
        dtype, device: as :func:`resolve` gives them.
    """
    if dtype not in _16_BIT or _native(dtype, device) is not False:
        return None
    return (
        f"{dtype} is only emulated on {processor(device)}, and several times slower than float32: "
        "use dtype auto, unless you want just these numbers."
    )


def processor(device: str) -> str:
    """The name of what a device computes on, as far as the system tells it."""
    if device.startswith("cuda"):
        return str(torch.cuda.get_device_name(device))
    try:
        told = _CPU_NAME.search(Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        told = None
    return told[1].strip() if told else platform.processor() or platform.machine()


_16_BIT = {"bfloat16": ("avx512_bf16", "amx_bf16"), "float16": ("avx512_fp16", "amx_fp16")}
_CPU_NAME = re.compile(r"^model name\s*:\s*(\S.*)$", re.MULTILINE)


def _native(dtype: str, device: str) -> bool | None:
    """Whether a device multiplies a 16-bit number format itself; ``None`` where that isn't known.

    torch names what x86 processors can; of others it can't be told from its answer.
    """
    if device.startswith("cuda"):
        return dtype == "float16" or bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device != "cpu":
        return None
    capabilities = torch.cpu.get_capabilities()
    if capabilities.get("architecture") != "x86_64":
        return None
    return any(capabilities.get(name) for name in _16_BIT[dtype])


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that a device's memory is full."""
    return isinstance(error, torch.OutOfMemoryError) or _CPU_FULL in str(error)


@contextmanager
def room(size: int) -> Iterator[None]:
    """The process may take so many bytes more while something is done that a stranger's file has a
    say in; beyond that Python raises a MemoryError. Only where the system can (Linux)."""
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    wanted = pages * resource.getpagesize() + size
    known = [each for each in before if each != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min([wanted, *known]), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def keep_freed_memory() -> None:
    """Have glibc keep freed blocks instead of returning them to the system at once.

    A forward pass allocates and frees activations of some megabytes thousands of times; by default
    glibc maps and unmaps each, and the page faults cost more than the arithmetic on them.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    trim_threshold, mmap_threshold = -1, -3
    # The largest mmap threshold glibc accepts is 32 MiB (HEAP_MAX / 2).
    mallopt(mmap_threshold, 32 << 20)
    mallopt(trim_threshold, 256 << 20)
