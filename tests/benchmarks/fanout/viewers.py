"""Many viewers of event streams in one thread of execution: sockets, epoll, and as little Python a byte as will do.

A viewer of HTTP/1.1 takes its stream apart by the sizes of its chunks, without looking into them. All get the same
bytes, so one that keeps them is enough to know where each event ends, and how far each other viewer was at what time.
"""

from __future__ import annotations

import select
import socket
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from time import monotonic
from zlib import crc32

BUFFER = 1024 * 1024
_NEWLINE = b"\r\n"


class Viewer:
    """One open stream.

    Attributes:
        size: bytes of the body so far.
        crc: their CRC-32, where it is asked for.
        body: the bytes themselves, where they are kept.
        times: when each piece came.
        sizes: `size` after that.
        ended: whether the stream has come to its end.
    """

    def __init__(self, sock: socket.socket, *, keep: bool, check: bool) -> None:
        self.socket = sock
        self.size = self.crc = 0
        self.body = bytearray()
        self.times, self.sizes = array("d"), array("q")
        self.ended = False
        self._keep, self._check = keep, check
        self._left = 0  # bytes of the chunk that are still to come
        self._skip = 0  # bytes of the line break behind a chunk that are
        self._head = b""  # the beginning of a chunk's size

    def take(self, data: memoryview, now: float) -> None:
        """Take what came."""
        at = 0
        while at < len(data):
            if self._skip:
                at += 1
                self._skip -= 1
            elif self._left:
                piece = data[at : at + self._left]
                self._payload(piece)
                at += len(piece)
                self._left -= len(piece)
                self._skip = 0 if self._left else 2
            else:
                at += self._chunk(data[at : at + 16])
        self.times.append(now)
        self.sizes.append(self.size)

    def _payload(self, piece: memoryview) -> None:
        self.size += len(piece)
        if self._check:
            self.crc = crc32(piece, self.crc)
        if self._keep:
            self.body += piece

    def _chunk(self, data: memoryview) -> int:
        """Read a chunk's size, or as much of it as is there; how many bytes that took."""
        head = self._head + data
        end = head.find(_NEWLINE)
        if end < 0:
            self._head = head
            return len(data)
        taken = end + 2 - len(self._head)
        self._head = b""
        self._left = int(head[:end], 16)
        if self._left == 0:
            self.ended, self._skip = True, 2
        return taken


def connect(host: str, port: int, path: str, viewers: int, *, check: bool) -> list[Viewer]:
    """Open streams; the first viewer keeps what it sees."""
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n\r\n".encode()
    opened = []
    for number in range(viewers):
        sock = socket.create_connection((host, port), timeout=20)
        sock.sendall(request)
        head = b""
        while b"\r\n\r\n" not in head:
            got = sock.recv(1)  # no byte of the body: that is for the viewer
            if not got:
                raise RuntimeError(f"the server hung up: {head!r}")
            head += got
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"the server answered {head.splitlines()[0]!r}")
        opened.append(Viewer(sock, keep=number == 0, check=check or number == 0))
    return opened


def watch(viewers: Sequence[Viewer], seconds: float) -> None:
    """Take what comes until all streams have ended.

    Raises:
        TimeoutError: that takes longer than `seconds`.
        RuntimeError: a connection broke.
    """
    poll = select.epoll()
    by_file = {}
    for viewer in viewers:
        viewer.socket.setblocking(False)
        by_file[viewer.socket.fileno()] = viewer
        poll.register(viewer.socket, select.EPOLLIN)
    memory = memoryview(bytearray(BUFFER))
    until = monotonic() + seconds
    while by_file:
        for file, _ in poll.poll(0.5):
            viewer = by_file[file]
            count = viewer.socket.recv_into(memory)
            if count == 0:
                raise RuntimeError(f"the server hung up on viewer {file} after {viewer.size} bytes")
            viewer.take(memory[:count], monotonic())
            if viewer.ended:
                poll.unregister(file)
                del by_file[file]
        if monotonic() > until:
            raise TimeoutError(f"{len(by_file)} streams have not ended after {seconds} s")
    poll.close()


def close(viewers: Sequence[Viewer]) -> None:
    """Hang up."""
    for viewer in viewers:
        viewer.socket.close()


def check(viewers: Sequence[Viewer], *, crc: bool) -> list[tuple[int, int]]:
    """Make sure that every viewer got everything, in order; each event's seq and where it ends in the stream.

    The first viewer's events must follow one another without a gap; all others must have got as many bytes as it, and,
    where `crc` is asked for, the same.
    """
    first = viewers[0]
    ends: list[tuple[int, int]] = []
    at = 0
    while (end := first.body.find(b"\n\n", at)) >= 0:
        frame = bytes(first.body[at : end + 2])
        at = end + 2
        if frame.startswith(b"id: ") and b"\nevent: end\n" not in frame:
            ends.append((int(frame[4 : frame.index(b"-")]), at))
    seqs = [seq for seq, _ in ends]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "events are missing or out of order"
    for viewer in viewers:
        assert viewer.size == first.size, f"a viewer got {viewer.size} bytes and not {first.size}"
        assert not crc or viewer.crc == first.crc, "a viewer got other bytes"
    return ends


def delays(viewers: Sequence[Viewer], ends: Sequence[tuple[int, int]], sent: dict[int, float]) -> list[float]:
    """Seconds from `sent` to each viewer's getting the last byte of each event that is in it, sorted."""
    found = [
        viewer.times[bisect_left(viewer.sizes, end)] - sent[seq]
        for viewer in viewers
        for seq, end in ends
        if seq in sent
    ]
    return sorted(found)
