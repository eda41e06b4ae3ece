"""One shard in memory: its segments, its threads, and where everything lies. No writing here."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise

from threadlog_file.chain import EXCHANGED, NOT_SEALED, survey
from threadlog_file.damage import Damage
from threadlog_file.files import Files
from threadlog_file.frames import HEADER
from threadlog_file.handles import Handles
from threadlog_file.heads import HeadTable
from threadlog_file.index import Chunk, OpenIndex
from threadlog_file.indexfile import IndexDamaged, SealedIndex, sealed_frames
from threadlog_file.inventory import take_inventory
from threadlog_file.scanning import Frame, Source, StoredAppend, appends_of
from threadlog_file.segments import TITLE, Segment, index_path, parse_title, segment_path, segments_in
from threadlog_file.threads import Threads
from threadlog_file.verdicts import UNJUDGED, Judge, Verdict
from threadlog_file.watermark import Mark


class Shard:
    """What is known of one shard, up to a mark.

    Args:
        lenient: pass over damaged frames (noting them in `damage`) instead of raising `LogCorrupt`.
        on_scanned: called during loading when the last segment so far is complete and had no index.
    """

    def __init__(
        self,
        files: Files,
        handles: Handles,
        folder: str,
        log_id: str,
        number: int,
        *,
        lenient: bool,
        on_scanned: Callable[[Shard], None] = lambda shard: None,
    ) -> None:
        self.files = files
        self.handles = handles
        self.folder = folder
        self.log_id = log_id
        self.number = number
        self.lenient = lenient
        self.on_scanned = on_scanned
        self.distrusted: set[str] = set()
        """Index files that have been found damaged after they were loaded; not used again while the log is open."""
        self._reset()

    def _reset(self) -> None:
        self.threads = Threads()
        self.segments: list[Segment] = []
        self.heads = HeadTable(self.threads, self.segments)
        self.mark = Mark()
        self.damage: list[Damage] = []

    @property
    def last(self) -> int:
        """Last position."""
        return self.mark.position

    @property
    def index(self) -> OpenIndex:
        """The index of the last segment, which is still growing."""
        index = self.segments[-1].index
        assert isinstance(index, OpenIndex)
        return index

    def load(self, mark: Mark) -> None:
        """Read what there is up to `mark`, from index files where they are whole.

        Raises:
            LogCorrupt: something up to the mark is damaged or missing, and the shard is not `lenient`.
        """
        while True:
            try:
                return self._load(mark)
            except IndexDamaged as error:  # in a part of it that only a later segment asked for
                self.distrusted.add(error.path)

    def _load(self, mark: Mark) -> None:
        self._reset()
        found = take_inventory(self.files, self.handles, self.folder, self.log_id, self.number, end=mark.segment)
        firsts = found.firsts
        for stray in found.strays.values():
            self._note_damage(stray)
        if mark.position and (not firsts or firsts[0] != 1):
            self._note_damage(self._missing(1, (firsts or [mark.position + 1])[0] - 1))
        if (firsts and firsts[-1] != mark.segment) or (mark.position and not firsts):
            self._note_damage(self._missing(mark.segment, mark.position))
        verdicts = Judge(self.handles, self.folder, self.log_id, self.number).judge(firsts, found.lost, mark)
        for first, following in pairwise([*firsts, mark.position + 1]):
            lost = found.lost.get(first) or verdicts[first].refused
            if lost is not None:
                self._pass_over(self.begin(first), lost.of(first, following - 1))
            elif following <= mark.position:
                self._load_sealed(first, following - 1, verdicts[first])
            else:
                end = mark.offset if first == mark.segment else None
                self._scan(self.begin(first), mark.position, end, verdicts[first])
        self.mark = mark
        self.heads.build()

    def begin(self, first: int) -> Segment:
        """Take up a segment that begins with position `first`, as the last one."""
        segment = Segment(self.folder, self.number, first, len(self.segments), OpenIndex(self.threads))
        self.segments.append(segment)
        return segment

    def advance(self, mark: Mark) -> None:
        """Take in what another process wrote up to `mark`.

        Raises:
            LogCorrupt: it is damaged, and the shard is not `lenient`.
        """
        if mark.position <= self.mark.position:
            return
        if not self.segments or self.segments[-1].first != mark.segment:
            self._begin_following(mark.segment)
        self._scan(self.segments[-1], mark.position, mark.offset, Verdict(mark.said))
        self.mark = mark

    def distrust(self, index: str) -> None:
        """Load everything again without an index file that has turned out to be damaged."""
        self.distrusted.add(index)
        fresh = Shard(
            self.files,
            self.handles,
            self.folder,
            self.log_id,
            self.number,
            lenient=self.lenient,
            on_scanned=self.on_scanned,
        )
        fresh.distrusted = self.distrusted
        fresh.load(self.mark)
        self.threads, self.segments, self.heads, self.damage = fresh.threads, fresh.segments, fresh.heads, fresh.damage

    def note_frame(
        self, first: int, count: int, offset: int, size: int, stamp: int, appends: Iterable[StoredAppend]
    ) -> None:
        """Take a frame of the last segment into the index: `count` events from position `first` on."""
        segment = self.segments[-1]
        index = self.index
        index.add_frame(first - segment.first, offset, stamp)
        for append in appends:
            self._note(segment, index, append, offset + HEADER)
        segment.last, segment.end = first + count - 1, offset + size

    def _note(self, segment: Segment, index: OpenIndex, append: StoredAppend, base: int) -> None:
        threads = self.threads
        row = append.row
        if row is None:
            row = threads.find(append.tenant, append.thread)
        if row is None:
            row = threads.add(append.tenant, append.thread, append.time_us)
            index.names.append((append.tenant, append.thread))
        chunk = index.chunks.get(row)
        if chunk is None:
            chunk = index.chunks[row] = Chunk(append.seq, threads.newest[row], array("I"))
            threads.newest[row] = segment.ordinal + 1
        chunk.entries.extend((append.seq - chunk.base, base + append.offset, append.length, append.id_crc, append.crc))
        threads.last_seq[row] = append.seq + append.count - 1
        if append.heads:
            self.heads.change(row, append.thread, append.heads)

    def _missing(self, first: int, last: int) -> Damage:
        return Damage(os.path.basename(segment_path(self.folder, self.number, first)), 0, 0, first, last)

    def _load_sealed(self, first: int, last: int, verdict: Verdict) -> None:
        segment = self.begin(first)
        try:
            if self.damage or not verdict.sound or index_path(segment.path) in self.distrusted:
                raise IndexDamaged(segment.path)
            sealed = SealedIndex(self.handles, index_path(segment.path))
            if (sealed.header.log_id, sealed.header.first, sealed.header.last) != (self.log_id, first, last):
                raise IndexDamaged(segment.path)
            sealed.load_into(self.threads, segment.ordinal)
            self.heads.forget()
        except (OSError, IndexDamaged):
            self._scan(segment, last, None, verdict)
            self.on_scanned(self)
            return
        segment.index, segment.last, segment.end = sealed, last, sealed.header.bytes

    def _begin_following(self, newest: int) -> None:
        """Take up the segments that another process has begun, up to the one that begins with position `newest`."""
        known = self.segments[-1].first if self.segments else 0
        for first in segments_in(self.files.names(self.folder), self.number):
            if known < first <= newest:
                if self.segments:
                    self._scan(self.segments[-1], first - 1, None)
                self.begin(first)
        self._adopt_indexes()

    def _adopt_indexes(self) -> None:
        """Use the index files that the writer has written by now, and free the memory."""
        for segment in self.segments[:-1]:
            if isinstance(segment.index, OpenIndex) and index_path(segment.path) not in self.distrusted:
                with suppress(FileNotFoundError, IndexDamaged):
                    sealed = SealedIndex(self.handles, index_path(segment.path))
                    if (sealed.header.first, sealed.header.last) == (segment.first, segment.last):
                        segment.index = sealed

    def _scan(self, segment: Segment, last: int, end: int | None, verdict: Verdict = UNJUDGED) -> None:
        """Take frames of `segment` into the index, from what is known of it up to position `last` and byte `end`."""
        source = self._source(segment, end, verdict)
        index, sealed = index_path(segment.path), NOT_SEALED
        if end is None and verdict.indexed:
            sealed = sealed_frames(self.handles, index, self.log_id, segment.first, last)
        found = survey(
            source,
            segment.name,
            shard=self.number,
            offset=segment.end,
            position=segment.last,
            last=last,
            sealed=sealed,
            ends=verdict.ends,
        )
        for item in found:
            if isinstance(item, Damage):
                self._pass_over(segment, item)
            elif not self._take(segment, item):
                self._pass_over(segment, item.damage(segment.name))

    def _source(self, segment: Segment, end: int | None, verdict: Verdict) -> Source:
        if segment.end == TITLE:
            # Recovery may have put another file in its place, which it does only where nobody has read yet.
            self.handles.forget(segment.path)
        size = self.handles.size(segment.path)
        source = Source(self.handles, segment.path, size if end is None else min(size, end))
        title = parse_title(source.read(0, TITLE))
        if title is None or (title.log_id, title.shard, title.first) != (self.log_id, self.number, segment.first):
            self._note_damage(Damage(segment.name, 0, TITLE))
        elif not verdict.titled:
            self._note_damage(Damage(segment.name, 0, TITLE, how=EXCHANGED))
        return source

    def _take(self, segment: Segment, frame: Frame) -> bool:
        """Index one frame; False if its events do not follow on what is known."""
        appends = appends_of(frame)
        if appends is None or not self._follow(appends):
            return False
        header = frame.header
        self.note_frame(header.first, header.count, frame.offset, header.size, header.stamp, appends)
        return True

    def _follow(self, appends: Sequence[StoredAppend]) -> bool:
        """Whether the seqs of these appends follow on those that are known, or on some that are lost."""
        seqs: dict[tuple[str, str], int] = {}
        for append in appends:
            key = (append.tenant, append.thread)
            row = self.threads.find(*key)
            known = seqs.get(key, 0 if row is None else self.threads.last_seq[row])
            if append.seq <= known or (append.seq > known + 1 and not self.damage):
                return False
            seqs[key] = append.seq + append.count - 1
        return True

    def _pass_over(self, segment: Segment, damage: Damage) -> None:
        self._note_damage(damage)
        segment.end, segment.last = damage.end, damage.last

    def _note_damage(self, damage: Damage) -> None:
        if not self.lenient:
            raise damage.error()
        self.damage.append(damage)
