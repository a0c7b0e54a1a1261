"""Checks, without a ROM, what training on the contest's own levels needs of stable-retro's data.

    python -m benchmarks.own_roms --recordings FOLDER    checks every level of the contest's sets
    python -m benchmarks.own_roms --show                 prints the tables, updates the documents

FOLDER holds recordings of people, such as OpenAI's repository retro-movies.

A level's state contains the console's memory. The variables that the search, the expert and the
reward read are decoded from it, at the addresses of the game's data.json.
"""

from __future__ import annotations

import gzip
import importlib.metadata
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import stable_retro.data

from agent import command_line
from agent.command_line import option
from agent.errors import UserError
from arena.environment.levels import Level, level_sets, register_integration
from benchmarks.measured import read_measured, write_measured
from benchmarks.measured_tables import update_documents
from benchmarks.tables import markdown_table
from training.experts.demonstrations import find_recording, read_demonstration

SETS = ("sonic-train", "sonic-validation", "sonic-final", "sonic-leaderboard")
SUMMARY, LEVELS, STEPS = "sonic readiness", "sonic levels", "sonic steps"  # names of the tables
POSITION, SCREEN, REWARD = ("x", "y"), ("screen_x", "screen_y"), ("x", "lives", "zone", "act")
MEMORY_AT, MEMORY_BYTES = 16, 1 << 16  # after "GENPLUS-GX 1.7.5" in a state of the emulator
ENDS = re.compile(r'^\s*\["zone=(\d+),act=(\d+)"\] = ([^,\n]+)', re.MULTILINE)  # in script.lua
# Step, what it uses, and the games that it was tried on in place of Sonic.
REHEARSED = (
    ("import by SHA-1", "rom.sha", "Pangolin Dash under another name; patches of free ROMs"),
    ("search for demonstrations", "state, reward, x, y", "Pangolin Dash; Airstriker (no x, y)"),
    ("recordings of people", "GameName, buttons, state", "Airstriker, in the form of 2018"),
    ("expert actions", "x, y", "Pangolin Dash"),
    ("V's weight around the player", "screen_x, screen_y", "Pangolin Dash (camera_x, camera_y)"),
    ("collect, V, M, C, pack", "state, frame, reward", "Pangolin Dash; Airstriker"),
    ("score on held-out levels", "contest.json", "Pangolin Dash"),
)


@dataclass(frozen=True)
class Options:
    """Check the data of the contest's Sonic levels; no ROM is needed."""

    extra: ClassVar[str] = "train"

    recordings: Path | None = option("folder with recordings of people to check [none]", None)
    out: Path = option("JSON file of the results", Path("results/own_roms.json"))
    show: bool = option("check nothing: print the results in --out and update the documents", False)


@dataclass(frozen=True)
class Readiness:
    """What stable-retro's data has for a level.

    Attributes:
        level_set: its set.
        level: its name.
        variables: the value at the start of each variable that is used and defined.
        lacks: names of the variables that are used and not defined.
        recorded_steps: length of the person's recording; None if there is none.
        end_x: position at which the contest's script ends the level; None if it has none.
        problem: what prevents training on the level; "" if nothing does.
    """

    level_set: str
    level: str
    variables: Mapping[str, int]
    lacks: Sequence[str]
    end_x: int | None
    recorded_steps: int | None
    problem: str


def main() -> int:
    """Check the levels, or show the result."""
    options = command_line.parse(Options, prog="python -m benchmarks.own_roms")
    if not options.show:
        found = [
            check(name, level, options.recordings) for name in SETS for level in level_sets()[name]
        ]
        version = importlib.metadata.version("stable-retro")
        levels = [asdict(level) for level in found]
        write_measured(options.out, {"stable_retro": version, "levels": levels})
    result = read_measured(options.out)
    if not result:
        raise UserError(f"{options.out} is missing: run this command without --show")
    made = tables(result)
    print("\n\n".join(made.values()))
    update_documents(made)
    return 0


