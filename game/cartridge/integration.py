"""Writes the stable-retro integration of a ROM: RAM variables, the contest's scenario, states."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.files import write_atomically
from game.cartridge.rom import check_rom
from game.cartridge.states import make_states
from game.ram import RAM, RAM_BASE

SCRIPT = """\
-- The contest's reward: 9,000 for progress to the end post, up to 1,000 for an early finish.
-- An episode ends when a life is lost or the end post is reached.

local frame_limit = 18000
local frames = 0
local lives = 3
local start_x = nil
local distance = nil
local before = 0

local function progress()
    if start_x == nil then
        start_x = data.x
        distance = data.level_end_x - data.x
    end
    return math.max(0, math.min(1, (data.x - start_x) / distance))
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


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def data_json() -> dict[str, object]:
    """Describe the RAM block as `data.json` of stable-retro does."""
    info = {
        name: {"address": RAM_BASE + offset, "type": kind} for name, (offset, kind) in RAM.items()
    }
    return {"info": info}


def write(folder: Path, rom: bytes, names: Sequence[str]) -> None:
    """Write an integration: the ROM, its variables, the scenarios and one state for each level.

    Args:
        folder: folder of the game, named like the game; created if missing.
        rom: the ROM that `game.cartridge.rom.pack` made.
        names: names of the states, in the order of the levels in the ROM.

    Raises:
        CartridgeError: the ROM is not complete.
        StateError: a level does not load.
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
    make_states(folder, names)


def write_level_list(folder: Path, sets: Mapping[str, tuple[str, str, Sequence[str]]]) -> None:
    """Write `levels.json`, which `arena.environment.levels.read_folder` reads.

    Args:
        folder: folder that contains the folders of the games.
        sets: name of a level set -> (description, game, states).
    """
    content = {
        "format_version": 1,
        "sets": {
            name: {"about": about, "scenario": "contest", "levels": {game: list(states)}}
            for name, (about, game, states) in sets.items()
        },
    }
    write_atomically(folder / "levels.json", _json(content))
