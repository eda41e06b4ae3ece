"""The writer of one shard: brings frames to the disk, and stops for good when it cannot be trusted any more.

Its methods block. They touch files only, never what readers in this process see, so they may run in a thread.
"""

from __future__ import annotations

import os
from contextlib import suppress

from msgspec import Struct

from threadlog.log import LogBusy, LogStopped, StorageFull
from threadlog_file.files import FULL, SCARCE, Files, write_all
from threadlog_file.frames import HEADER, make_frame, stamp_of
from threadlog_file.manifest import Manifest
from threadlog_file.options import FileOptions
from threadlog_file.segments import TITLE, create_segment, segment_path
from threadlog_file.watermark import Mark, Watermark

_FILL_UNTIL = 64 * 1024
"""Larger frames are not worth filling ahead for: it would write every byte twice."""


class Written(Struct, frozen=True, gc=False):
    """Where a frame was stored."""

    segment: int
    offset: int
    size: int
    stamp: int
    """See `FrameHeader.stamp`."""
    mark: Mark
    """Where the shard ends with it."""


class ShardWriter:
    """Writes one shard, from `mark` on."""

    def __init__(
        self,
        files: Files,
        folder: str,
        manifest: Manifest,
        shard: int,
        watermark: Watermark,
        mark: Mark,
        options: FileOptions,
    ) -> None:
        self.stopped: str | None = None
        """Why it stopped, if it did."""
        self._files = files
        self._folder = folder
        self._manifest = manifest
        self._shard = shard
        self._watermark = watermark
        self._options = options
        self._mark = mark
        self._fd: int | None = None
        self._filled = mark.offset
        """Up to here the segment holds frames and filling."""

    def write(self, count: int, body: bytes) -> Written:
        """Store one frame with `count` events; returns when it is durable and the watermark has moved.

        Raises:
            StorageFull: there is no room; nothing was written.
            LogBusy: the process has no descriptor or memory for a new segment; nothing was written.
            LogStopped: a storage fault, now or before.
        """
        if self.stopped is not None:
            raise LogStopped(self.stopped)
        size = HEADER + len(body)
        self._check_room(size)
        self._open_segment(size)
        at = self._mark
        frame = make_frame(self._shard, at.position + 1, count, at.position, body, at.tie)
        self._put(frame)
        self._flush()
        stamp = stamp_of(frame)
        self._mark = Mark(at.position + count, at.segment, at.offset + size, at.offset, stamp, at.tie)
        self._watermark.move(self._shard, self._mark)
        return Written(at.segment, at.offset, size, stamp, self._mark)

    def stop(self, why: str) -> LogStopped:
        """Write nothing any more; returns the error to raise."""
        self.stopped = (
            f"writing to {self._folder} stopped: {why}. Look after the disk, then open the log again; reading goes on."
        )
        return LogStopped(self.stopped)

    def full(self) -> bool:
        """Whether an append would be refused for want of room.

        Raises:
            OSError: the storage does not answer.
        """
        return self._files.free(self._folder) < self._options.reserve_bytes

    def close(self) -> None:
        """Take the filling away and close the segment; harmless when done twice."""
        fd, self._fd = self._fd, None
        if fd is None:
            return
        with suppress(OSError):  # everything that was acknowledged has been flushed before
            if self.stopped is None and self._filled > self._mark.offset:
                self._files.truncate(fd, self._mark.offset)
                self._files.flush(fd)
        with suppress(OSError):
            self._files.close(fd)

    def _check_room(self, size: int) -> None:
        try:
            free = self._files.free(self._folder)
        except OSError as error:
            raise self._stop("asking for free space", error) from error
        if free < size + self._options.reserve_bytes:
            raise self._full(f"{free} bytes are free and {self._options.reserve_bytes} are kept in reserve")

    def _open_segment(self, size: int) -> None:
        """Have a segment open that takes `size` bytes more."""
        at = self._mark
        try:
            if not at.segment or (at.offset > TITLE and at.offset + size > self._options.segment_bytes):
                self._roll()
            elif self._fd is None:
                self._fd = self._files.open(segment_path(self._folder, self._shard, at.segment), os.O_RDWR)
        except OSError as error:
            if error.errno in FULL:
                raise self._full("a new segment finds no room") from error
            if error.errno in SCARCE:
                raise LogBusy(f"no new segment could be opened ({error}): try again when there is room.") from error
            raise self._stop("beginning a segment", error) from error

    def _roll(self) -> None:
        """Begin a new segment; all that stands in the old one is durable."""
        first = self._mark.position + 1
        tie = self._mark.tie
        path = create_segment(self._files, self._folder, self._manifest, self._shard, first, tie)
        fd = self._files.open(path, os.O_RDWR)
        self.close()
        self._fd = fd
        self._mark = Mark(self._mark.position, first, TITLE, 0, tie)
        self._filled = TITLE

    def _put(self, frame: bytes) -> None:
        """Write the frame, with filling after it where that pays."""
        assert self._fd is not None
        offset = self._mark.offset
        end = offset + len(frame)
        fill = self._options.prefill_bytes
        if fill and end > self._filled and len(frame) <= _FILL_UNTIL:
            self._filled = end + fill
            frame += b"\n" * fill
        try:
            write_all(self._files, self._fd, frame, offset)
        except OSError as error:
            if error.errno not in FULL:
                raise self._stop("writing", error) from error
            self._take_back()
            raise self._full("the disk took only a part") from error
        self._filled = max(self._filled, end)

    def _take_back(self) -> None:
        """Remove a frame that was written in part."""
        assert self._fd is not None
        try:
            self._files.truncate(self._fd, self._mark.offset)
        except OSError as error:
            raise self._stop("taking back a part of a frame", error) from error
        self._filled = self._mark.offset

    def _flush(self) -> None:
        assert self._fd is not None
        try:
            self._files.flush(self._fd)
        except OSError as error:
            # After a failed flush the kernel may show as clean what the disk never got: never ask again.
            raise self._stop("flushing", error) from error

    def _stop(self, doing: str, error: OSError) -> LogStopped:
        return self.stop(f"{doing} failed ({error.strerror or error})")

    def _full(self, why: str) -> StorageFull:
        return StorageFull(f"no room in {self._folder}: {why}. Make room; appends go on by themselves then.")
