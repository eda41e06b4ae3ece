"""What a writer does with what a crash left, before it serves anything.

Up to the watermark everything must be whole; so must everything that a later frame or a later segment says was durable
when it was written. What is whole beyond that may be in the page cache only (after a failed flush it looks clean though
the disk never got it), so it is written anew into a segment of its own and flushed. What is torn is moved aside.

Only after a power cut can a flipped bit in the very last frame not be told from a tear.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise

from msgspec import Struct

from threadlog.log import LogCorrupt
from threadlog_file.chain import survey
from threadlog_file.damage import Damage
from threadlog_file.files import Files, replace_file
from threadlog_file.frames import HEADER, SHORTEST, is_filling, make_frame, parse_header, stamp_of
from threadlog_file.handles import Handles
from threadlog_file.inventory import take_inventory
from threadlog_file.manifest import Manifest
from threadlog_file.scanning import Frame, Source, appends_of, find_frame, frames_from
from threadlog_file.segments import TITLE, create_segment, parse_title, segment_path
from threadlog_file.verdicts import Judge
from threadlog_file.watermark import Mark

ASIDE = "aside"
"""Folder of the log into which torn and damaged bytes are moved."""


class Tail(Struct, frozen=True):
    """What stands beyond the watermark."""

    segment: int
    """First position of the last segment."""
    frames: list[Frame]
    """Whole frames of it that may not be on the disk yet."""
    durable: Mark
    """Up to where everything is durable."""
    end: int
    """Where its last whole frame ends."""
    size: int
    """Size of the file."""
    torn: bytes
    """What stands after that; empty if it is only filling."""


class Recovery:
    """Recovers one shard."""

    def __init__(self, files: Files, handles: Handles, folder: str, manifest: Manifest, shard: int) -> None:
        self._files = files
        self._handles = handles
        self._folder = folder
        self._manifest = manifest
        self._shard = shard

    def run(self, mark: Mark) -> Mark:
        """Make the shard end in something whole and durable; returns where it ends now.

        Raises:
            LogCorrupt: something that was durable is damaged; nothing has been changed.
        """
        tail = self.look(mark)
        if tail is None:
            return mark
        if tail.torn:
            self._set_aside(tail)
        if tail.frames:
            return self._rewrite(tail)
        self._cut(tail.segment, tail.end, tail.size)
        return tail.durable

    def look(self, mark: Mark) -> Tail | None:
        """Walk over everything from the mark's segment on and decide what it is; None if there is nothing.

        Raises:
            LogCorrupt: as in `run`.
        """
        found = take_inventory(
            self._files, self._handles, self._folder, self._manifest.log_id, self._shard, start=mark.segment
        )
        for first, foreign in (found.strays | found.lost).items():
            raise foreign.of(first, mark.position).error()
        firsts = found.firsts
        if mark.position and firsts[:1] != [mark.segment]:
            name = os.path.basename(segment_path(self._folder, self._shard, mark.segment))
            raise Damage(name, 0, mark.offset, mark.segment, mark.position).error()
        if not firsts:
            return None
        end = Mark(firsts[0] - 1, firsts[0], TITLE, 0, self._tie_before(firsts[0]))
        for first, following in pairwise(firsts):
            end = self._walk_sealed(first, end, following - 1, mark)
        return self._walk_last(firsts[-1], end, mark)

    def _tie_before(self, first: int) -> int:
        """What the first frame of a segment or, where there is none, its title says of the last frame before it."""
        title, path = self._title_of(first), segment_path(self._folder, self._shard, first)
        header = parse_header(self._handles.read(path, HEADER, TITLE))
        return title if header is None else header.before

    def _title_of(self, first: int) -> int:
        """What the title of a segment says of the last frame before it."""
        path = segment_path(self._folder, self._shard, first)
        title = parse_title(self._handles.read(path, TITLE, 0))
        if title is None:
            raise Damage(os.path.basename(path), 0, TITLE).error()
        return title.before

    def _walk_sealed(self, first: int, end: Mark, last: int, mark: Mark) -> Mark:
        """Check that a segment is whole up to the position `last`, where the next one begins; returns where it ends."""
        source = self._source(first)
        for frame in self._chained(source, end, mark):
            if frame.header.last > last:
                break
            end = Mark.behind(first, frame.offset, frame.header)
        ends = self._title_of(last + 1)
        if end.position < last or end.tie != ends:
            raise self._damage(first, source, last, ends)
        return Mark(last, last + 1, TITLE, 0, end.tie)

    def _chained(self, source: Source, end: Mark, mark: Mark) -> Iterator[Frame]:
        """The frames of a segment in which the shard ends at `end`, as far as each follows on the one before it.

        Raises:
            LogCorrupt: the mark stands behind another frame.
        """
        for frame in frames_from(source, end.offset, shard=self._shard, position=end.position):
            if frame.header.before != end.tie:
                return
            before, end = end, Mark.behind(end.segment, frame.offset, frame.header)
            if before.position < mark.position <= end.position and self._is_another(end, mark):
                raise self._disputed(source, mark)
            yield frame

    def _is_another(self, end: Mark, mark: Mark) -> bool:
        """Whether a frame at which the mark stands is not the one that it knows."""
        return mark.start > 0 and end.segment == mark.segment and end.tie != mark.tie

    def _walk_last(self, first: int, durable: Mark, mark: Mark) -> Tail:
        source, end, acknowledged = self._source(first), durable, mark.position
        pending: list[Frame] = []
        for frame in self._chained(source, end, mark):
            if end.position >= acknowledged and appends_of(frame) is None:
                break
            if frame.header.durable >= end.position:
                durable, pending = end, []
            pending.append(frame)
            end = Mark.behind(first, frame.offset, frame.header)
            if end.position <= acknowledged:
                durable, pending = end, []
        if end.position < acknowledged:
            raise self._damage(first, source, acknowledged, mark.said if first == mark.segment else None)
        position, offset = end.position, end.offset
        self._check_tail(first, source, offset, position)
        rest = source.read(offset, source.end - offset)
        torn = b"" if is_filling(rest) else rest
        return Tail(first, pending, durable, offset, source.end, torn)

    def _check_tail(self, first: int, source: Source, offset: int, position: int) -> None:
        """Tell a tear from damage: a whole frame behind it that was written when it was durable proves damage."""
        behind = find_frame(source, offset)
        while behind is not None:
            if self._proves(behind, offset, position):
                raise self._behind(first, offset, source, position + 1, behind.header.durable)
            behind = find_frame(source, behind.offset)

    def _behind(self, segment: int, offset: int, source: Source, first: int, last: int) -> LogCorrupt:
        """The error of positions that had been stored and are not there."""
        behind = find_frame(source, offset)
        name = os.path.basename(segment_path(self._folder, self._shard, segment))
        return Damage(name, offset, behind.offset if behind else source.end, first, last).error()

    def _proves(self, frame: Frame, offset: int, position: int) -> bool:
        """Whether events between a position, which ends at `offset`, and a later frame had been stored.

        Not where so many events have no room there: then the frame has come from elsewhere.
        """
        missing = frame.header.first - 1 - position
        fit = missing <= (frame.offset - offset) // SHORTEST
        return fit and frame.header.shard == self._shard and frame.header.durable > position

    def _set_aside(self, tail: Tail) -> None:
        set_aside(self._files, self._folder, f"{self._shard}-{tail.segment:016d}.seg.{tail.end}", tail.torn)

    def _rewrite(self, tail: Tail) -> Mark:
        """Put the frames of the tail into a segment of their own, then cut them off the old one."""
        frames = _chain(tail.frames, tail.durable.tie)
        first, tie = tail.durable.position + 1, tail.durable.tie
        path = create_segment(self._files, self._folder, self._manifest, self._shard, first, tie, frames)
        self._handles.forget(path)
        if first != tail.segment:
            self._cut(tail.segment, tail.durable.offset, tail.size)
        last = parse_header(frames[-1])
        assert last is not None
        return Mark.behind(first, TITLE + sum(map(len, frames[:-1])), last)

    def _cut(self, segment: int, end: int, size: int) -> None:
        """Take away what stands after `end`: filling, and what has been moved or rewritten."""
        if size <= end:
            return
        fd = self._files.open(segment_path(self._folder, self._shard, segment), os.O_RDWR)
        try:
            self._files.truncate(fd, end)
            self._files.flush(fd)
        finally:
            self._files.close(fd)

    def _source(self, first: int) -> Source:
        path = segment_path(self._folder, self._shard, first)
        return Source(self._handles, path, self._handles.size(path))

    def _damage(self, segment: int, source: Source, last: int, ends: int | None) -> LogCorrupt:
        """The error of a segment that is not as it was, up to position `last`."""
        name = os.path.basename(segment_path(self._folder, self._shard, segment))
        found = survey(source, name, shard=self._shard, offset=TITLE, position=segment - 1, last=last, ends=ends)
        damage = next((item for item in found if isinstance(item, Damage)), None)
        return (damage or Damage(name, 0, source.end, segment, last)).error()

    def _disputed(self, source: Source, mark: Mark) -> LogCorrupt:
        """The error of a segment in which the mark does not stand behind the frame that it knows."""
        judge = Judge(self._handles, self._folder, self._manifest.log_id, self._shard)
        verdict = judge.judge([mark.segment], (), mark)[mark.segment]
        return verdict.error or self._damage(mark.segment, source, mark.position, mark.said)


def _chain(found: Sequence[Frame], tie: int) -> list[bytes]:
    """Frames that follow on `tie`."""
    frames: list[bytes] = []
    for frame in found:
        header = frame.header
        frames.append(make_frame(header.shard, header.first, header.count, header.durable, frame.body, tie))
        tie = stamp_of(frames[-1])
    return frames


def set_aside(files: Files, folder: str, name: str, data: bytes) -> None:
    """Keep bytes that have no place in the log, durably."""
    replace_file(files, aside_path(files, folder, name), data)


def move_aside(files: Files, folder: str, path: str) -> str:
    """Move something that has no place in the log, whatever it is; returns where it is now."""
    kept = aside_path(files, folder, os.path.basename(path))
    files.rename(path, kept)
    files.flush_dir(os.path.dirname(kept))
    files.flush_dir(folder)
    return kept


def aside_path(files: Files, folder: str, name: str) -> str:
    """A free path like `name` in the folder for what has no place in the log, which is made when it is missing."""
    aside = f"{folder}/{ASIDE}"
    _make_folder(files, folder, aside)
    path, number = f"{aside}/{name}", 1
    while files.exists(path):
        path, number = f"{aside}/{name}.{number}", number + 1
    return path


def _make_folder(files: Files, folder: str, aside: str) -> None:
    if files.exists(aside):
        try:
            files.names(aside)
            return
        except (NotADirectoryError, FileNotFoundError):  # somebody's file; it is not ours to remove
            files.rename(aside, f"{aside}.moved")
    files.mkdir(aside)
    files.flush_dir(folder)
