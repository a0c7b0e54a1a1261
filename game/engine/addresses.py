"""Writes the addresses of the engine's variables in RAM, from the linker's map, as a C header.

game/native copies these variables from the console's RAM into the engine on another machine.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

# A section of one variable; the address may be on the line after the name.
VARIABLE = re.compile(
    r"^ \.(?:bss\.(\w+)|(block|cells))\s+0x([0-9a-f]+)\s+0x[0-9a-f]+ \S*?(\w+)\.o$", re.MULTILINE
)
RAM = 0xFF0000  # where the console's RAM begins; discarded sections are at 0
HEADER = "/* Where the engine's variables are in RAM, by file. build.sh writes this file. */\n"


def header(linker_map: str) -> str:
    """Return the header: a line for each variable, in the order of the addresses."""
    found = sorted(
        (int(address, 16), f"AT_{source}_{bss or special}".upper())
        for bss, special, address, source in VARIABLE.findall(linker_map)
    )
    return HEADER + "".join(f"#define {name} 0x{at - RAM:04X}\n" for at, name in found if at >= RAM)


def main() -> int:
    """Print the header of the linker's map named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("map", type=Path, help="map that the linker wrote")
    path = parser.parse_args().map
    try:
        linker_map = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"{path} can't be read: {error}")
    sys.stdout.write(header(linker_map))
    return 0


if __name__ == "__main__":
    sys.exit(main())
