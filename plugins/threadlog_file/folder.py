"""Opening and closing the folder of a log: the order in which its files are made, locked, recovered and loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack, suppress

from msgspec import Struct

from threadlog.log import LogCorrupt, LogNotFound, OpenOptions
from threadlog_file import lock, manifest, watermark
from threadlog_file.files import Files
from threadlog_file.handles import Handles
from threadlog_file.lock import Lock
from threadlog_file.manifest import Manifest, load_manifest, new_manifest, save_manifest
from threadlog_file.options import FileOptions
from threadlog_file.recovery import Recovery, move_aside
from threadlog_file.rescue import check_manifest
from threadlog_file.sealing import seal_now
from threadlog_file.segments import is_segment
from threadlog_file.shard import Shard
from threadlog_file.syncing import SyncPolicy, measure
from threadlog_file.watermark import Mark, Watermark, create_watermark
from threadlog_file.writer import ShardWriter


class Folder(Struct, frozen=True):
    """An open log's folder."""

    path: str
    manifest: Manifest
    watermark: Watermark
    shards: list[Shard]
    writers: list[ShardWriter]
    """One per shard; none where the log is open for reading only."""
    policy: SyncPolicy
    _close: Callable[[], None]

    def close(self) -> None:
        """Release everything."""
        self._close()


def open_folder(files: Files, path: str, options: OpenOptions, how: FileOptions) -> Folder:
    """Open the log at `path`, or make it, as the options say. Blocks.

    Raises:
        LogNotFound, LogLocked, FormatTooNew, LogCorrupt: as in `EventLog.open`.
    """
    with ExitStack() as stack:
        folder = (_open_reading if options.read_only else _open_writing)(files, path, options, how, stack)
        kept = stack.pop_all()
    return Folder(*folder, kept.close)


_Parts = tuple[str, Manifest, Watermark, list[Shard], list[ShardWriter], SyncPolicy]


def _open_reading(files: Files, path: str, options: OpenOptions, how: FileOptions, stack: ExitStack) -> _Parts:
    if not files.exists(f"{path}/{manifest.NAME}"):
        raise _not_found(files, path)
    handles = Handles(files)
    stack.callback(handles.close)
    found = load_manifest(files, path)
    check_manifest(files, handles, path, found)
    marks = Watermark(files, path, found.shards, writable=False)
    stack.callback(marks.close)
    shards = [Shard(files, handles, path, found.log_id, number, lenient=True) for number in range(found.shards)]
    for shard in shards:
        shard.load(marks.load(shard.number))
    return path, found, marks, shards, [], SyncPolicy("inline", 0)


def _open_writing(files: Files, path: str, options: OpenOptions, how: FileOptions, stack: ExitStack) -> _Parts:
    if not files.exists(f"{path}/{manifest.NAME}"):
        if not options.create:
            raise _not_found(files, path)
        _make_folder(files, path)
        _check_free(files, path)
    held = Lock(files, path)
    held.take(options.holder)
    stack.callback(held.release)
    # Names that the last writer gave stay for sure only once the folder is flushed, and a kill may have come before.
    files.flush_dir(path)
    if not files.exists(f"{path}/{manifest.NAME}"):
        _make_log(files, path, options.shards or 1)
    _remove_leftovers(files, path)
    handles = Handles(files)
    stack.callback(handles.close)
    found = load_manifest(files, path)
    check_manifest(files, handles, path, found)
    marks = Watermark(files, path, found.shards, writable=True)
    stack.callback(marks.close)
    shards, writers = [], []
    for number in range(found.shards):
        shard = Shard(files, handles, path, found.log_id, number, lenient=False, on_scanned=seal_now)
        writer = _recover(files, shard, found, marks, how)
        stack.callback(writer.close)
        shards.append(shard)
        writers.append(writer)
    policy = SyncPolicy(how.sync, measure(files, path) if how.sync == "auto" else 0)
    return path, found, marks, shards, writers, policy


def _recover(files: Files, shard: Shard, found: Manifest, marks: Watermark, how: FileOptions) -> ShardWriter:
    before = marks.load(shard.number)
    recovery = Recovery(files, shard.handles, shard.folder, found, shard.number)
    mark = recovery.run(before)
    shard.load(mark)
    if mark != before:
        marks.move(shard.number, mark)
    return ShardWriter(files, shard.folder, found, shard.number, marks, mark, how)


def _make_folder(files: Files, path: str) -> None:
    """Make the folder and those above it that are missing, durably.

    One that is there may have been made by a process that was killed before it flushed the name.
    """
    above = os.path.dirname(path)
    if files.exists(path):
        with suppress(PermissionError):  # nobody makes a folder where they may not look
            files.flush_dir(above)
        return
    _make_folder(files, above)
    with suppress(FileExistsError):
        files.mkdir(path)
    files.flush_dir(above)


def _make_log(files: Files, path: str, shards: int) -> None:
    """Make an empty log; the MANIFEST comes last and makes it one."""
    create_watermark(files, path, [Mark()] * shards)
    save_manifest(files, path, new_manifest(shards))


def _check_free(files: Files, path: str) -> None:
    """Make a log only in a folder that holds nothing else."""
    present = files.names(path)
    if manifest.NAME in present:
        return  # another process has just made a log here
    names = [name for name in present if name not in {lock.NAME, watermark.NAME} and not _is_leftover(name)]
    if any(is_segment(name) for name in names):
        raise _no_manifest(path)
    if names:
        raise LogNotFound(f"{path} is no log and not empty ({min(names)} is there); name a folder for the log alone.")


def _remove_leftovers(files: Files, path: str) -> None:
    """Remove files that a crash left half made; each was to take another's place or get its own."""
    for name in files.names(path):
        if _is_leftover(name):
            _remove_leftover(files, path, name)


def _remove_leftover(files: Files, path: str, name: str) -> None:
    """Remove a file; a folder of that name is somebody's, and is moved out of the way."""
    try:
        files.unlink(f"{path}/{name}")
    except (IsADirectoryError, PermissionError):
        move_aside(files, path, f"{path}/{name}")


def _is_leftover(name: str) -> bool:
    return name.endswith(".tmp")


def _no_manifest(path: str) -> LogCorrupt:
    return LogCorrupt(
        f"{path} holds segments but no {manifest.NAME}; `threadlog repair` writes it anew from the segments.",
        manifest.NAME,
    )


def _not_found(files: Files, path: str) -> LogNotFound | LogCorrupt:
    if files.exists(path) and any(is_segment(name) for name in files.names(path)):
        return _no_manifest(path)
    there = f"{path} has no {manifest.NAME}" if files.exists(path) else f"{path} does not exist"
    return LogNotFound(f"there is no log: {there}. Check the path, or open it for writing to make one.")
