"""Finding out what a log is when the files that say so are damaged."""

from __future__ import annotations

from collections import Counter

from threadlog.log import Finding, LogCorrupt
from threadlog_file import manifest
from threadlog_file.files import Files
from threadlog_file.frames import FORMAT
from threadlog_file.handles import Handles
from threadlog_file.manifest import Manifest, load_manifest
from threadlog_file.scanning import Source, find_frame, read_frame
from threadlog_file.segments import TITLE, Title, parse_title, segment_path, segments_in, shards_in
from threadlog_file.watermark import Mark, Watermark


def find_manifest(files: Files, handles: Handles, folder: str) -> tuple[Manifest, LogCorrupt | None]:
    """The log's manifest or, where that is damaged, what its segments say, together with the damage.

    Raises:
        LogCorrupt: no segment says it either.
    """
    try:
        return load_manifest(files, folder), None
    except FileNotFoundError:
        damage = LogCorrupt(f"{folder}/{manifest.NAME} is missing.", manifest.NAME)
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


def find_marks(files: Files, handles: Handles, folder: str, shards: int) -> tuple[list[Mark], LogCorrupt | None]:
    """Where each shard ends by the watermark or, where that is damaged, by its last whole frame; and the damage."""
    try:
        watermark = Watermark(files, folder, shards, writable=False)
    except LogCorrupt as error:
        return [last_frame(files, handles, folder, shard) for shard in range(shards)], error
    marks, damage = [], None
    for shard in range(shards):
        try:
            marks.append(watermark.load(shard))
        except LogCorrupt as error:
            damage = error
            marks.append(last_frame(files, handles, folder, shard))
    watermark.close()
    return marks, damage


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


def last_frame(files: Files, handles: Handles, folder: str, shard: int) -> Mark:
    """The end of the last whole frame of a shard."""
    for first in reversed(segments_in(files.names(folder), shard)):
        path = segment_path(folder, shard, first)
        source = Source(handles, path, handles.size(path))
        frame = read_frame(source, TITLE) or find_frame(source, 0)
        last = None
        while frame is not None:
            last = frame
            frame = read_frame(source, frame.end) or find_frame(source, frame.end - 1)
        if last is not None:
            return Mark(last.header.last, first, last.end)
    return Mark()


def _titles(files: Files, handles: Handles, folder: str) -> list[Title]:
    names = files.names(folder)
    paths = [segment_path(folder, shard, first) for shard in shards_in(names) for first in segments_in(names, shard)]
    found = (parse_title(handles.read(path, TITLE, 0)) for path in paths)
    return [title for title in found if title is not None]
