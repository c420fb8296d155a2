"""Where a run's files are kept: five functions, for a local folder and for a bucket.

Everything above uses only ``put``, ``list``, ``read``, ``remove`` and ``lock``, none of which needs
a rename or an append. A bucket has neither, nor locks, and stores a file whole or not at all. Two
commands that work on one run in a bucket do the same work twice, and store the same.
"""

from __future__ import annotations

import builtins
import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from selfcorrect.errors import UserError
from selfcorrect.regular import check_file, create_file, read_file
from selfcorrect.runs.paths import is_local

#: Bytes of a file that is read: no piece of a run has so many, and a sparse file may say any size.
LARGEST = 2**31
_UNFINISHED = ".unfinished"
_LOCK, _OWNER = ".lock", ".lock-owner"
#: The lock file (device, number) of each folder that this process has locked.
_held: dict[Path, tuple[int, int]] = {}


@dataclass(frozen=True, slots=True)
class Store:
    """Files under one folder, each there completely or not at all.

    Names are relative and use ``/``. Every method raises :class:`UserError`, with the folder and
    what to do, when the disk is full, the folder may not be written, or the machine refuses.
    """

    root: Path

    def put(self, name: str, data: bytes, *, replace: bool = False) -> bool:
        """Store a file if there is none of that name; when this returns it survives a power cut.

        Args:
            replace: put it in the place of an existing one, at once.

        Returns:
            Whether it was written (``False``: there was one already, and it was left alone).
        """
        path = self._place(name)
        with _explained(self.root, name):
            if path.exists():
                _check_file(path)
                if not replace:
                    return False
        if not is_local(self.root):
            with _explained(self.root):
                path.write_bytes(data)
            return True
        unfinished = path.with_name(path.name + _UNFINISHED)
        with _explained(self.root, name):
            self._check_there()
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with create_file(unfinished) as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                unfinished.replace(path)
            except BaseException:  # Ctrl-C too: leave no half file behind
                with suppress(OSError):
                    unfinished.unlink()
                raise
            _sync_folder(path.parent)
        return True

    def list(self, under: str = "") -> builtins.list[str]:
        """Names of the complete files in a sub-folder, sorted; empty if there is none."""
        folder = self._place(under) if under else self.root
        with _explained(self.root):
            if not folder.is_dir():
                return []
            if is_local(folder):
                names = [e.name for e in os.scandir(folder) if e.is_file(follow_symlinks=True)]
            else:
                names = [path.name for path in folder.iterdir()]
        prefix = f"{under}/" if under else ""
        return sorted(
            prefix + n for n in names if not n.endswith(_UNFINISHED) and n not in (_LOCK, _OWNER)
        )

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        with _explained(self.root):
            return self._place(name).is_file()

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with _explained(self.root, name):
            self._place(name).unlink(missing_ok=True)

    def discard(self, names: Sequence[str]) -> None:
        """Remove the folder, if it holds nothing but files of these names; else it stays as it is.

        Only under :meth:`lock`. The first name goes first: what a kill leaves lacks it.
        """
        with suppress(OSError):
            if {path.name for path in self.root.iterdir()} - {*names, _LOCK, _OWNER}:
                return
            for name in (*names, _OWNER, _LOCK):
                self._place(name).unlink(missing_ok=True)
            self.root.rmdir()

    def read(self, name: str, most: int = LARGEST) -> bytes:
        """A file's content.

        Args:
            name: of the file.
            most: bytes that it may have.

        Raises:
            UserError: also if there is no such file, or it is larger than any of a run is.
        """
        with _explained(self.root, name):
            path = self._place(name)
            return read_file(path, most) if is_local(path) else path.read_bytes()

    def _place(self, name: str) -> Path:
        """Where a file lies.

        Raises:
            UserError: outside of the folder, by a link that somebody has put into it.
        """
        path = self.root / name
        if is_local(self.root) and any(
            os.path.islink(each) for each in (path, *path.parents[: name.count("/")])
        ):
            with _explained(self.root):
                home, there = os.path.realpath(self.root), os.path.realpath(path)
            if not there.startswith(home.rstrip(os.sep) + os.sep):
                raise UserError(
                    f"{path} is a link that leads out of the run's folder, to {there}: nothing is "
                    "read or written there; put the file itself in its place."
                )
        return path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Be the only process that writes here; the system lifts it when the process dies.

        What a killed process left unfinished is cleared away. A bucket has no lock.
        """
        if not is_local(self.root):
            yield
            return
        with _explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
            for each in (_LOCK, _OWNER):
                if (self.root / each).is_symlink():  # what a link leads to would be emptied
                    (self.root / each).unlink()
                with _explained(self.root, each):
                    if os.path.lexists(self.root / each):
                        _check_file(self.root / each)
            lock = FileLock(self.root / _LOCK, timeout=0)
            try:
                lock.acquire()
            except Timeout:
                raise UserError(
                    f"another process{self._owner()} is writing to {self.root}; wait until it is "
                    "done, or choose another output folder."
                ) from None
        try:
            with _explained(self.root):
                _held[self.root] = _number(self.root / _LOCK)
                (self.root / _OWNER).write_text(str(os.getpid()))
                for path in self.root.rglob(f"*{_UNFINISHED}"):
                    path.unlink()
            yield
        finally:
            _held.pop(self.root, None)
            with suppress(OSError):
                (self.root / _OWNER).unlink()
            lock.release()

    def _check_there(self) -> None:
        """A folder that is moved or deleted while it is locked isn't made again: a part of a run
        would lie in it, which no command could go on with, and which nothing would lock.

        Raises:
            FileNotFoundError: it isn't the one that was locked.
        """
        if self.root not in _held:
            return
        with suppress(FileNotFoundError):
            if _number(self.root / _LOCK) == _held[self.root]:
                return
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.root))

    def _owner(self) -> str:
        with suppress(OSError, ValueError):
            return f" (process {int((self.root / _OWNER).read_text())})"
        return ""


def _check_file(path: Path) -> None:
    """Raises OSError where something else than an ordinary file has a file's name."""
    if is_local(path):
        check_file(path)


def _number(path: Path) -> tuple[int, int]:
    """What tells a file from one that took its place."""
    found = path.stat()
    return found.st_dev, found.st_ino


def _sync_folder(folder: Path) -> None:
    """Make a rename itself survive a power cut (not possible, nor needed, on Windows)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_CAUSES = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EFBIG: "a file may not be as large as that (ulimit -f, or the file system): allow more",
    errno.EROFS: "it is on a read-only file system: choose another output folder",
    errno.EACCES: "it may not be accessed: change its permissions or choose another output folder",
    errno.EPERM: "it may not be changed: change its permissions or choose another output folder",
    errno.ENOENT: "a file or folder in it is missing: it was moved or deleted meanwhile",
    errno.ENOTDIR: "a part of its path is a file: choose another output folder",
    errno.EEXIST: "a part of its path is a file: choose another output folder",
}


@contextmanager
def _explained(root: Path, name: str = "") -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not isinstance(error, OSError) and is_local(root):
            raise
        number = getattr(error, "errno", None)
        said = getattr(error, "strerror", None) or next(iter(str(error).splitlines()), repr(error))
        if number in (errno.EINVAL, errno.EISDIR, errno.ENXIO, errno.ELOOP) and name:
            raise UserError(
                f"{root / name} is in the way ({said}): move it away and run the same command "
                "again; what was finished is kept."
            ) from error
        cause = _CAUSES.get(number or 0) or f"the system says '{said}': see to that"
        raise UserError(
            f"cannot use the run folder {root}: {cause}, and run the same command again; what was "
            "finished is kept."
        ) from error
