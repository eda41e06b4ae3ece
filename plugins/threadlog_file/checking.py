"""Reading everything in a log and checking it (``threadlog verify``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import msgspec

from threadlog.log import Event, Finding, shard_of
from threadlog_file.chain import NOT_SEALED, survey
from threadlog_file.damage import Damage
from threadlog_file.files import Files
from threadlog_file.frames import is_filling
from threadlog_file.handles import Handles
from threadlog_file.indexfile import IndexDamaged, SealedIndex, sealed_frames
from threadlog_file.inventory import take_inventory
from threadlog_file.lines import UNREADABLE, event_of, split_lines
from threadlog_file.manifest import Manifest
from threadlog_file.scanning import Frame, Source
from threadlog_file.segments import TITLE, index_path, parse_title, segment_path
from threadlog_file.verdicts import Judge, Verdict
from threadlog_file.watermark import Mark, slots_of

Step = Callable[[int], None]
"""Told how many bytes more have been read."""

_any_json = msgspec.json.Decoder(msgspec.Raw)


class Checker:
    """Checks one shard up to a mark, and counts its events."""

    def __init__(
        self, files: Files, handles: Handles, folder: str, manifest: Manifest, shard: int, mark: Mark, step: Step
    ) -> None:
        self.events = 0
        self._files = files
        self._handles = handles
        self._folder = folder
        self._manifest = manifest
        self._shard = shard
        self._mark = mark
        self._step = step
        self._seqs: dict[str, dict[str, int]] = {}
        self._damaged = False

    def run(self) -> Iterator[Finding]:
        """Everything that is found, in the order of the log."""
        found = take_inventory(
            self._files, self._handles, self._folder, self._manifest.log_id, self._shard, end=self._mark.segment
        )
        firsts = found.firsts
        for stray in found.strays.values():
            yield Finding(level="error", place=stray.place, message="no segment of this log")
        if self._mark.position and firsts[:1] != [1]:
            yield _missing(self._shard, 1, (firsts or [self._mark.position + 1])[0] - 1)
        judge = Judge(self._handles, self._folder, self._manifest.log_id, self._shard)
        verdicts = judge.judge(firsts, found.lost, self._mark)
        for first, following in pairwise([*firsts, self._mark.position + 1]):
            if first in found.lost:
                self._damaged = True
                lost = found.lost[first].of(first, following - 1)
                yield Finding(level="error", place=lost.place, message=f"damaged or missing as a whole{lost.positions}")
            elif verdicts[first].refused is not None:
                yield from self._refused(verdicts[first])
            else:
                yield from self._segment(first, following - 1, verdicts[first])

    def _refused(self, verdict: Verdict) -> Iterator[Finding]:
        """Tell of a segment that is not the one from which the log went on."""
        assert verdict.refused is not None
        self._damaged = True
        place, positions = verdict.refused.place, verdict.refused.positions
        if not verdict.disputed:
            yield Finding(level="error", place=place, message=f"whole, but {verdict.refused.how}{positions}")
            return
        message = "the mark knows another last frame than the segment holds: one of both has been exchanged"
        yield Finding(level="error", place=place, message=f"{message}{positions}")
        yield Finding(level="error", place=slots_of(self._shard), message=message)

    def _segment(self, first: int, last: int, verdict: Verdict) -> Iterator[Finding]:
        path = segment_path(self._folder, self._shard, first)
        name = path.rpartition("/")[2]
        size = self._handles.size(path)
        end = self._mark.offset if first == self._mark.segment else size
        source = Source(self._handles, path, min(end, size))
        yield from self._title(source, name, first, verdict)
        offset, sealed = TITLE, NOT_SEALED
        if verdict.indexed:
            sealed = sealed_frames(self._handles, index_path(path), self._manifest.log_id, first, last)
        found = survey(
            source,
            name,
            shard=self._shard,
            offset=TITLE,
            position=first - 1,
            last=last,
            sealed=sealed,
            ends=verdict.ends,
        )
        for item in found:
            if isinstance(item, Damage):
                self._damaged = True
                yield Finding(level="error", place=item.place, message=f"{item.how}{item.positions}")
            else:
                yield from self._frame(item, name)
            self._step(item.end - offset)
            offset = item.end
        rest = self._handles.read(path, size - offset, offset) if size > offset else b""
        if not is_filling(rest):
            yield Finding(
                level="info",
                place=f"{name} bytes {offset}-{size - 1}",
                message="not part of the log (yet): the next opening for writing takes it in or sets it aside",
            )
        if first != self._mark.segment:
            yield from self._index(path, name, first, last, offset, verdict)

    def _title(self, source: Source, name: str, first: int, verdict: Verdict) -> Iterator[Finding]:
        title = parse_title(source.read(0, TITLE))
        if title is None:
            yield Finding(level="error", place=f"{name} bytes 0-{TITLE - 1}", message="the title is damaged")
        elif (title.log_id, title.shard, title.first) != (self._manifest.log_id, self._shard, first):
            yield Finding(
                level="error", place=f"{name} bytes 0-{TITLE - 1}", message="a segment of another log or place"
            )
        elif not verdict.titled:
            message = "it follows on another frame than the one before it"
            yield Finding(level="error", place=f"{name} bytes 0-{TITLE - 1}", message=message)

    def _frame(self, frame: Frame, name: str) -> Iterator[Finding]:
        place = f"{name} bytes {frame.offset}-{frame.end - 1}"
        lines = split_lines(frame.body)
        if len(lines) != frame.header.count:
            yield Finding(
                level="error", place=place, message=f"{len(lines)} events where {frame.header.count} are told"
            )
        try:
            events = [event_of(line, self._shard) for line in lines]
            for event in events:
                _any_json.decode(event.data)
        except UNREADABLE as error:
            yield Finding(level="error", place=place, message=f"an event cannot be read: {error}")
            return
        self.events += len(events)
        for position, event in enumerate(events, frame.header.first):
            yield from (Finding(level="error", place=place, message=wrong) for wrong in self._event(event, position))

    def _event(self, event: Event, position: int) -> Iterable[str]:
        threads = self._seqs.setdefault(event.tenant, {})
        expected = threads.get(event.thread_id, 0) + 1
        threads[event.thread_id] = event.seq
        if event.position != position:
            yield f"position {event.position} stands where {position} belongs"
        if event.seq != expected and not self._damaged:
            yield f"seq {event.seq} of thread {event.thread_id} follows on {expected - 1}"
        if self._manifest.shards > 1 and shard_of(event.tenant, self._manifest.shards) != self._shard:
            yield f"tenant {event.tenant} does not live in shard {self._shard}"

    def _index(self, path: str, name: str, first: int, last: int, end: int, verdict: Verdict) -> Iterator[Finding]:
        place = index_path(name)
        try:
            index = SealedIndex(self._handles, index_path(path))
            index.verify()
        except FileNotFoundError:
            yield Finding(level="info", place=place, message="no index yet; the next opening for writing makes it")
            return
        except (OSError, IndexDamaged):
            yield Finding(level="warning", place=place, message="the index is damaged; it is made anew when needed")
            return
        header = index.header
        told = (header.log_id, header.first, header.last, header.bytes)
        if told != (self._manifest.log_id, first, last, end) or not verdict.indexed:
            yield Finding(level="warning", place=place, message="the index belongs to another segment; it is not used")


def _missing(shard: int, first: int, last: int) -> Finding:
    name = segment_path("", shard, first).rpartition("/")[2]
    return Finding(level="error", place=name, message=f"missing, positions {first}-{last}")
