"""What stable-retro's data has for Sonic, decoded without a ROM."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from arena.environment.contest_env import ContestEnv
from arena.environment.levels import level_sets, select_one
from benchmarks import own_roms


def test_variables_are_decoded_from_a_state_as_the_emulator_reads_them() -> None:
    level = select_one("PangolinDash-Genesis:FoundryZone.Act2")
    assert level.integration is not None
    folder = level.integration / level.game
    defined = json.loads((folder / "data.json").read_bytes())["info"]
    state = gzip.decompress((folder / f"{level.state}.state").read_bytes())
    names = ("x", "y", "lives", "zone", "act", "level_end_x", "magic")
    found = own_roms.read_variables(state, {name: defined[name] for name in names})
    env = ContestEnv(level, seed=1)
    try:
        env.reset()
        read = env.variables()
    finally:
        env.close()
    assert {name: read[name] for name in names} == found and found["lives"] == 3


def test_signed_words_and_bytes() -> None:
    memory = bytearray(1 << 16)
    memory[0x10:0x14] = bytes([0xFE, 0xFF, 0x34, 0x12])  # words in little endian
    assert own_roms.variable(bytes(memory), {"address": 0xFF0010, "type": ">i2"}) == -2
    assert own_roms.variable(bytes(memory), {"address": 0xFFFF0012, "type": ">u2"}) == 0x1234
    assert own_roms.variable(bytes(memory), {"address": 0xFF0013, "type": "|u1"}) == 0x34
    assert own_roms.variable(bytes(memory), {"address": 0xFF0010, "type": ">u4"}) == 0xFFFE1234


def test_the_ends_of_levels_are_read_from_the_script() -> None:
    script = """
    ["zone=0,act=0"] = 0x3080 + 0x1049,
    ["zone=5,act=1"] = 0x68A7, -- changes act before boss
    -- ["zone=5,act=2"] = 000000, -- does not have a max x
    """
    assert own_roms.level_ends(script) == {(0, 0): 0x40C9, (5, 1): 0x68A7}


def test_the_first_level_of_sonic_is_complete() -> None:
    found = own_roms.check("sonic-train", level_sets()["sonic-train"][0])
    assert found.level.endswith("GreenHillZone.Act1") and found.problem == ""
    # The contest's script: ["zone=0,act=0"] = 0x2560. Sonic starts at 80, 944 (0x50, 0x3B0).
    assert found.end_x == 0x2560
    assert (found.variables["x"], found.variables["y"]) == (80, 944)
    assert (found.variables["zone"], found.variables["act"], found.variables["lives"]) == (0, 0, 3)


def test_a_level_without_reward_position_or_end_is_named() -> None:
    scenario, start = {"reward": {}, "done": {}}, {"x": 10, "lives": 3}
    whole = {"reward": {"script": "r"}, "done": {"script": "d"}}
    problem = own_roms.problem_of
    assert problem(whole, start, ["screen_y"], 100) == ""
    assert problem(whole, start, ["y", "screen_y"], 100) == "data.json has no y"
    assert problem(scenario, start, [], 100) == "the scenario has no reward or no end"
    assert problem(whole, start, [], None) == "script.lua has no end of the level"
    assert problem(whole, start | {"x": 200}, [], 100) == "the state does not start in the level"


def test_every_level_of_the_contest_was_checked() -> None:
    result = json.loads(Path("results/own_roms.json").read_bytes())
    checked = {(level["level_set"], level["level"]) for level in result["levels"]}
    expected = {(name, level.name) for name in own_roms.SETS for level in level_sets()[name]}
    assert checked == expected and len(expected) == 74
    assert all(not level["problem"] for level in result["levels"])
    recorded = [level for level in result["levels"] if level["recorded_steps"]]
    assert len(recorded) == 58  # OpenAI's recordings
