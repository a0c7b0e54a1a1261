"""Finding the game of a recording: by its name of 2018, in a folder above, in the shipped one."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from arena.environment.level_files import LevelError
from arena.environment.levels import Level, select
from arena.environment.recorded_games import current_name, recorded_level, recorded_names

SONIC = "SonicTheHedgehog-Genesis"
BUNDLED = "PangolinDash-Genesis"


@pytest.mark.parametrize(
    ("recorded", "now"),
    [
        ("Airstriker-Genesis", "Airstriker-Genesis-v0"),
        ("Airstriker-Genesis-v0", "Airstriker-Genesis-v0"),
        (SONIC, f"{SONIC}-v0"),
        ("SonicTheHedgehog2-Genesis", "SonicTheHedgehog2-Genesis-v0"),
        ("SonicAndKnuckles3-Genesis", "SonicAndKnuckles3-Genesis-v0"),
        ("SonicTheHedgehogCustomKevin-Genesis", "SonicTheHedgehogCustomKevin-Genesis"),
        (BUNDLED, BUNDLED),
        ("Unknown", "Unknown"),
    ],
)
def test_a_name_of_2018_is_found_under_its_name_of_today(recorded: str, now: str) -> None:
    assert current_name(recorded) == now


def test_a_level_is_recorded_under_both_names_of_its_game() -> None:
    (sonic,) = select(f"{SONIC}-v0:GreenHillZone.Act1")
    assert recorded_names(sonic) == (f"{SONIC}-v0", SONIC)
    (custom,) = select("SonicTheHedgehogCustomKevin-Genesis:GreenHillZone.Custom")
    assert recorded_names(custom) == (custom.game,)
    assert recorded_names(Level("Own-v0", "A", integration=Path("own"))) == ("Own-v0",)


def test_the_game_of_a_recording_is_found_wherever_it_is(tmp_path: Path) -> None:
    (bundled,) = select(f"{BUNDLED}:MeadowZone.Act1")
    assert bundled.integration is not None
    fresh = tmp_path / "fresh"
    movie = fresh / "movies" / "MeadowZone.Act1.bk2"  # as `game.build` writes it
    assert recorded_level(movie, BUNDLED).integration == bundled.integration
    shutil.copytree(
        bundled.integration / BUNDLED, fresh / BUNDLED, ignore=shutil.ignore_patterns("*.state")
    )
    assert recorded_level(movie, BUNDLED).integration == fresh
    assert recorded_level(tmp_path / "a.bk2", BUNDLED, fresh).integration == fresh
    gone = tmp_path / "gone"  # the folder that a run had on another machine
    assert recorded_level(tmp_path / "a.bk2", BUNDLED, gone).integration == bundled.integration
    assert recorded_level(movie, SONIC) == Level(f"{SONIC}-v0", "")


@pytest.mark.parametrize("name", ["", "..", "../x", "a\0b", "x" * 5000, "\x1b[31m", "Own-Genesis"])
def test_an_unknown_game_gives_one_printable_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(LevelError, match=re.escape(repr(name[:100]))) as error:
        recorded_level(tmp_path / "a.bk2", name)
    assert str(error.value).isprintable()
