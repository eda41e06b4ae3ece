"""Places in a segment that are not what was written."""

from __future__ import annotations

from msgspec import Struct, structs

from threadlog.log import LogCorrupt


class Damage(Struct, frozen=True):
    """A damaged or missing stretch of a segment."""

    segment: str
    """Name of the file."""
    start: int
    end: int
    """Byte after its last one."""
    first: int = 0
    """First position that is lost there; 0 where that is not known."""
    last: int = 0
    """Last one; less than `first` where no event is lost."""
    how: str = "damaged"
    """What has happened to it."""

    @property
    def place(self) -> str:
        """For people, such as ``0-0000000000000001.seg bytes 8192-8511``; only the name of a file that is gone."""
        if not self.end:
            return self.segment
        return f"{self.segment} bytes {self.start}-{max(self.start, self.end - 1)}"

    @property
    def positions(self) -> str:
        """Which positions are lost, as far as it is known."""
        if self.last < self.first or not self.first:
            return ""
        return f", position {self.first}" if self.first == self.last else f", positions {self.first}-{self.last}"

    def of(self, first: int, last: int) -> Damage:
        """The same place, with these positions lost there."""
        return structs.replace(self, first=first, last=last)

    def error(self) -> LogCorrupt:
        """The error that names it."""
        return LogCorrupt(
            f"stored bytes are {self.how} ({self.place}{self.positions}): open the log for reading only to get at the "
            "rest, or run `threadlog repair`, which sets the damage aside.",
            self.place,
        )
