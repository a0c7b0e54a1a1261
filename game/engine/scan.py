"""Scans the disassembly of the engine for code that a 68000 cannot run.

It looks for word and long accesses at odd absolute addresses, odd displacements from address
registers that hold even addresses, and 68020 instructions. The emulator does not trap the first
two; it returns wrong data without an error.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

LINE = re.compile(r"^\s*([0-9a-f]+):\t(?:[0-9a-f]{4} )+\s*\t(\S+)\s*(.*)$")
SYMBOL = re.compile(r"<[^>]*>")
ABSOLUTE = re.compile(r"(?<![#%\w])([0-9a-f]{2,8}) <>|(?<![#%\w-])0x([0-9a-f]+)(?![0-9a-f(])")
DISPLACEMENT = re.compile(r"%(?:a[0-6]|fp|sp)@\((-?\d+)\)")
MODERN = re.compile(r"^(divsl?l|divull?|mulsl|mulul|extbl|bf\w+|rtd|pack|unpk|cas2?[bwl]|chk2)")


def problems(listing: str) -> list[str]:
    """Return the lines of an objdump listing that a 68000 cannot run, each with the reason."""
    found = []
    for line in listing.splitlines():
        match = LINE.match(line)
        if not match:
            continue
        mnemonic, operands = match.group(2), SYMBOL.sub("<>", match.group(3))
        if MODERN.match(mnemonic):
            found.append(f"not a 68000 instruction: {line.strip()}")
        if not mnemonic.endswith(("w", "l")) or mnemonic.startswith(("lea", "pea", "b", "db", "j")):
            continue
        odd = any(int(offset) & 1 for offset in DISPLACEMENT.findall(operands))
        for labelled, plain in ABSOLUTE.findall(operands):
            odd = odd or bool(int(labelled or plain, 16) & 1)
        if odd:
            found.append(f"word access at an odd address: {line.strip()}")
    return found


def main() -> int:
    """Scan the listing named on the command line; print faulty lines, and return 1 if any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("listing", type=Path, help="listing that `objdump -d` printed")
    path = parser.parse_args().listing
    try:
        listing = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"{path} can't be read: {error}")
    if not any(LINE.match(line) for line in listing.splitlines()):
        parser.error(f"{path} is not an objdump listing")
    found = problems(listing)
    for line in found:
        print(line, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
