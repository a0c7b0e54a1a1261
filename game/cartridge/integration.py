"""The stable-retro integration of a ROM: what the RAM means, the contest's scenario, clean states.

A state is taken by asking the engine for a level through its RAM block; what the emulator leaves
uninitialised in a state is zeroed, so that the same ROM always gives the same bytes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
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
from game import format as fmt
from game.cartridge.rom import check_rom

# What the core writes of a state, and what it leaves to chance in there: addresses of its own that
# it sets anew when it loads (four operators and five outputs of each of the six FM channels, the
# Z80's interrupt handler), and memory that it never set. Found by comparing processes.
STATE_BYTES = 144_681
POINTER_BYTES = 8
POINTERS = [
    140_651 + 400 * channel + field
    for channel in range(6)
    for field in (0, 80, 160, 240, 336, 344, 352, 360, 368)
] + [144_605]
UNSET = slice(144_228, 144_275)
LOAD_FRAMES = 240  # a level is ready long before
BOOT_FRAMES = 60

SCRIPT = """\
-- The contest's reward: 9,000 for the way to the end post, up to 1,000 for doing it soon.
-- Done: a life is lost, or the end post is reached.

local frame_limit = 18000
local frames = 0
local lives = 3
local start_x = nil
local way = nil
local before = 0

local function progress()
    if start_x == nil then
        start_x = data.x
        way = data.level_end_x - data.x
    end
    return math.max(0, math.min(1, (data.x - start_x) / way))
end

function contest_done()
    if data.lives < lives then
        return true
    end
    return progress() >= 1
end

function contest_reward()
    frames = frames + 1
    local now = progress()
    local reward = (now - before) * 9000
    before = now
    if now >= 1 then
        reward = reward + (1 - math.min(1, frames / frame_limit)) * 1000
    end
    return reward
end
"""

CONTEST = {
    "done": {"script": "lua:contest_done"},
    "reward": {"script": "lua:contest_reward"},
    "scripts": ["script.lua"],
}
SCENARIO = {
    "done": {"variables": {"lives": {"op": "less-than", "reference": 3}}},
    "reward": {"variables": {"x": {"reward": 1.0}}},
}


class IntegrationError(UserError):
    """The emulator refused the ROM or a level did not load."""


@dataclass(frozen=True)
class Options:
    """Make the states of a ROM that lies in its integration folder."""

    folder: str = option("the game's folder, with rom.md and data.json", positional=True)
    names: str = option("names of the levels in the ROM's order, with commas", positional=True)


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def data_json() -> dict[str, object]:
    """The RAM block as stable-retro's `data.json` has it."""
    info = {
        name: {"address": fmt.RAM_BASE + offset, "type": kind}
        for name, (offset, kind) in fmt.RAM.items()
    }
    return {"info": info}


def write(folder: Path, rom: bytes, names: Sequence[str]) -> None:
    """Write a whole integration: ROM, its description, the scenarios, one state a level.

    Args:
        folder: the game's folder (its name is the game's); made if missing.
        rom: as `game.cartridge.rom.pack` made it.
        names: the states' names, in the order of the levels in the ROM.

    Raises:
        RomError: the ROM is not whole.
        IntegrationError: a level does not load.
    """
    check_rom(rom, "the ROM")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "rom.md", rom)
    write_atomically(folder / "rom.sha", hashlib.sha1(rom).hexdigest().encode() + b"\n")
    write_atomically(folder / "data.json", _json(data_json()))
    write_atomically(folder / "contest.json", _json(CONTEST))
    write_atomically(folder / "scenario.json", _json(SCENARIO))
    write_atomically(folder / "metadata.json", _json({"default_state": names[0]}))
    write_atomically(folder / "script.lua", SCRIPT.encode())
    for old in folder.glob("*.state"):
        old.unlink()
    # An emulator of its own: a process can hold only one.
    command = [
        sys.executable,
        "-m",
        "game.cartridge.integration",
        str(folder.resolve()),
        ",".join(names),
    ]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise IntegrationError(f"no states for {folder}: {done.stderr.strip()[-500:]}")


def clean(state: bytes) -> bytes:
    """A state without what differs from process to process: addresses and memory never set."""
    kept = bytearray(state[:STATE_BYTES])
    for at in POINTERS:
        kept[at : at + POINTER_BYTES] = bytes(POINTER_BYTES)
    kept[UNSET] = bytes(UNSET.stop - UNSET.start)
    return bytes(kept) + bytes(len(state) - STATE_BYTES)


def compressed(state: bytes) -> bytes:
    """A state as a file: gzip, without a time in it."""
    return gzip.compress(clean(state), 9, mtime=0)


def check_states(folder: Path) -> None:
    """Prove that a folder's states belong to its ROM.

    Raises:
        IntegrationError: a state is cut or of another build; it names the file.
        RomError: the ROM is cut or altered.
    """
    rom = folder / "rom.md"
    try:
        build = check_rom(rom.read_bytes(), str(rom))
    except OSError as error:
        raise IntegrationError(f"{rom}: {error.strerror}; run python -m game.build") from error
    offset = fmt.RAM["build_id"][0]
    for path in sorted(folder.glob("*.state")):
        try:
            state = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, ValueError) as error:
            raise IntegrationError(f"{path} is cut or damaged: rebuild the states") from error
        found = _block_u32(state, offset)
        if found != build:
            raise IntegrationError(
                f"{path} is of build {found:08x}, {rom} is {build:08x}: rebuild the states"
            )


def _block_u32(state: bytes, offset: int) -> int:
    """A long of the RAM block inside a state: the core keeps RAM with its byte pairs swapped."""
    magic = struct.pack(">I", fmt.RAM_MAGIC)
    swapped = bytes([magic[1], magic[0], magic[3], magic[2]])
    at = state.find(swapped, 0, STATE_BYTES)
    if at < 0 or len(state) < STATE_BYTES:
        return 0
    raw = state[at + offset : at + offset + 4]
    return int.from_bytes(bytes([raw[1], raw[0], raw[3], raw[2]]), "big")


def _make_states(folder: Path, names: Sequence[str]) -> None:
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
            raise IntegrationError(f"level {name} does not load (exception {exception})")
        write_atomically(folder / f"{name}.state", compressed(emulator.get_state()))
    env.close()


def main(argv: Sequence[str] | None = None) -> int:
    """Make the states: what `write` starts as a process of its own."""
    options = parse(Options, argv, prog="python -m game.cartridge.integration")
    _make_states(Path(options.folder), options.names.split(","))
    return 0


if __name__ == "__main__":
    run(main)
