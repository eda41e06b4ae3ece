"""`FileMaintenance`: verify, repair and backup of a log in a folder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from threadlog.log import Finding, LogCorrupt, LogNotFound, Maintenance, MaintenanceReport, OpenOptions, Progress
from threadlog_file import lock, manifest, watermark
from threadlog_file.checking import Checker, Step
from threadlog_file.copying import Copier
from threadlog_file.files import Files
from threadlog_file.folder import open_folder
from threadlog_file.handles import Handles
from threadlog_file.indexfile import IndexDamaged, SealedIndex
from threadlog_file.manifest import Manifest, save_manifest
from threadlog_file.mending import Mender
from threadlog_file.options import FileOptions
from threadlog_file.recovery import ASIDE, Recovery, move_aside
from threadlog_file.rescue import find_manifest, find_marks, last_frame, torn_marks
from threadlog_file.segments import is_segment
from threadlog_file.watermark import Mark, create_watermark, rewrite_watermark


class FileMaintenance(Maintenance):
    """Care of the log in the folder `path`."""

    def __init__(self, path: str, how: FileOptions | None = None, *, files: Files | None = None) -> None:
        self._path = path
        self._how = how or FileOptions()
        self._files = files or Files()

    def verify(self, progress: Progress | None = None) -> MaintenanceReport:
        with self._handles() as handles:
            found, marks, findings = self._look(handles)
            findings += self._aside()
            return self._check(handles, found, marks, findings, progress)

    def repair(self, progress: Progress | None = None) -> MaintenanceReport:
        self._exists()
        findings: list[Finding] = []
        held = lock.Lock(self._files, self._path)
        held.take({"doing": "repair"})
        try:
            with self._handles() as handles:
                findings += self._mend(handles)
        finally:
            held.release()
        open_folder(self._files, self._path, OpenOptions(create=False), self._how).close()
        with self._handles() as handles:
            found, marks, _ = self._look(handles)
            return self._check(handles, found, marks, findings, progress)

    def backup(self, destination: str, progress: Progress | None = None) -> MaintenanceReport:
        if os.path.lexists(destination):
            raise FileExistsError(f"{destination} is there already; name a folder that is not.")
        self._exists()
        partial = f"{os.path.abspath(destination)}.partial"
        self._files.mkdir(partial)
        try:
            report = self._copy(partial, progress)
            self._files.rename(partial, destination)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        self._files.flush_dir(os.path.dirname(os.path.abspath(destination)))
        return report

    def _copy(self, target: str, progress: Progress | None) -> MaintenanceReport:
        with self._handles() as handles:
            found, marks, findings = self._look(handles)
            step, events = self._stepper(handles, progress), 0
            for shard, mark in enumerate(marks):
                copier = Copier(self._files, handles, self._path, target, shard, mark, step)
                findings += copier.run()
                events += copier.events
            create_watermark(self._files, target, marks)
            save_manifest(self._files, target, found)
        return _report(events, findings)

    def _mend(self, handles: Handles) -> list[Finding]:
        found, marks, findings = self._look(handles)
        for name in (manifest.NAME, watermark.NAME):
            self._clear(name)
        damaged = {finding.place.partition(" ")[0] for finding in findings}
        if manifest.NAME in damaged:
            save_manifest(self._files, self._path, found)
        mended = []
        for shard, mark in enumerate(marks):
            new, told = self._mend_shard(handles, found, shard, mark)
            mended.append(new)
            findings += told
        self._drop_damaged_indexes(handles)
        if mended != marks or len(damaged - {manifest.NAME}):
            rewrite_watermark(self._files, self._path, mended)
        return [Finding(level="warning", place=told.place, message=told.message) for told in findings]

    def _clear(self, name: str) -> None:
        """Move away what stands in a small file's place and is no file."""
        path = f"{self._path}/{name}"
        if self._files.exists(path):
            try:
                self._files.close(self._files.open(path, os.O_RDONLY))
            except OSError:
                move_aside(self._files, self._path, path)

    def _mend_shard(self, handles: Handles, found: Manifest, shard: int, mark: Mark) -> tuple[Mark, list[Finding]]:
        """Mend a shard up to its mark and, where recovery would not take what stands beyond, that as well."""
        mender = Mender(self._files, handles, self._path, found, shard, mark)
        mark, findings = mender.run()
        try:
            Recovery(self._files, handles, self._path, found, shard).look(mark)
        except LogCorrupt:
            reach = last_frame(self._files, handles, self._path, found, shard)
            mender = Mender(self._files, handles, self._path, found, shard, max(mark, reach, key=lambda m: m.position))
            findings += mender.drop_beyond()
            mark, told = mender.run()
            findings += told
        return mark, findings

    def _drop_damaged_indexes(self, handles: Handles) -> None:
        """Remove indexes that are not whole; opening for writing makes them anew."""
        for name in self._files.names(self._path):
            if name.endswith(".idx"):
                try:
                    SealedIndex(handles, f"{self._path}/{name}").verify()
                except IndexDamaged:
                    handles.forget(f"{self._path}/{name}")
                    self._files.unlink(f"{self._path}/{name}")
                except OSError:  # no file at all
                    move_aside(self._files, self._path, f"{self._path}/{name}")

    def _look(self, handles: Handles) -> tuple[Manifest, list[Mark], list[Finding]]:
        """What the log is and where its shards end, by what is left of the files that say so."""
        self._exists()
        found, no_manifest = find_manifest(self._files, handles, self._path)
        marks, no_marks = find_marks(self._files, handles, self._path, found)
        findings = [_finding(error) for error in (no_manifest, no_marks) if error is not None]
        return found, marks, findings or torn_marks(self._files, self._path, found.shards)

    def _check(
        self,
        handles: Handles,
        found: Manifest,
        marks: list[Mark],
        findings: list[Finding],
        progress: Progress | None,
    ) -> MaintenanceReport:
        step, events = self._stepper(handles, progress), 0
        for shard, mark in enumerate(marks):
            checker = Checker(self._files, handles, self._path, found, shard, mark, step)
            told = list(checker.run())
            findings += told
            if not any(finding.level == "error" for finding in told):
                findings += self._beyond(handles, found, shard, mark)
            events += checker.events
        return _report(events, findings)

    def _beyond(self, handles: Handles, found: Manifest, shard: int, mark: Mark) -> list[Finding]:
        """What the next opening for writing will refuse of what stands beyond the mark."""
        try:
            Recovery(self._files, handles, self._path, found, shard).look(mark)
        except LogCorrupt as error:
            marks, _ = find_marks(self._files, handles, self._path, found)
            if marks[shard] == mark:  # else a writer is at work there, and was seen between two of its steps
                return [_finding(error)]
        return []

    def _stepper(self, handles: Handles, progress: Progress | None) -> Step:
        """Adds up what has been read, for `progress`."""
        names = self._files.names(self._path)
        total = sum(_size(handles, f"{self._path}/{name}") for name in names if is_segment(name))
        done = 0

        def step(size: int) -> None:
            nonlocal done
            done = min(done + size, total)
            if progress is not None:
                progress(done, total)

        return step

    def _aside(self) -> list[Finding]:
        folder = f"{self._path}/{ASIDE}"
        if not self._files.exists(folder):
            return []
        try:
            names = self._files.names(folder)
        except (NotADirectoryError, FileNotFoundError):
            return [Finding(level="warning", place=ASIDE, message="no folder; `threadlog repair` makes one")]
        return [Finding(level="info", place=f"{ASIDE}/{name}", message="set aside earlier") for name in sorted(names)]

    def _exists(self) -> None:
        there = self._files.exists(self._path) and self._files.names(self._path)
        if not there or not any(name == manifest.NAME or is_segment(name) for name in there):
            raise LogNotFound(f"there is no log in {self._path}; check the path.")

    @contextmanager
    def _handles(self) -> Iterator[Handles]:
        handles = Handles(self._files)
        try:
            yield handles
        finally:
            handles.close()


def _size(handles: Handles, path: str) -> int:
    try:
        return handles.size(path)
    except OSError:  # what cannot be opened is told where it is looked at
        return 0


def _finding(error: LogCorrupt) -> Finding:
    return Finding(level="error", place=error.place, message=str(error))


def _report(events: int, findings: list[Finding]) -> MaintenanceReport:
    ok = not any(finding.level == "error" for finding in findings)
    return MaintenanceReport(ok=ok, events=events, findings=tuple(findings))
