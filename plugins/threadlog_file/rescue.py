"""Finding out what a log is when the files that say so are damaged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from threadlog.log import Finding, LogCorrupt
from threadlog_file import manifest
from threadlog_file.files import Files
from threadlog_file.frames import FORMAT, SHORTEST
from threadlog_file.handles import Handles
from threadlog_file.inventory import take_inventory
from threadlog_file.manifest import Manifest, load_manifest
from threadlog_file.scanning import Frame, Source, find_frame, read_frame
from threadlog_file.segments import TITLE, Title, parse_title, segment_path, segments_in, shards_in
from threadlog_file.watermark import NAME, Mark, Watermark, slots_of

_LARGEST = 1 << 40
"""Bytes; no segment is as large."""

_MISSING = 1 << 20
"""Events that segments which are gone may have held, at most: more would be a made-up position."""


def find_manifest(files: Files, handles: Handles, folder: str) -> tuple[Manifest, LogCorrupt | None]:
    """The log's manifest or, where that is damaged, what its segments say, together with the damage.

    Raises:
        LogCorrupt: no segment says it either.
    """
    try:
        found = load_manifest(files, folder)
        check_manifest(files, handles, folder, found)
        return found, None
    except FileNotFoundError:
        damage = LogCorrupt(f"{folder}/{manifest.NAME} is missing.", manifest.NAME)
    except OSError as error:
        damage = LogCorrupt(f"{folder}/{manifest.NAME} cannot be read ({error}).", manifest.NAME)
    except LogCorrupt as error:
        damage = error
    said = Counter(
        (title.log_id, title.shards, title.created_us if title.first == 1 else 0)
        for title in _titles(files, handles, folder)
    )
    if not said:
        raise damage
    log_id, shards, _ = said.most_common(1)[0][0]
    created = min((created for _, _, created in said if created), default=0)
    return Manifest(FORMAT, log_id, shards, created), damage


def check_manifest(files: Files, handles: Handles, folder: str, found: Manifest) -> None:
    """Check that the manifest is that of the segments beside it: one at least must be of the same log.

    Raises:
        LogCorrupt: there are segments, all of another log.
    """
    other = None
    for title in _titles(files, handles, folder):
        if (title.log_id, title.shards) == (found.log_id, found.shards):
            return
        other = title
    if other is not None:
        raise LogCorrupt(
            f"{folder}/{manifest.NAME} is of another log than the segments beside it ({other.log_id}); "
            "`threadlog repair` writes it anew from the segments.",
            f"{manifest.NAME} bytes 0-255",
        )


def find_marks(files: Files, handles: Handles, folder: str, found: Manifest) -> tuple[list[Mark], LogCorrupt | None]:
    """Where each shard ends by the watermark or, where that is damaged, by its last whole frame; and the damage."""
    ends: dict[int, Mark] = {}
    damage: LogCorrupt | None = None
    try:
        watermark = Watermark(files, folder, found.shards, writable=False)
    except LogCorrupt as error:
        return [last_frame(files, handles, folder, found, shard) for shard in range(found.shards)], error
    for shard in range(found.shards):
        try:
            ends[shard] = watermark.load(shard)
            _check_mark(files, handles, folder, found, shard, ends[shard])
        except LogCorrupt as error:
            damage = error
            ends[shard] = last_frame(files, handles, folder, found, shard)
    watermark.close()
    return [ends[shard] for shard in range(found.shards)], damage


def _check_mark(files: Files, handles: Handles, folder: str, found: Manifest, shard: int, mark: Mark) -> None:
    """Check that a mark can have been made: its check may fit, and yet it is another log's or made up.

    Raises:
        LogCorrupt: it cannot.
    """
    events = mark.position - mark.segment + 1
    begun = segments_in(files.names(folder), shard)
    room = 0 <= events * SHORTEST <= mark.offset - TITLE and mark.offset < _LARGEST
    room = room and not any(mark.segment < first <= mark.position for first in begun)
    if mark == Mark() or (room and mark.segment in begun):
        return
    end = last_frame(files, handles, folder, found, shard).position
    if not room or not end < mark.segment <= end + _MISSING:
        raise LogCorrupt(
            f"{NAME} says that shard {shard} ends at position {mark.position}, which cannot be; "
            "`threadlog repair` writes it anew.",
            slots_of(shard),
        )


def torn_marks(files: Files, folder: str, shards: int) -> list[Finding]:
    """Marks that do not count because they are not whole."""
    try:
        watermark = Watermark(files, folder, shards, writable=False)
    except LogCorrupt:
        return []
    places = [place for shard in range(shards) for place in watermark.damaged(shard)]
    watermark.close()
    message = "a mark is torn, as a power cut may leave it, or damaged; the shard's other one counts"
    return [Finding(level="warning", place=place, message=message) for place in places]


def last_frame(files: Files, handles: Handles, folder: str, manifest: Manifest, shard: int) -> Mark:
    """The end of the last whole frame of a shard."""
    found = take_inventory(files, handles, folder, manifest.log_id, shard)
    for first in reversed(found.firsts):
        if first in found.lost:
            continue
        path = segment_path(folder, shard, first)
        source = Source(handles, path, handles.size(path))
        last: Frame | None = None
        position = first - 1
        frame = read_frame(source, TITLE) or find_frame(source, 0)
        while frame is not None:
            fit = frame.header.first - 1 - position <= frame.offset // SHORTEST
            if frame.header.shard == shard and frame.header.first > position and fit:
                last, position = frame, frame.header.last
            frame = read_frame(source, frame.end) or find_frame(source, frame.end - 1)
        if last is not None:
            return Mark.behind(first, last.offset, last.header)
    return Mark()


def _titles(files: Files, handles: Handles, folder: str) -> Iterator[Title]:
    names = files.names(folder)
    for shard in shards_in(names):
        for first in segments_in(names, shard):
            with suppress(OSError):
                path = segment_path(folder, shard, first)
                title = parse_title(handles.read(path, TITLE, 0), path.rpartition("/")[2])
                if title is not None and (title.shard, title.first) == (shard, first):
                    yield title
