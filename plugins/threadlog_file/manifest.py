"""The MANIFEST: what the folder is, written once when the log is made, and replaced as one step if ever."""

from __future__ import annotations

import time
import uuid

import msgspec
from msgspec import Struct

from threadlog.log import FormatTooNew, LogCorrupt
from threadlog_file.files import Files, load_file, replace_file
from threadlog_file.frames import FORMAT, is_sealed_line, seal_line

NAME = "MANIFEST"
SHARDS_AT_MOST = 256
"""Each shard is a file that is written to and flushed by itself."""

_WIDTH = 256
_WIDEST = 64 * 1024
"""Bytes; what is longer is no manifest of any format."""


class Manifest(Struct, frozen=True):
    """What is fixed for the life of a log."""

    format: int
    log_id: str
    shards: int
    created_us: int


class _Version(Struct, frozen=True):
    format: int


def new_manifest(shards: int) -> Manifest:
    """The manifest of a log that is being made."""
    return Manifest(FORMAT, str(uuid.uuid4()), shards, time.time_ns() // 1000)


def load_manifest(files: Files, path: str) -> Manifest:
    """Read and check the manifest of the log in the folder `path`.

    Raises:
        FormatTooNew: a newer threadlog wrote the log.
        LogCorrupt: the manifest is damaged.
    """
    data = load_file(files, f"{path}/{NAME}", most=_WIDEST)
    found = _parse(data, path) if is_sealed_line(data, len(data)) else None
    if found is None:
        raise LogCorrupt(
            f"{path}/{NAME} is damaged; `threadlog repair` writes it anew from the segments.",
            f"{NAME} bytes 0-{max(_WIDTH, len(data)) - 1}",
        )
    return found


def _parse(line: bytes, path: str) -> Manifest | None:
    """What a line with a check says, which may be of any width: so a newer format is told from damage."""
    try:
        version = msgspec.json.decode(line, type=_Version).format
        if version > FORMAT:
            raise FormatTooNew(
                f"the log at {path} has format {version}; this threadlog reads up to {FORMAT}: upgrade it to open the "
                "log."
            )
        found = msgspec.json.decode(line, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if 1 <= found.shards <= SHARDS_AT_MOST else None


def save_manifest(files: Files, path: str, manifest: Manifest) -> None:
    """Put the manifest into the folder `path`, durably and as one step."""
    line = (
        f'{{"format":{manifest.format},"log_id":"{manifest.log_id}","shards":{manifest.shards}'
        f',"created_us":{manifest.created_us}'
    )
    replace_file(files, f"{path}/{NAME}", seal_line(line, _WIDTH))
