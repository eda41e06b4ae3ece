"""Which files of a shard are its segments, by what stands in them, and which are only called so."""

from __future__ import annotations

import errno
from itertools import pairwise

from msgspec import Struct

from threadlog_file.damage import Damage
from threadlog_file.files import Files
from threadlog_file.handles import Handles
from threadlog_file.indexfile import sealed_last
from threadlog_file.scanning import Source, find_frame, frames_from
from threadlog_file.segments import TITLE, index_path, parse_title, segment_path, segments_in

_NO_FILE = frozenset({errno.ENOENT, errno.EINVAL, errno.ELOOP, errno.ENXIO})
"""What opening a pipe, a folder or a link to nothing says; other errors tell of the disk or of rights."""


class Inventory(Struct, frozen=True):
    """The segments of a shard."""

    firsts: list[int]
    """First position of each, ascending."""
    lost: dict[int, Damage]
    """Those of them in which nothing of this shard stands, by first position."""
    strays: dict[int, Damage]
    """Files that are no segments of it: what they are called after stands in the segment before."""


def take_inventory(
    files: Files, handles: Handles, folder: str, log_id: str, shard: int, *, start: int = 0, end: int | None = None
) -> Inventory:
    """Look at the files that are called like segments of a shard from position `start` to position `end`.

    There must be one at `end`, if that is given: the segment in which a mark lies.
    """
    found = Inventory([], {}, {})
    for first in segments_in(files.names(folder), shard):
        if first < start or (end is not None and first > end):
            continue
        damage = _foreign(handles, segment_path(folder, shard, first), log_id, shard, first)
        if damage is None:
            found.firsts.append(first)
        elif first < 1 or _reach(handles, folder, shard, found) >= first:
            found.strays[first] = damage
        else:
            found.firsts.append(first)
            found.lost[first] = damage
    _add_missing(handles, folder, log_id, shard, found)
    if end and end not in found.firsts:
        _add(found, folder, shard, end)
    return found


def _add_missing(handles: Handles, folder: str, log_id: str, shard: int, found: Inventory) -> None:
    """Add the segments that are gone: where the index of one tells that it ended before the next one begins."""
    for first, following in pairwise(list(found.firsts)):
        missing = sealed_last(handles, index_path(segment_path(folder, shard, first)), log_id, first) + 1
        if 1 < missing < following:
            _add(found, folder, shard, missing)
    found.firsts.sort()


def _add(found: Inventory, folder: str, shard: int, first: int) -> None:
    """Add a segment that is gone."""
    found.firsts.append(first)
    found.lost[first] = Damage(segment_path(folder, shard, first).rpartition("/")[2], 0, 0)


def is_file(handles: Handles, path: str) -> bool:
    """Whether `path` leads to a file, rather than to a pipe, a folder or nothing."""
    try:
        handles.get(path)
    except OSError as error:
        if error.errno not in _NO_FILE:
            raise
        return False
    return True


def _foreign(handles: Handles, path: str, log_id: str, shard: int, first: int) -> Damage | None:
    """The whole file, if nothing in it belongs to the segment that it is called after."""
    name = path.rpartition("/")[2]
    if not is_file(handles, path):
        return Damage(name, 0, 0)
    source = Source(handles, path, handles.size(path))
    title = parse_title(source.read(0, TITLE), name)
    if title is not None:
        is_own = (title.log_id, title.shard, title.first) == (log_id, shard, first)
    else:
        frame = find_frame(source, 0)
        is_own = frame is not None and frame.header.shard == shard and frame.header.first >= first
    return None if is_own else Damage(name, 0, source.end)


def _reach(handles: Handles, folder: str, shard: int, found: Inventory) -> int:
    """The last position in the last segment so far."""
    first = found.firsts[-1] if found.firsts else 0
    if not first or first in found.lost:
        return 0
    path = segment_path(folder, shard, first)
    position = 0
    for frame in frames_from(Source(handles, path, handles.size(path)), TITLE, shard=shard, position=first - 1):
        position = frame.header.last
    return position
