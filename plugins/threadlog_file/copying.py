"""Copying a log while a writer may run (``threadlog backup``)."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from itertools import pairwise

from threadlog.log import Finding
from threadlog_file.chain import survey
from threadlog_file.checking import Step
from threadlog_file.damage import Damage
from threadlog_file.files import Files, replace_file
from threadlog_file.handles import Handles
from threadlog_file.inventory import is_file
from threadlog_file.scanning import Source
from threadlog_file.segments import TITLE, index_path, segment_path, segments_in
from threadlog_file.watermark import Mark

_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK})


class Copier:
    """Copies one shard up to a mark into another folder."""

    def __init__(
        self, files: Files, handles: Handles, source: str, target: str, shard: int, mark: Mark, step: Step
    ) -> None:
        self.events = 0
        self._files = files
        self._handles = handles
        self._source = source
        self._target = target
        self._shard = shard
        self._mark = mark
        self._step = step

    def run(self) -> Iterator[Finding]:
        """Copy, and check what is copied; yields what is damaged."""
        firsts = segments_in(self._files.names(self._source), self._shard)
        firsts = [first for first in firsts if first <= self._mark.segment]
        for first, following in pairwise([*firsts, self._mark.position + 1]):
            name = os.path.basename(segment_path("", self._shard, first))
            if is_file(self._handles, segment_path(self._source, self._shard, first)):
                yield from self._segment(first, following - 1)
            else:
                yield Finding(level="error", place=name, message="no file; it is not copied")

    def _segment(self, first: int, last: int) -> Iterator[Finding]:
        path = segment_path(self._source, self._shard, first)
        target = segment_path(self._target, self._shard, first)
        is_last = first == self._mark.segment
        end = self._mark.offset if is_last else self._handles.size(path)
        if is_last or not self._link(path, target):
            replace_file(self._files, target, self._handles.read(path, end, 0))
        if not is_last and self._files.exists(index_path(path)) and is_file(self._handles, index_path(path)):
            replace_file(self._files, index_path(target), self._handles.read_file(index_path(path)))
        yield from self._check(target, end, first, last)
        self._handles.forget(target)

    def _link(self, path: str, target: str) -> bool:
        """Give the copy the same file: a sealed segment never changes."""
        try:
            self._files.link(path, target)
        except OSError as error:
            if error.errno in _NO_LINKS:
                return False
            raise
        return True

    def _check(self, target: str, end: int, first: int, last: int) -> Iterator[Finding]:
        name, offset = os.path.basename(target), TITLE
        source = Source(self._handles, target, end)
        ends = self._mark.said if first == self._mark.segment else None
        found = survey(source, name, shard=self._shard, offset=TITLE, position=first - 1, last=last, ends=ends)
        for item in found:
            if isinstance(item, Damage):
                yield Finding(level="error", place=item.place, message=f"{item.how}{item.positions}; copied as it is")
            else:
                self.events += item.header.count
            self._step(item.end - offset)
            offset = item.end
