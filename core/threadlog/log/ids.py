"""Event ids: UUIDv7 (RFC 9562, section 5.7), many at once."""

from __future__ import annotations

import os

_BYTES = 10
"""Random bytes of one id, version and variant among them: two, two and six."""

_VERSION = bytes(byte & 0x0F | 0x70 for byte in range(256))
_VARIANT = bytes(byte & 0x3F | 0x80 for byte in range(256))


def uuid7s(time_us: int, count: int) -> list[str]:
    """Make `count` UUIDv7 for one moment (`time_us`: microseconds since 1970), 74 random bits each."""
    noise = bytearray(os.urandom(_BYTES * count))
    noise[0::_BYTES] = noise[0::_BYTES].translate(_VERSION)
    noise[2::_BYTES] = noise[2::_BYTES].translate(_VARIANT)
    digits = noise.hex()
    stamp = f"{time_us // 1000:012x}"
    moment = f"{stamp[:8]}-{stamp[8:]}"
    return [
        f"{moment}-{digits[at : at + 4]}-{digits[at + 4 : at + 8]}-{digits[at + 8 : at + 20]}"
        for at in range(0, 2 * _BYTES * count, 2 * _BYTES)
    ]
