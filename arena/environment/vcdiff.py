"""Applies a VCDIFF patch (RFC 3284, as written by xdelta3) to a ROM, with `vcdiff_decoder`.

The library decodes windows correctly. But it does not skip an application header or a compressor's
number, it ignores the lengths that a window declares, and it treats a window whose source is the
target as one without a source. Therefore this module reads and checks the file's structure, and
passes one window at a time to the library.
"""

from __future__ import annotations

from collections.abc import Iterator

import vcdiff_decoder

from agent.errors import UserError

MAGIC = b"\xd6\xc3\xc4\x00"
MAX_TARGET_BYTES = 8 << 20  # twice the largest Mega Drive cartridge without a mapper
MAX_INSTRUCTION_BYTES = 512 << 10  # the contest's largest patch has 40 KB

HEADER_SECONDARY, HEADER_CODE_TABLE, HEADER_APPLICATION = 1, 2, 4
WINDOW_SOURCE, WINDOW_TARGET, WINDOW_ADLER32 = 1, 2, 4


class PatchError(UserError):
    """A patch is damaged, not supported, or made for another base."""


def apply_patch(base: bytes, delta: bytes, max_bytes: int = MAX_TARGET_BYTES) -> bytes:
    """Decode a patch against its base.

    Args:
        base: content of the file that the patch was made for.
        delta: the patch. Its windows may have a source and a checksum, and it may have an
            application header. Compressed sections (xdelta3 needs `-S none`), windows on the
            target (VCD_TARGET) and custom code tables are not supported.
        max_bytes: largest target accepted.

    Returns:
        The target. The checksums of the windows have been checked, if the patch has any. The
        caller must check the checksum of the whole target.

    Raises:
        PatchError: the patch can't be applied; nothing is decoded beyond `max_bytes`.
    """
    target = bytearray()
    instruction_bytes = 0
    for window, length, instructions in _windows(delta, len(base)):
        instruction_bytes += instructions
        if len(target) + length > max_bytes or instruction_bytes > MAX_INSTRUCTION_BYTES:
            raise PatchError(f"the patch claims a target larger than a ROM ({max_bytes:,} bytes)")
        target += _decode(base, window, length)
    return bytes(target)


def _windows(delta: bytes, base_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the windows of a patch: bytes, length of the target, length of the instructions."""
    reader = _ByteReader(delta)
    _read_header(reader)
    while not reader.at_end():
        start = reader.position
        indicator = reader.byte()
        if indicator & WINDOW_TARGET:
            raise PatchError("the patch has a VCD_TARGET window, which is not supported")
        if indicator & ~(WINDOW_SOURCE | WINDOW_ADLER32):
            raise PatchError(f"the patch is damaged: unknown window indicator {indicator:#x}")
        if indicator & WINDOW_SOURCE:
            end = reader.integer() + reader.integer()
            if end > base_bytes:
                raise PatchError(
                    f"the patch needs a longer base: {end:,} bytes, not {base_bytes:,}"
                )
        body = _ByteReader(reader.take(reader.integer()))
        length = body.integer()
        if body.byte():
            raise PatchError("the patch has compressed sections (xdelta3 -S), not supported")
        sections = [body.integer() for _ in ("data", "instructions", "addresses")]
        if body.remaining() != sum(sections) + (4 if indicator & WINDOW_ADLER32 else 0):
            raise PatchError("the patch is damaged: the sections of a window do not add up")
        yield delta[start : reader.position], length, sections[1]


def _read_header(reader: _ByteReader) -> None:
    if reader.take(4) != MAGIC:
        raise PatchError(
            "this is not a VCDIFF patch of version 0: it does not start with d6 c3 c4 00"
        )
    indicator = reader.byte()
    if indicator & HEADER_CODE_TABLE:
        raise PatchError("the patch has a custom code table, which is not supported")
    if indicator & ~(HEADER_SECONDARY | HEADER_APPLICATION):
        raise PatchError(f"the patch is damaged: unknown header indicator {indicator:#x}")
    if indicator & HEADER_SECONDARY:
        reader.byte()  # the compressor's number; each window says whether it was used
    if indicator & HEADER_APPLICATION:
        reader.take(reader.integer())


def _decode(base: bytes, window: bytes, length: int) -> bytes:
    delta = MAGIC + b"\x00" + window
    try:
        # The library would allocate a declared size of 4 GB: check the sum of the sizes first.
        claimed = sum(item.size for item in vcdiff_decoder.parse_delta(delta).instructions)
        if claimed != length:
            raise PatchError(f"the patch is damaged: a window of {length} bytes has {claimed}")
        return bytes(vcdiff_decoder.decode(base, delta))
    except vcdiff_decoder.InvalidChecksumError:
        raise PatchError("a checksum is wrong: another base, or a damaged patch") from None
    except vcdiff_decoder.VCDIFFError as error:
        raise PatchError(f"the patch is damaged: {error}") from None


class _ByteReader:
    """Reads bytes one after the other; raises PatchError at the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def at_end(self) -> bool:
        return self.position == len(self.data)

    def remaining(self) -> int:
        return len(self.data) - self.position

    def take(self, length: int) -> bytes:
        if length > self.remaining():
            raise PatchError(f"the patch is cut off: it ends after {len(self.data):,} bytes")
        self.position += length
        return self.data[self.position - length : self.position]

    def byte(self) -> int:
        return self.take(1)[0]

    def integer(self) -> int:
        """Read a 32-bit integer: base 128, most significant digit first (RFC 3284 section 2)."""
        value = 0
        for _ in range(5):
            digit = self.byte()
            value = value << 7 | digit & 0x7F
            if digit < 0x80:
                return value
        raise PatchError("the patch is damaged: a number has more than five digits")