def check(level_set: str, level: Level, recordings: Path | None = None) -> Readiness:
    """Check the data of a level, and the recording that a folder has of it."""
    where = register_integration(level)

    def file(name: str) -> Path | None:
        path = stable_retro.data.get_file_path(level.game, name, where)
        return Path(path) if path else None

    data, state = file("data.json"), file(f"{level.state}.state")
    scenario, script = file(f"{level.scenario}.json"), file("script.lua")
    if data is None or state is None or scenario is None or script is None:
        return Readiness(level_set, level.name, {}, [], None, None, "a file is missing")
    defined = json.loads(data.read_bytes())["info"]
    used = dict.fromkeys((*POSITION, *SCREEN, *REWARD))
    known = {name: defined[name] for name in used if name in defined}
    variables = read_variables(gzip.decompress(state.read_bytes()), known)
    lacks = [name for name in used if name not in defined]
    ends = level_ends(script.read_text(encoding="utf-8"))
    end_x = ends.get((variables.get("zone", -1), variables.get("act", -1)))
    problem = problem_of(json.loads(scenario.read_bytes()), variables, lacks, end_x)
    steps, path = None, recordings and find_recording([recordings], level)
    if path:
        demonstration = read_demonstration(path)
        steps = demonstration.steps
        if read_variables(demonstration.state, known) != variables:
            problem = problem or "the recording starts elsewhere"
    return Readiness(level_set, level.name, variables, lacks, end_x, steps, problem)


def problem_of(
    scenario: Mapping[str, Any],
    variables: Mapping[str, int],
    lacks: Sequence[str],
    end_x: int | None,
) -> str:
    """Return what prevents training on a level; "" if nothing does."""
    needed = [name for name in lacks if name not in SCREEN]
    if needed:
        return f"data.json has no {', '.join(needed)}"
    if not scenario.get("reward") or not scenario.get("done"):
        return "the scenario has no reward or no end"
    if end_x is None:
        return "script.lua has no end of the level"
    if variables["lives"] < 1 or not 0 <= variables["x"] < end_x:
        return "the state does not start in the level"
    return ""


def read_variables(state: bytes, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Read variables, given as their entries in data.json, from a state of the emulator."""
    memory = state[MEMORY_AT : MEMORY_AT + MEMORY_BYTES]
    return {name: variable(memory, entry) for name, entry in entries.items()}


def variable(memory: bytes, entry: Mapping[str, Any]) -> int:
    """Read an integer variable of data.json from the console's memory.

    Args:
        memory: 64 KiB at address 0xFF0000; the emulator stores 16-bit words in little endian.
        entry: address and type, such as ">u2" or "|u1".
    """
    size, first = int(entry["type"][2:]), entry["address"] % MEMORY_BYTES
    data = bytes(memory[(first + index) ^ 1] for index in range(size))
    return int.from_bytes(data, "big", signed=entry["type"][1] == "i")


def level_ends(script: str) -> dict[tuple[int, int], int]:
    """Return (zone, act) -> x of the level's end, from the table in the contest's script."""
    return {
        (int(zone), int(act)): sum(int(part, 16) for part in x.split("--")[0].split("+"))
        for zone, act, x in ENDS.findall(script)
    }


def tables(result: Mapping[str, Any]) -> dict[str, str]:
    """Return the tables of a result: name -> Markdown."""
    levels = [Readiness(**level) for level in result["levels"]]
    return {SUMMARY: _summary(levels), LEVELS: _levels(levels), STEPS: _steps()}


def _summary(levels: Sequence[Readiness]) -> str:
    rows = []
    for level_set in SETS:
        games = dict.fromkeys(
            Level.parse(level.level).game for level in levels if level.level_set == level_set
        )
        for game in games:
            own = [
                level
                for level in levels
                if level.level_set == level_set and level.level.startswith(f"{game}:")
            ]
            ready = sum(not level.problem for level in own)
            lacks = dict.fromkeys(name for level in own for name in level.lacks)
            rows.append((level_set, game, f"{ready} of {len(own)}", ", ".join(lacks) or "nothing"))
    return markdown_table(("set", "game", "complete levels", "lacks"), rows)


def _levels(levels: Sequence[Readiness]) -> str:
    head = ("level", "set", "zone, act", "start x, y", "end x", "recorded steps", "problem")
    rows = []
    for level in levels:
        values = level.variables

        def pair(names: tuple[str, str], values: Mapping[str, int] = values) -> str:
            return ", ".join(str(values.get(name, "–")) for name in names)

        end = "–" if level.end_x is None else str(level.end_x)
        steps = "–" if level.recorded_steps is None else f"{level.recorded_steps:,}"
        shown = (level.level, level.level_set, pair(("zone", "act")), pair(POSITION), end, steps)
        rows.append((*shown, level.problem or "none"))
    return markdown_table(head, rows)


def _steps() -> str:
    return markdown_table(("step", "uses of the integration", "rehearsed on"), REHEARSED)


if __name__ == "__main__":
    command_line.run(main)
