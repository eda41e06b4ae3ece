"""File operations on a simulated disk, every change of it recorded: what goes under a log in place of the real ones."""

from __future__ import annotations

import errno
import os
import threading
from typing import cast

from file.power.disk import ROOT, SIZE, Disk, Operation
from threadlog_file import Files
from threadlog_file.files import Page


class DiskFiles(Files):
    """`Files` of a simulated disk, of one process.

    Args:
        disk: the disk, which is changed.
    """

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.trace: list[Operation] = []
        """What has been done to the disk, in order."""
        self._guard = threading.RLock()
        self._open: dict[int, int] = {}
        self._opened_as: dict[int, str] = {}
        self._locked: dict[int, int] = {}
        self._next_fd = 1000

    def open(self, path: str, flags: int) -> int:
        """Open or make a file."""
        with self._guard:
            within, name = self._place(path)
            node = self.disk.names(within).get(name)
            if node is None:
                if not flags & os.O_CREAT:
                    raise FileNotFoundError(errno.ENOENT, "no such file", path)
                node = self._make(within, name, folder=False)
            elif flags & os.O_TRUNC:
                self._call("truncate", node, 0)
            self._next_fd += 1
            self._open[self._next_fd] = node
            self._opened_as[self._next_fd] = path
            return self._next_fd

    def close(self, fd: int) -> None:
        """Close a descriptor, and let go of its lock."""
        with self._guard:
            node = self._open.pop(fd)
            if self._locked.get(node) == fd:
                del self._locked[node]

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        """Read as programs see it."""
        with self._guard:
            return self.disk.read(self._open[fd], offset, size)

    def pwrite(self, fd: int, data: bytes | memoryview, offset: int) -> int:
        """Write all of it."""
        with self._guard:
            self._call("write", self._open[fd], offset, bytes(data))
            return len(data)

    def flush(self, fd: int) -> None:
        """Bring a file to the disk."""
        with self._guard:
            self._call("flush", self._open[fd])

    def flush_dir(self, path: str) -> None:
        """Bring a folder's names to the disk."""
        with self._guard:
            self._call("flush", self._find(path))

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file."""
        with self._guard:
            self._call("truncate", self._open[fd], size)

    def size(self, fd: int) -> int:
        """Size of a file as programs see it."""
        with self._guard:
            return cast(int, self.disk.nodes[self._open[fd]].get(SIZE))

    def rename(self, source: str, target: str) -> None:
        """Rename."""
        with self._guard:
            self._find(source)
            self._call("rename", *self._place(source), *self._place(target))

    def link(self, source: str, target: str) -> None:
        """Give a file a second name."""
        with self._guard:
            node = self._find(source)
            self._must_be_free(target)
            self._call("name", *self._place(target), node)

    def unlink(self, path: str) -> None:
        """Remove a name."""
        with self._guard:
            self._find(path)
            self._call("name", *self._place(path), None)

    def mkdir(self, path: str) -> None:
        """Make a folder."""
        with self._guard:
            self._must_be_free(path)
            self._make(*self._place(path), folder=True)

    def names(self, path: str) -> list[str]:
        """What is in a folder, in no order that a program should rely on."""
        with self._guard:
            return sorted(self.disk.names(self._find(path)), reverse=True)

    def exists(self, path: str) -> bool:
        """Whether there is such a name."""
        try:
            self._find(path)
        except FileNotFoundError:
            return False
        return True

    def free(self, path: str) -> int:
        """Plenty."""
        return 1 << 40

    def lock(self, fd: int) -> bool:
        """Take the lock of a file, which goes with the process or with the descriptor."""
        with self._guard:
            return self._locked.setdefault(self._open[fd], fd) == fd

    def map(self, fd: int, size: int, *, writable: bool) -> Page:
        """Map a file."""
        with self._guard:
            return DiskPage(self, self._open[fd])

    def name_of(self, fd: int) -> str:
        """Path by which an open file was opened."""
        return self._opened_as[fd]

    def _call(self, name: str, *arguments: object) -> None:
        """Do what a program asked the system for."""
        self._do(name, *arguments)

    def _do(self, name: str, *arguments: object) -> None:
        operation = Operation(name, arguments)
        self.disk.apply(operation)
        self.trace.append(operation)

    def _make(self, within: int, name: str, *, folder: bool) -> int:
        node = len(self.disk.nodes)
        operation = "make_folder" if folder else "make_file"
        self._call(operation, node, within, name)
        return node

    def _find(self, path: str) -> int:
        with self._guard:
            node = ROOT
            for name in path.strip("/").split("/"):
                found = self.disk.names(node).get(name) if name else node
                if found is None:
                    raise FileNotFoundError(errno.ENOENT, "no such file", path)
                node = found
            return node

    def _place(self, path: str) -> tuple[int, str]:
        """The folder in which a path's last name stands, and that name."""
        folder, _, name = path.rpartition("/")
        return self._find(folder), name

    def _must_be_free(self, path: str) -> None:
        if self.exists(path):
            raise FileExistsError(errno.EEXIST, "there is such a file", path)


class DiskPage(Page):
    """A mapped file of a simulated disk: each store is a change like a write, which nobody ever flushes."""

    def __init__(self, files: DiskFiles, node: int) -> None:
        self._files = files
        self._node = node

    def load(self, offset: int, size: int) -> bytes:
        """What programs see."""
        with self._files._guard:
            return self._files.disk.read(self._node, offset, size)

    def store(self, offset: int, data: bytes) -> None:
        """Change it."""
        with self._files._guard:
            self._files._do("write", self._node, offset, data)

    def close(self) -> None:
        """Unmap it."""
