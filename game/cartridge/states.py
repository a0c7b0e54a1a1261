"""Makes the save states of a ROM's levels, always with the same bytes for the same ROM.

To make a state, a level is requested from the engine through its RAM block. The emulator leaves
parts of a state uninitialised; these are set to zero.
"""

from __future__ import annotations

import gzip
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.command_line import option, parse, run
from agent.errors import UserError
from agent.files import write_atomically
from game.cartridge.rom import check_rom
from game.ram import RAM, RAM_MAGIC

# The emulator core writes STATE_BYTES of a state. Some of them differ from process to process:
# pointers that the core sets again when it loads a state (four operators and five outputs of each
# of the six FM channels, the Z80's interrupt handler), and memory that it never initialises.
# Comparing the states of several processes showed where they are.
STATE_BYTES = 144_681
POINTER_BYTES = 8
POINTERS = [
    140_651 + 400 * channel + field
    for channel in range(6)
    for field in (0, 80, 160, 240, 336, 344, 352, 360, 368)
] + [144_605]
UNSET = slice(144_228, 144_275)
LOAD_FRAMES = 240  # upper limit; a level loads in about 16
BOOT_FRAMES = 60


class StateError(UserError):
    """A state is missing, damaged or of another build, or a level does not load."""


@dataclass(frozen=True)
class Options:
    """Make the states of the ROM in an integration folder."""

    folder: str = option("game folder, with rom.md and data.json", positional=True)
    names: str = option(
        "names of the levels in the order of the ROM, separated by commas", positional=True
    )


def make_states(folder: Path, names: Sequence[str]) -> None:
    """Replace the states of a game by new ones.

    Args:
        folder: the game's folder, with its ROM and its `data.json`.
        names: names of the states, in the order of the levels in the ROM.

    Raises:
        StateError: a level does not load.
    """
    for old in folder.glob("*.state"):
        old.unlink()
    # A process can hold only one emulator, so this one runs in a separate process.
    module = "game.cartridge.states"
    command = [sys.executable, "-m", module, str(folder.resolve()), ",".join(names)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StateError(f"{folder}: the states can't be made: {done.stderr.strip()[-500:]}")


def clean(state: bytes) -> bytes:
    """Set to zero what differs from process to process: pointers and uninitialised memory."""
    kept = bytearray(state[:STATE_BYTES])
    for at in POINTERS:
        kept[at : at + POINTER_BYTES] = bytes(POINTER_BYTES)
    kept[UNSET] = bytes(UNSET.stop - UNSET.start)
    return bytes(kept) + bytes(len(state) - STATE_BYTES)


def compressed(state: bytes) -> bytes:
    """Encode a state as a file: gzip without a time stamp."""
    return gzip.compress(clean(state), 9, mtime=0)


def check_states(folder: Path) -> None:
    """Check that the states in a game's folder belong to its ROM.

    Raises:
        StateError: the ROM is missing, or a state is truncated or of another build.
        CartridgeError: the ROM is truncated or altered.
    """
    rom = folder / "rom.md"
    try:
        build = check_rom(rom.read_bytes(), str(rom))
    except OSError as error:
        raise StateError(f"{rom}: {error.strerror}; run python -m game.build") from error
    offset = RAM["build_id"][0]
    for path in sorted(folder.glob("*.state")):
        try:
            state = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, ValueError) as error:
            raise StateError(f"{path} is truncated or damaged: rebuild the states") from error
        found = _block_u32(state, offset)
        if found != build:
            raise StateError(
                f"{path} belongs to build {found:08x}, but {rom} is build {build:08x}:"
                " rebuild the states"
            )


def _block_u32(state: bytes, offset: int) -> int:
    """Read a variable of 32 bits from the RAM block in a state; the core swaps pairs of bytes."""
    magic = struct.pack(">I", RAM_MAGIC)
    swapped = bytes([magic[1], magic[0], magic[3], magic[2]])
    at = state.find(swapped, 0, STATE_BYTES)
    if at < 0 or len(state) < STATE_BYTES:
        return 0
    raw = state[at + offset : at + offset + 4]
    return int.from_bytes(bytes([raw[1], raw[0], raw[3], raw[2]]), "big")


def _record_states(folder: Path, names: Sequence[str]) -> None:
    import stable_retro

    stable_retro.data.Integrations.add_custom_path(str(folder.parent))
    env = stable_retro.make(
        folder.name,
        state=stable_retro.State.NONE,
        scenario="scenario",
        inttype=stable_retro.data.Integrations.ALL,
        render_mode="rgb_array",
    )
    idle = np.zeros(12, np.uint8)
    env.reset()
    emulator, data = env.em, env.data

    def step() -> None:
        emulator.set_button_mask(idle, 0)
        emulator.step()
        data.update_ram()

    for _ in range(BOOT_FRAMES):
        step()
    booted = clean(emulator.get_state())
    for index, name in enumerate(names):
        emulator.set_state(booted)
        data.update_ram()
        data.set_value("request", index + 1)
        for _ in range(LOAD_FRAMES):
            step()
            if data.lookup_value("ready") and data.lookup_value("level") == index:
                break
        else:
            exception = data.lookup_value("exception")
            raise StateError(f"level {name} does not load (exception {exception})")
        write_atomically(folder / f"{name}.state", compressed(emulator.get_state()))
    env.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Make the states; `make_states` starts this as a separate process."""
    options = parse(Options, argv, prog="python -m game.cartridge.states")
    _record_states(Path(options.folder), options.names.split(","))
    return 0


if __name__ == "__main__":
    run(main)
