"""What this machine computes with: device, number format, memory settings."""

from __future__ import annotations

import ctypes
import sys

import torch

from selfcorrect.errors import UserError, nearest
from selfcorrect.models.local.files import DTYPES


def resolve(dtype: str, device: str) -> tuple[str, str]:
    """Turn ``auto`` into a number format and a device that exist here.

    On a CPU ``auto`` is bfloat16 where the processor multiplies it natively (AVX-512 BF16 or
    AMX), else float32.

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
        dtype = "bfloat16" if _native_bfloat16(device) else "float32"
    return dtype, device


def _native_bfloat16(device: str) -> bool:
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported())
    if device != "cpu":
        return False
    capability = torch.cpu.get_capabilities()
    return bool(capability.get("avx512_bf16") or capability.get("amx_bf16"))


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
