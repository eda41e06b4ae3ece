"""Thread heads: what listings show, in order of creation, of one tenant or of one owner."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

from msgspec import UNSET, structs

from threadlog.log import Head, HeadChange, HeadPage
from threadlog_file.index import OpenIndex, ThreadHead
from threadlog_file.indexfile import SealedIndex
from threadlog_file.segments import Segment
from threadlog_file.threads import DELETED, HEADED, Threads

_RECENT = 4096
"""Heads kept decoded; more than one batch can change."""


class HeadTable:
    """The heads of one shard. They are stored with the index of the segment in which they changed last."""

    def __init__(self, threads: Threads, segments: list[Segment]) -> None:
        self._threads = threads
        self._segments = segments
        self._recent: OrderedDict[int, ThreadHead] = OrderedDict()
        self._built = False

    def load(self, row: int) -> ThreadHead | None:
        """The head of a thread, or None if no event has changed it yet."""
        head = self._recent.get(row)
        at = self._threads.head_at[row]
        if head is None and at:
            head = self._segments[at - 1].index.head(row)
            if head is not None:
                self._remember(row, head)
        return head

    def change(self, row: int, thread_id: str, changes: Iterable[HeadChange]) -> None:
        """Apply head changes of an append of the last segment.

        Needs no I/O when the head was loaded just before (a commit must not fail after its flush).
        """
        old = self.load(row)
        new, flags = fold(old or ThreadHead(thread_id), self._threads.flags[row], changes)
        if self._built:
            self._relist(row, old, new, flags)
        segment = self._segments[-1]
        assert isinstance(segment.index, OpenIndex)
        segment.index.heads[row] = new
        self._threads.head_at[row] = segment.ordinal + 1
        self._threads.flags[row] = flags
        self._remember(row, new)

    def forget(self) -> None:
        """Heads have changed without `change`: an index has been loaded."""
        self._recent.clear()

    def build(self) -> None:
        """Make the listings, once all segments are loaded."""
        threads = self._threads
        for row, owner in sorted(self._owners(), key=lambda pair: pair[0]):
            if threads.flags[row] == HEADED:
                threads.tenant(row).list(row, owner)
        self._built = True

    def page(self, tenant: str, owner: str | None, after: str | None, limit: int, *, newest_first: bool) -> HeadPage:
        """A page of a listing (see `EventLog.list_heads`)."""
        known = self._threads.tenants.get(tenant)
        if known is None:
            return HeadPage((), has_more=False)
        rows = known.listed if owner is None else known.owned.get(owner, array("I"))
        mark = None if after is None else known.rows.get(after)
        if after is not None and (mark is None or not self._threads.flags[mark] & HEADED):
            return HeadPage((), has_more=False)
        taken, has_more = (_down if newest_first else _up)(rows, mark, limit)
        return HeadPage(tuple(self._head(tenant, row) for row in taken), has_more=has_more)

    def _head(self, tenant: str, row: int) -> Head:
        head = self.load(row)
        assert head is not None
        return Head(
            tenant=tenant,
            thread_id=head.thread_id,
            created_us=self._threads.created_us[row],
            owner=head.owner,
            title=head.title,
            status=head.status,
            info=head.info,
        )

    def _relist(self, row: int, old: ThreadHead | None, new: ThreadHead, flags: int) -> None:
        was, now = self._threads.flags[row] == HEADED, flags == HEADED
        owner = old.owner if old else None
        if was and now and owner == new.owner:
            return
        tenant = self._threads.tenant(row)
        if was:
            tenant.unlist(row, owner)
        if now:
            tenant.list(row, new.owner)

    def _owners(self) -> Iterator[tuple[int, str | None]]:
        """The owner of each thread that has a head."""
        at = self._threads.head_at
        for segment in self._segments:
            index = segment.index
            if isinstance(index, SealedIndex):
                found = index.owners()
            else:
                assert isinstance(index, OpenIndex)
                found = ((row, head.owner) for row, head in index.heads.items())
            yield from (pair for pair in found if at[pair[0]] == segment.ordinal + 1)

    def _remember(self, row: int, head: ThreadHead) -> None:
        self._recent[row] = head
        self._recent.move_to_end(row)
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)


def fold(head: ThreadHead, flags: int, changes: Iterable[HeadChange]) -> tuple[ThreadHead, int]:
    """The head and flags after some changes, field by field."""
    flags |= HEADED
    for change in changes:
        fields = {name: value for name in _LISTED if (value := getattr(change, name)) is not UNSET}
        if fields:
            head = structs.replace(head, **fields)
        if change.deleted is not UNSET:
            flags = flags | DELETED if change.deleted else flags & ~DELETED
    return head, flags


_LISTED = ("owner", "title", "status", "info")


def _down(rows: array[int], mark: int | None, limit: int) -> tuple[Sequence[int], bool]:
    end = len(rows) if mark is None else bisect_left(rows, mark)
    start = max(0, end - limit)
    return rows[start:end][::-1], start > 0


def _up(rows: array[int], mark: int | None, limit: int) -> tuple[Sequence[int], bool]:
    start = 0 if mark is None else bisect_right(rows, mark)
    return rows[start : start + limit], start + limit < len(rows)
