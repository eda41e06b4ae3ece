"""Which segments of a shard are those from which it went on, by what stands in the next ones and in the mark."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from msgspec import Struct

from threadlog.log import LogCorrupt
from threadlog_file.chain import EXCHANGED, exchanged
from threadlog_file.damage import Damage
from threadlog_file.frames import HEADER, FrameHeader, parse_header
from threadlog_file.handles import Handles
from threadlog_file.indexfile import IndexDamaged, load_header
from threadlog_file.scanning import Source
from threadlog_file.segments import TITLE, index_path, parse_title, segment_path
from threadlog_file.watermark import NAME, Mark

_ANOTHER = -1
"""In place of a check: there is another frame than the one asked for."""


class Verdict(Struct, frozen=True):
    """What is to be thought of a segment."""

    ends: int | None = None
    """What is said of its last frame by what follows; None where nothing tells."""
    refused: Damage | None = None
    """The whole of it, if it was exchanged together with its index."""
    disputed: bool = False
    """Whether it is refused because of the mark alone, which may as well be the one that was exchanged."""
    titled: bool = True
    """Whether its title may be believed."""
    indexed: bool = True
    """Whether its index may be believed, if it is whole."""

    sound: bool = False
    """Whether it ends with the frame with which its index says that it was sealed, and is followed by what knows it."""

    @property
    def error(self) -> LogCorrupt | None:
        """The error of refusing it."""
        if self.refused is None or not self.disputed:
            return None if self.refused is None else self.refused.error()
        return LogCorrupt(
            f"{NAME} knows another last frame than {self.refused.segment} holds ({self.refused.place}"
            f"{self.refused.positions}): one of both has been exchanged. Put the true one back from a backup, or run "
            "`threadlog repair`, which keeps the events and makes the mark anew.",
            self.refused.place,
        )


UNJUDGED = Verdict()
"""Nothing is known of it."""


class _Segment(Struct):
    """What is found of a segment."""

    first: int
    last: int
    name: str
    size: int = 0
    before: int | None = None
    """What its title says of the last frame of the segment before."""
    starts: int | None = None
    """What its first frame says of that."""
    tie: int | None = None
    """What its last frame is to be known by."""
    is_doubtful: bool = True
    """Whether all before that one may be exchanged as well, if it is: they fit each other, and not what follows."""
    sealed: int | None = None
    """The stamp of its last frame by its index."""
    is_sealed: bool = False
    """Whether it ends as its index says."""


class Judge:
    """Judges the segments of one shard."""

    def __init__(self, handles: Handles, folder: str, log_id: str, shard: int) -> None:
        self._handles = handles
        self._folder = folder
        self._log_id = log_id
        self._shard = shard

    def judge(self, firsts: Sequence[int], lost: Collection[int], mark: Mark) -> dict[int, Verdict]:
        """A verdict on each segment by its first position; `lost` are those that are no segments of this shard."""
        found = [
            self._look(first, following - 1, mark) if first not in lost else _Segment(first, following - 1, "")
            for first, following in pairwise([*firsts, mark.position + 1])
        ]
        said = [_said(one, other) for one, other in pairwise(found)] + [mark.said] * bool(found)
        vouched = [
            None if segment.tie is None or told is None else segment.tie == told
            for segment, told in zip(found, said, strict=True)
        ]
        wrong = exchanged(vouched)
        verdicts = {}
        for at, segment in enumerate(found):
            misled = at + 1 in wrong and (at in wrong or vouched[at] is False)
            ends = None if misled else said[at]
            titled = not at or segment.before in (None, said[at - 1])
            titled = titled and not (at in wrong and at > 0 and vouched[at - 1] is False)
            by_mark = at == len(found) - 1 and titled
            verdicts[segment.first] = self._verdict(segment, ends, at in wrong, titled, mark if by_mark else None)
        return verdicts

    def _verdict(self, found: _Segment, ends: int | None, wrong: bool, titled: bool, mark: Mark | None) -> Verdict:
        indexed = found.is_sealed or found.sealed is None or ends is None or found.sealed == ends or found.tie != ends
        if not wrong or (found.sealed is not None and found.sealed == ends):
            return Verdict(ends, titled=titled, indexed=indexed, sound=found.is_sealed and titled and not wrong)
        if not found.is_doubtful:
            return Verdict(ends, titled=titled, indexed=False)  # then the frames tell which of them it is
        damage = Damage(found.name, 0, found.size, found.first, found.last, EXCHANGED)
        return Verdict(ends, damage, disputed=mark is not None, titled=titled, indexed=False)

    def _look(self, first: int, last: int, mark: Mark) -> _Segment:
        path = segment_path(self._folder, self._shard, first)
        found = _Segment(first, last, path.rpartition("/")[2])
        try:
            found.size = self._handles.size(path)
            title = parse_title(self._handles.read(path, TITLE, 0))
        except OSError:
            return found
        found.before = None if title is None else title.before
        header = self._header(path, TITLE)
        found.starts = header.before if header is not None and header.first == first else None
        if first == mark.segment:
            self._look_at_mark(found, path, mark)
        else:
            self._look_at_end(found, path)
        return found

    def _look_at_mark(self, found: _Segment, path: str, mark: Mark) -> None:
        """Find the frame at which the mark stands, and the one before if it is not that which the mark knows."""
        if not mark.start:
            return
        header = self._header(path, mark.start)
        if header is not None and (header.last, header.tie) == (mark.position, mark.tie):
            found.tie = header.tie
            return
        headers = self._headers(path, found)
        if headers and headers[-1].last >= mark.position:
            found.tie = headers[-1].tie if headers[-1].last == mark.position else _ANOTHER
            is_known = mark.before == (headers[-2].tie if len(headers) > 1 else found.before)
            found.is_doubtful = _is_chained(headers) and not is_known

    def _look_at_end(self, found: _Segment, path: str) -> None:
        """Find the last frame of a sealed segment: where its index says that it is, or else by going through all."""
        try:
            index = load_header(self._handles, index_path(path))
        except (OSError, IndexDamaged):
            index = None
        if index is not None and (index.log_id, index.first, index.last) == (self._log_id, found.first, found.last):
            offset, found.sealed = index.final
            header = self._header(path, offset)
            end = None if header is None else (header.last, header.stamp, offset + header.size)
            if header is not None and end == (found.last, found.sealed, index.bytes):
                found.tie, found.is_sealed = header.tie, True
                return
        headers = self._headers(path, found)
        if headers and headers[-1].last == found.last:
            found.tie, found.is_doubtful = headers[-1].tie, _is_chained(headers)

    def _headers(self, path: str, found: _Segment) -> list[FrameHeader]:
        """The headers of the frames, up to the last one or to what is none."""
        source, offset, position = Source(self._handles, path, found.size), TITLE, found.first - 1
        headers: list[FrameHeader] = []
        while position < found.last:
            header = parse_header(source.read(offset, HEADER), found.name)
            if header is None or (header.first, header.shard) != (position + 1, self._shard):
                break
            headers.append(header)
            offset, position = offset + header.size, header.last
        return headers

    def _header(self, path: str, offset: int) -> FrameHeader | None:
        header = parse_header(self._handles.read(path, HEADER, offset), path.rpartition("/")[2])
        return header if header is not None and header.shard == self._shard else None


def _said(segment: _Segment, following: _Segment) -> int | None:
    """What a segment says of the last frame of the one before it: its title or, where they differ, its first frame.

    Where one of both is right, the other has been exchanged; where neither is, the title is as good.
    """
    if following.before is None or (following.starts is not None and following.starts == segment.tie):
        return following.starts
    return following.before


def _is_chained(headers: Sequence[FrameHeader]) -> bool:
    return all(one.tie == other.before for one, other in pairwise(headers))
