"""One folder, opened so that no path leads out of it.

A path is walked part by part with ``openat``: every part is opened with ``O_NOFOLLOW`` from the descriptor of the
part before, so that nothing can be swapped for a link between the check and the use. Links are read and walked in
the same way, so that a link within the folder works and one that leads out of it is refused.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from threadlog.model.errors import ThreadlogError

_MAX_LINKS = 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class FolderError(ThreadlogError):
    """Something in the folder cannot be had; the message says what and why, for the user."""


class OutsideFolder(FolderError, PermissionError):
    """The path leads out of the folder."""


class NoSuchPath(FolderError, LookupError):
    """Nothing of that name is in the folder."""


class NotReadable(FolderError, OSError):
    """It is there but no file or folder that may be read: a device, a pipe, or one without permission."""


class Root:
    """A folder; all paths are relative to it, with ``/`` between parts.

    Raises:
        NotReadable: there is no such folder, or it may not be read.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = os.path.realpath(folder)
        try:
            self._fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise NotReadable(f"{os.fspath(folder)} is not a folder that can be read: {error.strerror}.") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the folder's descriptor back; harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self.close()

    @contextmanager
    def directory(self, path: str = ".") -> Iterator[int]:
        """The descriptor of a folder inside.

        Raises:
            OutsideFolder: the path leads out.
            NoSuchPath: there is none.
            NotReadable: it is not a folder, or may not be read.
        """
        with _Walk(self, path) as walk:
            if walk.leaf is not None:
                raise NotReadable(f"“{path}” is a file and not a folder.")
            yield walk.fd

    @contextmanager
    def file(self, path: str) -> Iterator[int]:
        """A descriptor of a regular file inside, for reading.

        Raises:
            OutsideFolder: the path leads out.
            NoSuchPath: there is none.
            NotReadable: it is no regular file, or may not be read.
        """
        with _Walk(self, path) as walk:
            if walk.leaf is None:
                raise NotReadable(f"“{path}” is a folder and not a file.")
            fd = _open_regular(walk.leaf, walk.fd, path)
            try:
                yield fd
            finally:
                os.close(fd)

    def resolve(self, path: str) -> str:
        """The path with its links followed, relative to the folder (``.`` for the folder itself).

        Raises:
            OutsideFolder: it leads out.
            NoSuchPath: there is none.
        """
        with _Walk(self, path) as walk:
            return "/".join(walk.parts) or "."


class _Walk:
    """From the folder down to one path: `fd` is the last folder, `leaf` the name in it if the path is no folder."""

    def __init__(self, root: Root, path: str) -> None:
        self._root, self._asked = root, path
        self._open = ExitStack()
        self._pending = deque(self._relative(path))
        self._fds = [root._fd]  # noqa: SLF001 - both are this module
        self._links = 0
        self.parts: list[str] = []
        self.leaf: str | None = None

    @property
    def fd(self) -> int:
        return self._fds[-1]

    def __enter__(self) -> Self:
        try:
            while self._pending:
                self._step(self._pending.popleft())
        except OSError as error:
            self._open.close()
            if isinstance(error, FolderError):
                raise
            raise _as_folder_error(error, self._asked) from error
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def _step(self, part: str) -> None:
        if part in ("", "."):
            return
        if self.leaf is not None:
            raise NoSuchPath(f"“{'/'.join(self.parts)}” is a file, so there is nothing below it.")
        if part == "..":
            self._up()
            return
        mode = os.stat(part, dir_fd=self.fd, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            self._follow(os.readlink(part, dir_fd=self.fd))
            return
        self.parts.append(part)
        if not stat.S_ISDIR(mode):
            self.leaf = part
            return
        self._fds.append(os.open(part, _DIRECTORY, dir_fd=self.fd))
        self._open.callback(os.close, self.fd)

    def _up(self) -> None:
        if not self.parts:
            raise OutsideFolder(f"“{self._asked}” leads out of the folder that I was given; I stay inside it.")
        self.parts.pop()
        self._fds.pop()

    def _follow(self, target: str) -> None:
        self._links += 1
        if self._links > _MAX_LINKS:
            raise NotReadable(f"“{self._asked}” goes through too many links.")
        if os.path.isabs(target):
            parts = self._relative(target)
            self.parts.clear()
            del self._fds[1:]
        else:
            parts = target.split("/")
        self._pending.extendleft(reversed(parts))

    def _relative(self, path: str) -> list[str]:
        if "\0" in path:
            raise NoSuchPath("a name cannot hold a zero byte.")
        if not os.path.isabs(path):
            return path.split("/")
        inside = os.path.relpath(path, self._root.path)
        if inside == ".." or inside.startswith("../"):
            raise OutsideFolder(f"“{self._asked}” leads out of the folder that I was given; I stay inside it.")
        return inside.split("/")


def _open_regular(name: str, dir_fd: int, asked: str) -> int:
    """Open what must be a regular file: looked at before (opening a device has effects) and after (no race)."""
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=dir_fd, follow_symlinks=False).st_mode):
            raise NotReadable(f"“{asked}” is no regular file but a pipe, a socket or a device; I leave it alone.")
        fd = os.open(name, _FILE, dir_fd=dir_fd)
    except FolderError:
        raise
    except OSError as error:
        raise _as_folder_error(error, asked) from error
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise NotReadable(f"“{asked}” is no regular file; I leave it alone.")


def _as_folder_error(error: OSError, asked: str) -> FolderError:
    if error.errno == errno.ENAMETOOLONG:
        return NoSuchPath("that name is too long to be a file's.")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return NoSuchPath(f"there is no “{asked}” in the folder.")
    if error.errno == errno.ELOOP:
        return NotReadable(f"“{asked}” changed into a link while I looked; ask again.")
    if error.errno in (errno.EACCES, errno.EPERM):
        return NotReadable(f"I have no permission to read “{asked}”.")
    return NotReadable(f"“{asked}” cannot be read: {error.strerror}.")
