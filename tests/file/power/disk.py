"""A simulated disk: what programs see of it, and what may be on it after a power cut.

Programs see the newest of everything. On the disk is what was flushed, and of all that changed since, any part:

- each 4 KiB page of a file as it was at any moment since its last flush, whatever the others are (unsynced writes are
  lost, reordered, or applied in part), also torn between two such moments (see `states`);
- each file's size as it was at any moment since, whatever its pages are (a size without data reads as zeros);
- each name in a folder as it was at any moment since the folder's last flush, whatever the others are (a rename before
  the data, a lost entry; of a rename the disk may know both names, or a new one that never came).

That is more than any one file system does. But what lies beyond a file's size reads as zeros when the file grows again:
every file system sees to that, lest it show what was deleted elsewhere.

A page that is mapped and stored to is a page like any other: the kernel may have brought it to the disk at any moment
after the store, or not at all.

After a flush that failed, programs see what they wrote, and no later flush brings it to the disk unless it is written
again: so Linux does (https://lwn.net/Articles/752063).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

PAGE = 4096
SIZE = -1
"""Key of a file's size among its cells; its pages are numbered from 0."""

ZEROS = bytes(PAGE)
ROOT = 0


class Operation(NamedTuple):
    """One call of a method of `Disk` that changes something."""

    name: str
    arguments: tuple[Any, ...]

    def __str__(self) -> str:
        told = (f"{len(a)} bytes" if isinstance(a, bytes) else str(a) for a in self.arguments)
        return f"{self.name}({', '.join(told)})"


class Cell(NamedTuple):
    """One thing that reaches the disk by itself: a page, a size, or a name."""

    node: int
    key: int | str
    history: list[Any]
    """What it was since it was last known to be on the disk; the last one is what programs see."""


Settle: TypeAlias = Callable[[Cell], Any]
"""Says what of a cell's history is on the disk."""


class Node:
    """A file or a folder, as the histories of its cells."""

    def __init__(self, *, folder: bool) -> None:
        self.folder = folder
        self.cells: dict[int | str, list[Any]] = {} if folder else {SIZE: [0]}
        self.stuck: set[int | str] = set()
        """Cells whose flush has failed and that have not been written again."""

    def get(self, key: int | str) -> Any:
        """What programs see."""
        history = self.cells.get(key)
        if history is None:
            return None if self.folder else ZEROS
        return history[-1]

    def put(self, key: int | str, value: Any) -> None:
        """Change what programs see."""
        history = self.cells.setdefault(key, [self.get(key)])
        self.stuck.discard(key)
        if history[-1] != value:
            history.append(value)

    def flush(self) -> None:
        """Everything is on the disk, but what a failed flush has made look so."""
        for key, history in self.cells.items():
            if key not in self.stuck:
                del history[:-1]

    def undecided(self) -> Iterator[tuple[int | str, list[Any]]]:
        """The cells that may or may not be on the disk as programs see them."""
        return ((key, history) for key, history in self.cells.items() if len(history) > 1)

    def copy(self) -> Node:
        """Another one with the same histories."""
        node = Node(folder=self.folder)
        node.cells = {key: history[:] for key, history in self.cells.items()}
        node.stuck = set(self.stuck)
        return node


