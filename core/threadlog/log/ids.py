"""Event ids: UUIDv7 (RFC 9562, section 5.7), many at once."""

from __future__ import annotations

import os
from struct import iter_unpack

_BYTES = 10
"""Random bytes of one id, version and variant among them: two, two and six."""

_VERSION = bytes(byte & 0x0F | 0x70 for byte in range(256))
_VARIANT = bytes(byte & 0x3F | 0x80 for byte in range(256))
_VARIANT_DIGIT = {digit: f"{int(digit, 16) & 0x3 | 0x8:x}" for digit in "0123456789abcdef"}


def uuid7s(time_us: int, count: int) -> list[str]:
    """Make `count` UUIDv7 for one moment (`time_us`: microseconds since 1970), 74 random bits each."""
    if count == 1:
        return [_uuid7(time_us)]
    noise = bytearray(os.urandom(_BYTES * count))
    noise[0::_BYTES] = noise[0::_BYTES].translate(_VERSION)
    noise[2::_BYTES] = noise[2::_BYTES].translate(_VARIANT)
    stamp = f"{time_us // 1000:012x}"
    pattern = f"{stamp[:8]}-{stamp[8:]}-%b-%b-%b".encode()
    # One after the other in Python, they would cost more than all else that an event needs.
    return b" ".join(map(pattern.__mod__, iter_unpack("4s4s12s", noise.hex().encode()))).decode().split()


def _uuid7(time_us: int) -> str:
    noise = os.urandom(_BYTES).hex()
    stamp = f"{time_us // 1000:012x}"
    return f"{stamp[:8]}-{stamp[8:]}-7{noise[:3]}-{_VARIANT_DIGIT[noise[3]]}{noise[4:7]}-{noise[7:19]}"
