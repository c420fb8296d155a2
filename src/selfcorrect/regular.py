"""Ordinary files, opened: a pipe would be waited for, and a device may have no end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

#: Of what people write by hand, such as a spec or a strategy.
SMALL = 16 * 2**20
#: A pipe that nobody writes to isn't waited for.
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_WRITE = (
    os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)  # fmt: skip


def open_file(path: Path) -> BinaryIO:
    """An ordinary file, to be read.

    Raises:
        OSError: there is none, or it is a folder, a pipe, a socket or a device.
    """
    check_file(path)  # opening some devices does something
    handle = os.open(path, _READ)
    try:
        _check(os.fstat(handle).st_mode, path)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def read_file(path: Path, most: int | None = None) -> bytes:
    """What an ordinary file holds.

    Args:
        path: of the file.
        most: bytes that it may have.

    Raises:
        OSError: as :func:`open_file`, or it is larger.
    """
    with open_file(path) as file:
        if most is None:
            return file.read()
        large = os.fstat(file.fileno()).st_size > most  # a sparse file may say any size
        data = b"" if large else file.read(most + 1)
    if large or len(data) > most:
        raise OSError(errno.EINVAL, f"it is larger than {most // 2**20} MiB", str(path))
    return data


def create_file(path: Path) -> BinaryIO:
    """A file to be written, or written anew. No link is followed.

    Raises:
        OSError: something else than an ordinary file is there.
    """
    handle = os.open(path, _WRITE, 0o666)
    try:
        _check(os.fstat(handle).st_mode, path)
        return os.fdopen(handle, "wb")
    except BaseException:
        os.close(handle)
        raise


def check_file(path: Path) -> None:
    """Check that something is an ordinary file, or leads to one.

    Raises:
        OSError: it isn't.
    """
    _check(os.stat(path).st_mode, path)


def _check(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, f"it is no file but {kind_of_mode(mode)}", str(path))


def kind_of_mode(mode: int) -> str:
    """What a mode says that something is, in words."""
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((name for test, name in kinds if test(mode)), "a device")
