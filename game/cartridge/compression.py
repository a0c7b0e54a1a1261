"""The LZ compression of level data, which the engine unpacks when it loads a level (boot.S)."""

from __future__ import annotations

import functools
import struct
from collections.abc import Sequence


@functools.lru_cache(maxsize=256)
def compress(data: bytes, stride: int) -> bytes:
    """Compress data.

    A token of 0 ends the data; 1-127 is followed by that number of literal bytes; 128-255 means a
    copy of token - 125 bytes, from a distance in the next two bytes.

    Args:
        data: the bytes.
        stride: length of a row in bytes, a likely distance of a match.
    """
    out = bytearray()
    literals = bytearray()
    seen: dict[bytes, list[int]] = {}
    at = 0
    while at < len(data):
        starts = seen.get(data[at : at + 3], [])
        start, length = _best_match(data, at, [*starts[-4:], at - 1, at - stride, at - 8 * stride])
        if length < 4:
            literals.append(data[at])
            length = 1
            if len(literals) == 127:
                _flush(out, literals)
        else:
            _flush(out, literals)
            out += bytes([128 + length - 3]) + struct.pack(">H", at - start)
        for known in range(at, at + length, 1 if length < 16 else 4):
            seen.setdefault(data[known : known + 3], []).append(known)
        at += length
    _flush(out, literals)
    return bytes(out) + b"\0"


def _flush(out: bytearray, literals: bytearray) -> None:
    if literals:
        out.append(len(literals))
        out += literals
        literals.clear()


def _best_match(data: bytes, at: int, starts: Sequence[int]) -> tuple[int, int]:
    best, length = 0, 0
    for start in starts:
        longer = length + 1
        if not (0 <= start < at and at - start < 65536):
            continue
        if data[start : start + longer] == data[at : at + longer]:
            common = _common(data, start, at)
            if common > length:
                best, length = start, common
    return best, length


def _common(data: bytes, first: int, second: int) -> int:
    low, high = 0, min(130, len(data) - second)
    while low < high:
        middle = (low + high + 1) // 2
        if data[first : first + middle] == data[second : second + middle]:
            low = middle
        else:
            high = middle - 1
    return low


def decompress(packed: bytes) -> bytes:
    """Undo `compress`, as the engine does."""
    out = bytearray()
    at = 0
    while packed[at]:
        token = packed[at]
        if token < 128:
            out += packed[at + 1 : at + 1 + token]
            at += 1 + token
            continue
        distance = int.from_bytes(packed[at + 1 : at + 3], "big")
        for _ in range(token - 125):
            out.append(out[-distance])
        at += 3
    return bytes(out)
