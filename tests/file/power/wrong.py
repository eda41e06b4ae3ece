"""Copies of the backend made wrong on purpose: a test of power cuts must fail on each of them, or it proves nothing."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from file.power.lives import PATH
from file.power.seam import DiskFiles
from threadlog_file.recovery import Recovery, Tail
from threadlog_file.watermark import Mark
from threadlog_file.writer import ShardWriter, Written


class WithoutFlush(DiskFiles):
    """No ``fdatasync`` anywhere."""

    def flush(self, fd: int) -> None:
        """Leave it out."""


class WithoutFrameFlush(DiskFiles):
    """No ``fdatasync`` of frames; new files have it before they get their name."""

    def flush(self, fd: int) -> None:
        """Leave it out for segments."""
        if not self.name_of(fd).endswith(".seg"):
            super().flush(fd)


class WithoutNewFileFlush(DiskFiles):
    """No ``fdatasync`` of a new file before it gets its name."""

    def flush(self, fd: int) -> None:
        """Leave it out for new files."""
        if not self.name_of(fd).endswith(".tmp"):
            super().flush(fd)


class WithoutFolderFlush(DiskFiles):
    """No ``fsync`` of any folder."""

    def flush_dir(self, path: str) -> None:
        """Leave it out."""


class WithoutFlushAbove(DiskFiles):
    """No ``fsync`` of the folders above the log's."""

    def flush_dir(self, path: str) -> None:
        """Leave it out for others than the log's."""
        if path.startswith(PATH):
            super().flush_dir(path)


class AnsweringFirst(ShardWriter):
    """Acknowledges before the flush, which comes with the next write."""

    def write(self, count: int, body: bytes) -> Written:
        """Flush what was acknowledged, then write."""
        if self._fd is not None:
            super()._flush()
        return super().write(count, body)

    def _flush(self) -> None:
        pass


class MovingFirst(ShardWriter):
    """Moves the watermark before the flush."""

    _count = 0

    def write(self, count: int, body: bytes) -> Written:
        """Remember how many events the frame holds."""
        self._count = count
        return super().write(count, body)

    def _put(self, frame: bytes) -> None:
        super()._put(frame)
        at = self._mark
        self._watermark.move(self._shard, Mark(at.position + self._count, at.segment, at.offset + len(frame)))


class TrustingRecovery(Recovery):
    """Serves what it finds whole behind the watermark without bringing it to the disk."""

    def _rewrite(self, tail: Tail) -> Mark:
        return Mark.behind(tail.segment, tail.frames[-1].offset, tail.frames[-1].header)


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a copy."""

    files: type[DiskFiles] = DiskFiles
    writer: type[ShardWriter] = ShardWriter
    recovery: type[Recovery] = Recovery

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Let logs be opened with this copy."""
        patch.setattr("threadlog_file.folder.ShardWriter", self.writer)
        patch.setattr("threadlog_file.folder.Recovery", self.recovery)


WRONG: dict[str, Wrong] = {
    "no fdatasync": Wrong(files=WithoutFlush),
    "no fdatasync of frames": Wrong(files=WithoutFrameFlush),
    "no fdatasync of new files": Wrong(files=WithoutNewFileFlush),
    "no fsync of folders": Wrong(files=WithoutFolderFlush),
    "no fsync of the folders above": Wrong(files=WithoutFlushAbove),
    "acknowledges before the flush": Wrong(writer=AnsweringFirst),
    "moves the watermark before the flush": Wrong(writer=MovingFirst),
    "serves what may not be on the disk": Wrong(recovery=TrustingRecovery),
}
