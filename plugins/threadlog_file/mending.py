"""Making a damaged shard whole again (``threadlog repair``).

Positions and seqs have no gaps, so what is lost must leave something in its place: an event of the type ``log.lost``
for each position. Where later events of its thread tell which seq is missing, it gets that thread and seq; lost events
that nothing tells of (the last ones of their threads) get a thread of their own. The damaged segment is moved aside as
it is.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, groupby, pairwise

import msgspec
from msgspec import Struct

from threadlog.log import Event, Finding, shard_of, uuid7s
from threadlog_file.chain import NOT_SEALED, survey
from threadlog_file.damage import Damage
from threadlog_file.files import Files, replace_file
from threadlog_file.frames import make_frame, parse_header, stamp_of
from threadlog_file.handles import Handles
from threadlog_file.indexfile import sealed_frames
from threadlog_file.inventory import take_inventory
from threadlog_file.lines import encode_lines, line_of
from threadlog_file.manifest import Manifest
from threadlog_file.recovery import aside_path, move_aside
from threadlog_file.scanning import Frame, Source, StoredAppend, appends_of, is_readable
from threadlog_file.segments import TITLE, index_path, make_title, parse_title, segment_path, segments_in
from threadlog_file.verdicts import UNJUDGED, Judge, Verdict
from threadlog_file.watermark import Mark, slots_of

LOST_TYPE = "log.lost"
LOST_TENANT = "threadlog-lost"


class Gap(Struct):
    """A stretch of lost positions, and what is known of the events that were there."""

    damage: Damage
    known: list[tuple[str, str, int]]
    """Tenant, thread and seq of lost events."""

    @property
    def room(self) -> int:
        """How many of its events are not known yet."""
        return self.damage.last - self.damage.first + 1 - len(self.known)


class Mender:
    """Mends one shard up to a mark."""

    def __init__(self, files: Files, handles: Handles, folder: str, manifest: Manifest, shard: int, mark: Mark) -> None:
        self._files = files
        self._handles = handles
        self._folder = folder
        self._manifest = manifest
        self._shard = shard
        self._mark = mark
        self._gaps: list[Gap] = []
        self._end: Frame | None = None
        """The last whole frame."""
        self._verdicts: Mapping[int, Verdict] = {}
        self._ties: dict[int, int] = {}
        """What follows on each segment has to say of its last frame."""
        self._foreign: Mapping[int, Damage] = {}
        """Segments in which nothing of this shard stands."""
        self._told: dict[int, Mapping[int, int]] = {}
        """What is known of each segment's frames from when it was sealed."""
        self._misfits: set[tuple[int, int]] = set()
        """Segment and first position of frames whose events do not follow on those before."""
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}
        """Last seq of each thread so far, and how many gaps there were by then."""
        self._lost = (self._lost_tenant(), f"lost-{uuid.uuid4().hex}")
        self._lost_seq = 0

    def run(self) -> tuple[Mark, list[Finding]]:
        """Mend what is damaged; returns where the shard ends now, and what was done."""
        found = take_inventory(
            self._files, self._handles, self._folder, self._manifest.log_id, self._shard, end=self._mark.segment
        )
        firsts, self._foreign = found.firsts, found.lost
        strays = [self._put_away(first) for first in found.strays]
        if self._mark.position and firsts[:1] != [1]:
            firsts.insert(0, 1)
        judge = Judge(self._handles, self._folder, self._manifest.log_id, self._shard)
        self._verdicts = judge.judge(firsts, self._foreign, self._mark)
        lasts = [following - 1 for following in firsts[1:]] + [self._mark.position]
        broken = [(first, last) for first, last in zip(firsts, lasts, strict=True) if self._survey(first, last)]
        if broken:
            # A crash may come between: a mended segment must not meet the index of what it was.
            for first in firsts:
                self._remove(index_path(self._path(first)))
        findings = [finding for first, last in broken for finding in self._mend(first, last, last == lasts[-1])]
        if not broken and self._end is not None:
            self._mark = Mark.behind(self._mark.segment, self._end.offset, self._end.header)
        return self._mark, strays + self._disputed() + findings

    def _disputed(self) -> list[Finding]:
        """Tell where the mark knows another last frame than the segment holds: then the mark is written anew."""
        if not any(verdict.disputed for verdict in self._verdicts.values()):
            return []
        message = "the mark knew another last frame than the segment holds; the events are kept, the mark is made anew"
        return [Finding(level="warning", place=slots_of(self._shard), message=message)]

    def drop_beyond(self) -> list[Finding]:
        """Move away the segments that begin beyond the mark; tells of each."""
        names = self._files.names(self._folder)
        return [self._put_away(first) for first in segments_in(names, self._shard) if first > self._mark.segment]

    def _sealed(self, first: int, last: int) -> Mapping[int, int]:
        """What is known of a segment's frames from when it was sealed."""
        told = self._told.get(first)
        if told is None:
            index = index_path(self._path(first))
            if not self._verdict(first).indexed:
                return NOT_SEALED
            told = self._told[first] = sealed_frames(self._handles, index, self._manifest.log_id, first, last)
        return told

    def _put_away(self, first: int) -> Finding:
        """Move away a file that is only called like a segment."""
        path = self._path(first)
        kept = move_aside(self._files, self._folder, path)
        self._handles.forget(path)
        name = path.rpartition("/")[2]
        return Finding(level="warning", place=name, message=f"no segment of this log: moved to {kept}")

    def _survey(self, first: int, last: int) -> bool:
        """Learn from a segment what threads hold, and whether it must be mended."""
        gaps = len(self._gaps)
        for item in self._items(first, last):
            appends = None if isinstance(item, Damage) else appends_of(item)
            if isinstance(item, Frame) and (appends is None or not self._follow(appends) or not is_readable(item)):
                self._misfits.add((first, item.header.first))
                item = item.damage(segment_path("", self._shard, first)[1:])
            if isinstance(item, Damage):
                self._gaps.append(Gap(item, []))
            else:
                self._end = item
                self._ties[first] = item.header.tie
                for append in appends or ():
                    self._learn(append)
        return len(self._gaps) > gaps or self._title_is_damaged(first)

    def _follow(self, appends: Sequence[StoredAppend]) -> bool:
        """Whether appends follow on those of their threads, or on some that are lost."""
        known: dict[tuple[str, str], int] = {}
        for append in appends:
            key = (append.tenant, append.thread)
            seq, gaps = self._seen.get(key, (0, 0))
            missing = append.seq - known.get(key, seq) - 1
            if missing < 0 or missing > sum(gap.room for gap in self._gaps[gaps:]):
                return False
            known[key] = append.seq + append.count - 1
        return True

    def _learn(self, append: StoredAppend) -> None:
        """Take note of an append, and of the seqs of its thread that are missing before it."""
        key = (append.tenant, append.thread)
        seq, gaps = self._seen.get(key, (0, 0))
        for missing in range(seq + 1, append.seq):
            gap = next((gap for gap in self._gaps[gaps:] if gap.room), None)
            if gap is not None:
                gap.known.append((*key, missing))
        self._seen[key] = (append.seq + append.count - 1, len(self._gaps))

    def _items(self, first: int, last: int) -> Iterator[Frame | Damage]:
        path = self._path(first)
        name = path.rpartition("/")[2]
        refused = self._foreign.get(first) or self._refused(first)
        if not self._files.exists(path) or refused:
            yield (refused or Damage(name, 0, 0)).of(first, last)
            return
        # Where bytes have come in, the last frames lie behind the mark's offset: their positions tell what they are.
        source = Source(self._handles, path, self._handles.size(path))
        found = survey(
            source,
            name,
            shard=self._shard,
            offset=0 if self._title_is_damaged(first) else TITLE,
            position=first - 1,
            last=last,
            sealed=self._sealed(first, last),
            ends=self._ends(first),
        )
        for item in found:
            misfit = isinstance(item, Frame) and (first, item.header.first) in self._misfits
            yield item.damage(name) if isinstance(item, Frame) and misfit else item

    def _mend(self, first: int, last: int, is_last: bool) -> list[Finding]:
        """Write a segment anew, with events in place of those that are lost."""
        path = self._path(first)
        parts, findings, end, tie = [self._title(first)], [], 0, self._tie_before(first)
        for item, following in pairwise(chain[Frame | Damage | None](self._items(first, last), (None,))):
            if isinstance(item, Frame):
                end = item.end
                parts.append(self._handles.read(path, item.header.size, item.offset))
            elif item is not None:
                gap = next(gap for gap in self._gaps if gap.damage == item)
                parts += self._fill(gap, tie, self._known_as(first, following))
                findings.append(_told(item))
            header = parse_header(parts[-1])
            tie = self._ties[first] = header.tie if header is not None else tie
        if is_last:
            # What stands beyond the mark is left for recovery to judge.
            tail, header, offset = self._tail(path, first, end), parse_header(parts[-1]), sum(map(len, parts[:-1]))
            self._mark = Mark(last, first, offset) if header is None else Mark.behind(first, offset, header)
            parts.append(tail)
        kept = self._set_aside(path)
        replace_file(self._files, path, b"".join(parts))
        self._handles.forget(path)
        if kept:
            findings.append(Finding(level="info", place=path.rpartition("/")[2], message=f"kept as it was in {kept}"))
        return findings

    def _known_as(self, first: int, following: Frame | Damage | None) -> int | None:
        """What is said of a lost frame by what follows it; None where that will be written anew."""
        if following is None:
            return self._ends(first)
        return following.header.before if isinstance(following, Frame) else None

    def _fill(self, gap: Gap, tie: int, known_as: int | None) -> Iterator[bytes]:
        """Frames with an event for each lost position, which follow on `tie`."""
        lost = sorted(gap.known) + [self._unknown() for _ in range(gap.room)]
        position, now = gap.damage.first, time.time_ns() // 1000
        data = msgspec.json.encode({"type": LOST_TYPE, "place": gap.damage.place})
        for (tenant, thread), keys in groupby(lost, lambda key: key[:2]):
            seqs = [seq for _, _, seq in keys]
            link = known_as if position + len(seqs) > gap.damage.last else None
            append_id = f"lost-{position}-{uuid.uuid4().hex}"
            events = [
                Event(
                    tenant=tenant,
                    thread_id=thread,
                    seq=seq,
                    shard=self._shard,
                    position=at,
                    id=event_id,
                    append_id=append_id,
                    type=LOST_TYPE,
                    version=1,
                    time_us=now,
                    data=data,
                )
                for at, (seq, event_id) in enumerate(zip(seqs, uuid7s(now, len(seqs)), strict=True), position)
            ]
            body = encode_lines([line_of(event) for event in events])
            frame = make_frame(self._shard, position, len(events), position - 1, body, tie, link)
            yield frame
            position, tie = position + len(events), stamp_of(frame)

    def _unknown(self) -> tuple[str, str, int]:
        self._lost_seq += 1
        return (*self._lost, self._lost_seq)

    def _lost_tenant(self) -> str:
        """A tenant's name that lives in this shard."""
        name, number = LOST_TENANT, 0
        while shard_of(name, self._manifest.shards) != self._shard:
            number += 1
            name = f"{LOST_TENANT}-{number}"
        return name

    def _title_is_damaged(self, first: int) -> bool:
        if first in self._foreign or self._refused(first) or not self._verdict(first).titled:
            return True
        path = self._path(first)
        title = parse_title(self._handles.read(path, TITLE, 0))
        return title is None or (title.log_id, title.shard, title.first) != (self._manifest.log_id, self._shard, first)

    def _title(self, first: int) -> bytes:
        """The title as it is, or a new one where it is damaged."""
        path = self._path(first)
        if self._files.exists(path) and not self._title_is_damaged(first):
            return self._handles.read(path, TITLE, 0)
        return make_title(self._manifest, self._shard, first, self._tie_before(first))

    def _tie_before(self, first: int) -> int:
        """What a segment has to say of the last frame of the one before it."""
        before = max((other for other in self._ties if other < first), default=0)
        return self._ties.get(before, 0)

    def _verdict(self, first: int) -> Verdict:
        return self._verdicts.get(first, UNJUDGED)

    def _refused(self, first: int) -> Damage | None:
        """The whole segment, if it is certain that it was exchanged."""
        verdict = self._verdict(first)
        return None if verdict.disputed else verdict.refused

    def _ends(self, first: int) -> int | None:
        """What follows a segment says of its last frame, if that is to be believed."""
        verdict = self._verdict(first)
        return None if verdict.disputed else verdict.ends

    def _tail(self, path: str, first: int, end: int) -> bytes:
        """What stands beyond the mark and the last frame, which ends at `end`."""
        if first != self._mark.segment or first in self._foreign or not self._files.exists(path):
            return b""
        start = min(max(end, self._mark.offset), self._handles.size(path))
        return self._handles.read(path, max(0, self._handles.size(path) - start), start)

    def _set_aside(self, path: str) -> str | None:
        """Give the damaged file a second name that stays."""
        if not self._files.exists(path):
            return None
        if path.rpartition("/")[2] in {foreign.segment for foreign in self._foreign.values()}:
            return move_aside(self._files, self._folder, path)  # it may be a pipe or a folder, which has one name
        kept = aside_path(self._files, self._folder, path.rpartition("/")[2])
        self._files.link(path, kept)
        self._files.flush_dir(kept.rpartition("/")[0])
        return kept

    def _remove(self, path: str) -> None:
        if self._files.exists(path):
            self._handles.forget(path)
            self._files.unlink(path)

    def _path(self, first: int) -> str:
        return segment_path(self._folder, self._shard, first)


def _told(damage: Damage) -> Finding:
    count = damage.last - damage.first + 1
    if not count:
        return Finding(level="warning", place=damage.place, message="no event was lost there")
    return Finding(
        level="warning",
        place=damage.place,
        message=f"{count} lost event{'s' if count > 1 else ''}{damage.positions}: {LOST_TYPE} stands in place of each",
    )
