"""Event ids: UUIDv7 (RFC 9562, section 5.7), many at once."""

from __future__ import annotations

import os


def uuid7s(time_us: int, count: int) -> list[str]:
    """Make `count` UUIDv7 for one moment (`time_us`: microseconds since 1970), 74 random bits each."""
    millis = time_us // 1000
    high, low = f"{millis >> 16:08x}", f"{millis & 0xFFFF:04x}"
    digits = os.urandom(10 * count).hex()
    return [
        f"{high}-{low}-7{digits[at : at + 3]}-{_VARIANT[digits[at + 3]]}{digits[at + 4 : at + 7]}"
        f"-{digits[at + 7 : at + 19]}"
        for at in range(0, 20 * count, 20)
    ]


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
