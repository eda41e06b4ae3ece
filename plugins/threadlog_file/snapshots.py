"""Snapshots: checked files that may be lost at any time, so they are never flushed."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from zlib import crc32

import msgspec
from msgspec import Struct

from threadlog.log import Snapshot
from threadlog_file.files import Files, load_file, replace_file

FOLDER = "snapshots"


class _Header(Struct, frozen=True):
    tenant: str
    thread: str
    projection: str
    version: int
    seq: int
    check: str
    crc: int
    """CRC-32 of the state, which follows this line."""


class SnapshotFiles:
    """The snapshots of one log: a file each, named by a hash of what it is for."""

    def __init__(self, files: Files, folder: str) -> None:
        self._files = files
        self._folder = f"{folder}/{FOLDER}"

    def load(self, tenant: str, thread: str, projection: str, version: int) -> Snapshot | None:
        """The snapshot kept for exactly this, if there is one and it is whole."""
        try:
            data = load_file(self._files, self._path(tenant, thread, projection, version))
        except OSError:
            return None
        line, _, state = data.partition(b"\n")
        try:
            header = msgspec.json.decode(line, type=_Header)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        found = (header.tenant, header.thread, header.projection, header.version)
        if found != (tenant, thread, projection, version) or header.crc != _check(header, state):
            return None
        return Snapshot(
            tenant=tenant,
            thread_id=thread,
            projection=projection,
            version=version,
            seq=header.seq,
            check=header.check,
            state=state,
        )

    def save(self, snapshot: Snapshot) -> None:
        """Keep a snapshot unless a later one is kept. Where that fails, it is lost."""
        key = (snapshot.tenant, snapshot.thread_id, snapshot.projection, snapshot.version)
        kept = self.load(*key)
        if kept is not None and kept.seq > snapshot.seq:
            return
        header = _Header(*key, snapshot.seq, snapshot.check, 0)
        header = msgspec.structs.replace(header, crc=_check(header, snapshot.state))
        path = self._path(*key)
        with suppress(OSError):
            for folder in (self._folder, path.rpartition("/")[0]):
                if not self._files.exists(folder):
                    self._files.mkdir(folder)
            replace_file(self._files, path, msgspec.json.encode(header) + b"\n" + snapshot.state, durable=False)

    def _path(self, tenant: str, thread: str, projection: str, version: int) -> str:
        name = hashlib.sha256(msgspec.json.encode((tenant, thread, projection, version))).hexdigest()
        return f"{self._folder}/{name[:2]}/{name[2:42]}.snap"


def _check(header: _Header, state: bytes) -> int:
    bare = msgspec.json.encode(msgspec.structs.replace(header, crc=0))
    return crc32(state, crc32(bare))
