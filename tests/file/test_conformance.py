"""The file log keeps the contract, however it waits for the disk and however small its segments are."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from file.faulty import FaultyFiles
from file.seam import FAULTS
from threadlog.log import Capability, Durability, EventLog, OpenOptions
from threadlog.testing import Backend, EventLogConformance
from threadlog_file import FileLog, FileOptions


def file_backend(folder: Path, how: FileOptions) -> Backend:
    """File logs below a folder."""

    async def make(place: str, options: OpenOptions) -> EventLog:
        return FileLog(str(folder / place), options, how, files=FaultyFiles())

    def fault(log: EventLog) -> AbstractContextManager[None]:
        assert isinstance(log, FileLog)
        assert isinstance(log._files, FaultyFiles)
        return log._files.failing()

    asked = f"sync={how.sync}&segment_bytes={how.segment_bytes}&prefill_bytes={how.prefill_bytes}"
    return Backend(
        make=make,
        durability=Durability.DISK,
        capabilities=frozenset({Capability.PERSISTENT, Capability.OTHER_READERS}),
        fault=fault,
        faults=FAULTS,
        address=lambda place: f"file:{folder / place}?{asked}",
    )


class TestFile(EventLogConformance):
    """Waiting for the disk on the event loop."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        """Logs in a folder of their own for each test."""
        return file_backend(tmp_path, FileOptions(sync="inline"))


class TestFileInThread(EventLogConformance):
    """Waiting for the disk in a thread."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        """Logs in a folder of their own for each test."""
        return file_backend(tmp_path, FileOptions(sync="thread"))


class TestFileInSmallSegments(EventLogConformance):
    """Beginning a new segment with nearly every call."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        """Logs in a folder of their own for each test."""
        return file_backend(tmp_path, FileOptions(segment_bytes=4096, prefill_bytes=0))
