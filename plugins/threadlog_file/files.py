"""The seam between the log and the operating system: every file operation of this plugin goes through `Files`.

A test puts its own `Files` under a log to make the N-th operation fail, or to replay what a power cut may leave.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
from collections.abc import Callable
from contextlib import suppress

_FULLFSYNC: int | None = getattr(fcntl, "F_FULLFSYNC", None)
"""macOS: `fsync` there leaves the bytes in the drive's cache; only this request reaches the medium."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Errors that mean "no room"."""

SCARCE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN})
"""Errors that say nothing about the storage: the process or the machine has too much open."""

FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
"""What says that this process may not write there."""


class Page:
    """A few pages of a file mapped into memory, shared with every process that maps them."""

    def __init__(self, fd: int, size: int, *, writable: bool) -> None:
        access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
        self._map = mmap.mmap(fd, size, access=access)

    def load(self, offset: int, size: int) -> bytes:
        """The bytes there now; another process may be changing them."""
        return self._map[offset : offset + size]

    def store(self, offset: int, data: bytes) -> None:
        """Change the bytes there; they outlive this process from now on, and a power cut from some later time on."""
        self._map[offset : offset + len(data)] = data

    def close(self) -> None:
        """Unmap; harmless when done twice."""
        self._map.close()


class Files:
    """The operations, as thin as can be. All raise `OSError` like the calls they are named after."""

    def open(self, path: str, flags: int) -> int:
        """Open a file and return its descriptor, which children do not inherit.

        What is no file is refused: a pipe in a file's place must not keep anybody waiting.
        """
        fd = os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "Not a file", path)
        return fd

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Up to `size` bytes from `offset`; fewer only at the end of the file."""
        return os.pread(fd, size, offset)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write at `offset`; returns how many bytes were taken, which may be fewer."""
        return os.pwrite(fd, data, offset)

    def flush(self, fd: int) -> None:
        """Bring the file's bytes, and what is needed to find them, to stable storage."""
        if _FULLFSYNC is not None:
            fcntl.fcntl(fd, _FULLFSYNC)
        else:
            os.fdatasync(fd)

    def flush_dir(self, path: str) -> None:
        """Bring the folder's entries (files made, renamed, removed) to stable storage."""
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to `size` bytes."""
        os.ftruncate(fd, size)

    def size(self, fd: int) -> int:
        """Size of an open file in bytes."""
        return os.fstat(fd).st_size

    def rename(self, source: str, target: str) -> None:
        """Rename, in place of whatever `target` was."""
        os.replace(source, target)

    def link(self, source: str, target: str) -> None:
        """Give a file a second name."""
        os.link(source, target, follow_symlinks=False)

    def unlink(self, path: str) -> None:
        """Remove a file's name."""
        os.unlink(path)

    def mkdir(self, path: str) -> None:
        """Make a folder that only its owner can enter."""
        os.mkdir(path, 0o700)

    def names(self, path: str) -> list[str]:
        """Names of what is in a folder."""
        return os.listdir(path)

    def exists(self, path: str) -> bool:
        """Whether something has this name."""
        return os.path.lexists(path)

    def free(self, path: str) -> int:
        """Bytes that an unprivileged process may still write on the file system of `path`."""
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize

    def lock(self, fd: int) -> bool:
        """Take the kernel's exclusive lock on an open file without waiting; False if another holds it."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def map(self, fd: int, size: int, *, writable: bool) -> Page:
        """Map the first `size` bytes of an open file."""
        return Page(fd, size, writable=writable)


def write_all(files: Files, fd: int, data: bytes, offset: int) -> None:
    """Write all of `data`, however many calls it takes."""
    written = files.pwrite(fd, data, offset)
    while written < len(data):
        count = files.pwrite(fd, memoryview(data)[written:], offset + written)
        if count == 0:
            raise OSError(errno.EIO, "the file takes no more bytes")
        written += count


def read_all(files: Files, fd: int, size: int, offset: int) -> bytes:
    """`size` bytes from `offset`, or what there is up to the end of the file."""
    data = files.pread(fd, size, offset)
    if len(data) == size or not data:
        return data
    parts = [data]
    got = len(data)
    while got < size and (data := files.pread(fd, size - got, offset + got)):
        parts.append(data)
        got += len(data)
    return b"".join(parts)


def load_file(files: Files, path: str, *, most: int = 1 << 40) -> bytes:
    """The whole content of a file, or its first `most` bytes."""
    fd = files.open(path, os.O_RDONLY)
    try:
        return read_all(files, fd, min(files.size(fd), most), 0)
    finally:
        files.close(fd)


def replace_file(files: Files, path: str, data: bytes, *, durable: bool = True) -> None:
    """Put a file with this content under `path`, as one step: a crash leaves the old one or the new one.

    With `durable` it is on stable storage on return.
    """
    write_file(files, f"{path}.tmp", lambda fd: write_all(files, fd, data, 0), durable=durable)
    files.rename(f"{path}.tmp", path)
    if durable:
        files.flush_dir(os.path.dirname(path))


def write_file(files: Files, path: str, fill: Callable[[int], None], *, durable: bool = True) -> None:
    """Make a file anew and let `fill` write into it; nothing is left of it when that fails."""
    fd = files.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        fill(fd)
        if durable:
            files.flush(fd)
    except BaseException:
        files.close(fd)
        with suppress(OSError):
            files.unlink(path)
        raise
    files.close(fd)
