"""Writing the index of a segment that is complete.

An index is derived data: where it cannot be written the log goes on with the one in memory, and the next opening tries
again.
"""

from __future__ import annotations

from contextlib import suppress

from threadlog_file.files import replace_file
from threadlog_file.index import OpenIndex
from threadlog_file.indexfile import IndexDamaged, SealedIndex, ThreadStates, encode_index
from threadlog_file.segments import index_path
from threadlog_file.shard import Shard


class Sealing:
    """The sealing of the last segment of a shard: begun, when no event has come after it, and then written."""

    def __init__(self, shard: Shard) -> None:
        segment = shard.segments[-1]
        index = segment.index
        assert isinstance(index, OpenIndex)
        self._shard = shard
        self._segment = segment
        self._index = index
        threads = shard.threads
        self._states = ThreadStates(threads.last_seq[:], bytes(threads.flags), threads.created_us[:])

    def write(self) -> bool:
        """Write the index file; touches nothing that readers use, so it may run in a thread."""
        segment = self._segment
        try:
            data = encode_index(self._index, self._states, self._shard.log_id, segment.first, segment.last, segment.end)
            replace_file(self._shard.files, index_path(segment.path), data)
        except OSError:
            return False
        return True

    def adopt(self) -> None:
        """Let readers use the file, and free the memory; unless it has been found damaged before."""
        if index_path(self._segment.path) in self._shard.distrusted:
            return
        with suppress(OSError, IndexDamaged):
            self._shard.handles.forget(index_path(self._segment.path))
            self._segment.index = SealedIndex(self._shard.handles, index_path(self._segment.path))


def seal_now(shard: Shard) -> None:
    """Seal the last segment at once."""
    sealing = Sealing(shard)
    if sealing.write():
        sealing.adopt()