class Disk:
    """Files and folders, known by numbers."""

    def __init__(self) -> None:
        self.nodes: dict[int, Node] = {ROOT: Node(folder=True)}

    def apply(self, operation: Operation) -> None:
        """Do what was recorded."""
        getattr(self, operation.name)(*operation.arguments)

    def make_file(self, node: int, within: int, name: str) -> None:
        """Make an empty file."""
        self.nodes[node] = Node(folder=False)
        self.nodes[within].put(name, node)

    def make_folder(self, node: int, within: int, name: str) -> None:
        """Make an empty folder."""
        self.nodes[node] = Node(folder=True)
        self.nodes[within].put(name, node)

    def name(self, within: int, name: str, node: int | None) -> None:
        """Let a name stand for another node, or for none."""
        self.nodes[within].put(name, node)

    def rename(self, within: int, name: str, target_within: int, target: str) -> None:
        """Rename; both names change, unless both stand for the same file: then POSIX changes nothing."""
        node = self.nodes[within].get(name)
        if self.nodes[target_within].get(target) == node:
            return
        self.nodes[target_within].put(target, node)
        self.nodes[within].put(name, None)

    def write(self, node: int, offset: int, data: bytes) -> None:
        """Change bytes of a file."""
        file = self.nodes[node]
        for page, start, part in _by_page(offset, data):
            old = file.get(page)
            file.put(page, old[:start] + part + old[start + len(part) :])
        if data:
            file.put(SIZE, max(file.get(SIZE), offset + len(data)))

    def truncate(self, node: int, size: int) -> None:
        """Change the size of a file; what lies beyond becomes zeros."""
        file = self.nodes[node]
        for page in [key for key in file.cells if isinstance(key, int) and key != SIZE]:
            kept = min(max(size - page * PAGE, 0), PAGE)
            if kept < PAGE:
                file.put(page, file.get(page)[:kept] + ZEROS[kept:])
        file.put(SIZE, size)

    def flush(self, node: int) -> None:
        """Bring a file's bytes and size, or a folder's names, to the disk."""
        self.nodes[node].flush()

    def fail_flush(self, node: int) -> None:
        """Fail to, and forget what was to be brought there."""
        file = self.nodes[node]
        file.stuck |= {key for key, _ in file.undecided()}

    def read(self, node: int, offset: int, size: int) -> bytes:
        """Bytes of a file as programs see them."""
        file = self.nodes[node]
        size = max(0, min(size, file.get(SIZE) - offset))
        first, end = offset // PAGE, -(-(offset + size) // PAGE)
        data = b"".join([file.get(page) for page in range(first, end)])
        return data[offset - first * PAGE :][:size]

    def names(self, node: int) -> dict[str, int]:
        """What is in a folder."""
        return {str(key): history[-1] for key, history in self.nodes[node].cells.items() if history[-1] is not None}

    def undecided(self) -> list[Cell]:
        """Everything that a power cut decides."""
        return [Cell(number, *found) for number, node in self.nodes.items() for found in node.undecided()]

    def unlike(self, other: Disk) -> list[Cell]:
        """Undecided cells that another disk holds otherwise than programs saw them."""
        return [cell for cell in self.undecided() if other.nodes[cell.node].get(cell.key) != cell.history[-1]]

    def after_cut(self, settle: Settle) -> Disk:
        """The disk after a power cut."""
        disk = Disk()
        for number, node in self.nodes.items():
            kept = disk.nodes[number] = Node(folder=node.folder)
            for key, history in node.cells.items():
                kept.cells[key] = [settle(Cell(number, key, history)) if len(history) > 1 else history[0]]
            if not node.folder:
                disk.truncate(number, kept.get(SIZE))
                disk.flush(number)
        return disk

    def copy(self) -> Disk:
        """Another one with the same histories: the disk after the death of a process."""
        disk = Disk()
        disk.nodes = {number: node.copy() for number, node in self.nodes.items()}
        return disk

    def tree(self) -> dict[str, bytes | None]:
        """Path and content of every file, and of every folder None, as programs see them."""
        found: dict[str, bytes | None] = {}
        waiting = [("", ROOT)]
        while waiting:
            path, number = waiting.pop()
            node = self.nodes[number]
            found[path] = None if node.folder else self.read(number, 0, node.get(SIZE))
            if node.folder:
                waiting += [(f"{path}/{name}", child) for name, child in self.names(number).items()]
        return found

    def path_of(self, number: int) -> str:
        """A name that this node has had, for people."""
        for within, node in self.nodes.items():
            for name, history in node.cells.items() if node.folder else ():
                if number in history:
                    return f"{'' if within == ROOT else self.path_of(within)}/{name}"
        return "/"


def _by_page(offset: int, data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Page, offset in it, and the part of `data` that goes there."""
    at = 0
    while at < len(data):
        page, start = divmod(offset + at, PAGE)
        part = data[at : at + PAGE - start]
        yield page, start, part
        at += len(part)
