"""The level sets equal the contest's and exist in stable-retro; errors have one line."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stable_retro
import stable_retro.data
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stable_retro.data import Integrations

from arena.environment.availability import (
    MissingRomError,
    check_available,
    describe_levels,
    describe_sets,
)
from arena.environment.level_files import LevelError
from arena.environment.levels import SLUG_LENGTH, Level, level_sets, select, select_one

DATA = Path(stable_retro.data.path())
AIRSTRIKER = Level("Airstriker-Genesis-v0", "Level1", "scenario")
SONIC = "SonicTheHedgehog-Genesis-v0"
EVERY_LEVEL = [level for levels in level_sets().values() for level in levels]
ALL_LEVELS = [level for level in EVERY_LEVEL if level.integration is None]  # stable-retro's data


def folder_of(game: str) -> Path:
    return DATA / ("stable" if game.endswith("-v0") else "contrib") / game


def test_the_sets_have_the_contests_sizes() -> None:
    sizes = {name: len(levels) for name, levels in level_sets().items()}
    assert sizes == {
        "airstriker": 1,
        "sonic-train": 47,
        "sonic-validation": 11,
        "sonic-final": 11,
        "sonic-leaderboard": 5,
        "pangolin-train": 37,
        "pangolin-validation": 11,
        "pangolin-test": 11,
    }
    assert len(set(EVERY_LEVEL)) == sum(sizes.values()) == 75 + 59
    assert len(set(ALL_LEVELS)) == 75


def test_the_projects_own_game_is_found_by_each_of_its_names() -> None:
    levels = level_sets()["pangolin-validation"]
    folder = Path(__file__).parents[3] / "game" / "integrations"
    assert {level.integration for level in levels} == {folder}
    for level in levels:
        check_available(level)
        assert select(level.name) == [level]
    with pytest.raises(LevelError, match=r"no state of PangolinDash-Genesis is called"):
        select("PangolinDash-Genesis:MeadowZone.Act9")


@pytest.mark.parametrize("level", ALL_LEVELS, ids=lambda level: level.name)
def test_every_level_is_shipped_with_stable_retro(level: Level) -> None:
    folder = folder_of(level.game)
    assert (folder / f"{level.state}.state").stat().st_size > 0
    scenario = json.loads((folder / f"{level.scenario}.json").read_text())
    assert scenario.get("reward") and scenario.get("done")
    assert (folder / "data.json").is_file()
    assert level.scenario == ("scenario" if level == AIRSTRIKER else "contest")


def test_training_and_validation_sets_divide_the_58_zone_acts() -> None:
    """Every act with a state in stable-retro is in exactly one of the two sets."""
    train, validation = level_sets()["sonic-train"], level_sets()["sonic-validation"]
    games = {level.game for level in train}
    states = {
        Level(game, path.stem, "contest")
        for game in games
        for path in folder_of(game).glob("*.state")
    }
    assert not set(train) & set(validation)
    assert set(train) | set(validation) == states
    assert sorted(Counter(level.game for level in train).items()) == [
        ("SonicAndKnuckles3-Genesis-v0", 19),
        ("SonicTheHedgehog-Genesis-v0", 13),
        ("SonicTheHedgehog2-Genesis-v0", 15),
    ]


def test_the_custom_sets_contain_all_levels_of_the_custom_games() -> None:
    custom = {*level_sets()["sonic-final"], *level_sets()["sonic-leaderboard"]}
    shipped = {
        Level(path.parent.name, path.stem, "contest")
        for path in DATA.glob("contrib/Sonic*Custom*/*.state")
    }
    assert custom == shipped


def test_select_returns_each_level_of_sets_and_mixtures_once() -> None:
    assert select("airstriker") == [AIRSTRIKER]
    assert select("sonic-final") == list(level_sets()["sonic-final"])
    marble, hill = f"{SONIC}:MarbleZone.Act1", f"{SONIC}:GreenHillZone.Act2"
    mixed = select(f" {marble},airstriker , {hill},sonic-validation,{marble},,")
    assert [level.name for level in mixed[:3]] == [marble, AIRSTRIKER.name, hill]
    assert len(mixed) == 13 and len(set(mixed)) == 13
    assert mixed[0].scenario == "contest"  # as in its set, however it is named
    assert select("Breakout-Atari2600-v0:Start")[0].scenario == "scenario"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("MeadowZone.Act3", "PangolinDash-Genesis:MeadowZone.Act3"),
        ("meadowzone.act3", "PangolinDash-Genesis:MeadowZone.Act3"),
        ("pangolin:MeadowZone.Act3", "PangolinDash-Genesis:MeadowZone.Act3"),
        ("PangolinDash:MeadowZone.Act1", "PangolinDash-Genesis:MeadowZone.Act1"),
        ("pangolindashfinal:MeadowZone.Act1", "PangolinDashFinal-Genesis:MeadowZone.Act1"),
        ("sonic:GreenHillZone.Act1", f"{SONIC}:GreenHillZone.Act1"),
        ("SonicTheHedgehog-Genesis:greenhillzone.act1", f"{SONIC}:GreenHillZone.Act1"),
        ("game/integrations:MeadowZone.Act3", "PangolinDash-Genesis:MeadowZone.Act3"),
        ("game/integrations:pangolindash:meadowzone.act1", "PangolinDash-Genesis:MeadowZone.Act1"),
        ("Airstriker", "Airstriker-Genesis-v0:Level1"),
        ("breakout:start", "Breakout-Atari2600-v0:Start"),
    ],
)
def test_a_level_is_understood_as_people_write_it(
    written: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parents[3])
    level = select_one(written)
    assert level.name == name
    assert [level] == select(name) or level.integration  # the same data as by its whole name


@pytest.mark.parametrize("text", ["MeadowZone.Act1", "pangolin:MeadowZone.Act1"])
def test_a_name_that_means_several_levels_names_them(text: str) -> None:
    both = "PangolinDash-Genesis:MeadowZone.Act1 or PangolinDashFinal-Genesis:MeadowZone.Act1"
    with pytest.raises(LevelError, match=f"^'{text}' names 2 levels: use {both}$"):
        select(text)
    with pytest.raises(LevelError, match="'PANGOLIN-test' names 11 levels: name one, as in Pang"):
        select_one("PANGOLIN-test")


def test_every_level_is_found_by_its_state_where_it_is_unique() -> None:
    states = Counter(level.state for level in {level.name: level for level in EVERY_LEVEL}.values())
    for level in EVERY_LEVEL:
        if states[level.state] == 1:
            assert select(level.state.lower()) == select(level.name) == [level]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no level is named.*airstriker, sonic-train"),
        (" , ", "no level is named"),
        ("sonic-trian", "'sonic-trian': did you mean sonic-train"),
        ("qqqqqq", "choose from airstriker, sonic-train.* more"),
        ("Airstrikr-Genesis:Level1", "did you mean Airstriker-Genesis-v0"),
        ("Airstrike:Level1", "no game is called 'Airstrike': did you mean Airstriker"),
        ("MeadowZone.Act33", "'MeadowZone.Act33': did you mean MeadowZone.Act3"),
        ("pangolin:Meadow.Act3", "PangolinDash-Genesis or PangolinDashFinal-.* MeadowZone.Act3"),
        ("PangolinDash:CanyonZone.Act12", "no state of PangolinDash-Genesis is"),
        ("PangolinDash-Genesis.MeadowZone.Act3", "did you mean PangolinDash-Genesis"),
        (SONIC, f"is a game: add a state of it, as in {SONIC}:GreenHillZone.Act1"),
        ("pangolindash", "PangolinDash-Genesis is a game: add a state of it, as in PangolinDash-"),
        (f"{SONIC}:GreenHill.Act9", "no state of .* did you mean GreenHillZone.Act"),
        (f"{SONIC}:", "no state of"),
        (":Level1", "':Level1' is not a level's name: give GAME:STATE"),
        ("x" * 5000, "no level set"),
        ("y:" * 5000, "no game"),
        ("../stable:Level1", "no folder"),
        ("./nowhere", "no folder"),
    ],
)
def test_errors_about_unknown_names_suggest_the_nearest(text: str, reason: str) -> None:
    with pytest.raises(LevelError, match=reason) as error:
        select(text)
    assert "\n" not in str(error.value)


@settings(max_examples=40)
@given(st.text(max_size=40))
def test_any_text_selects_levels_or_raises_a_level_error(text: str) -> None:
    try:
        assert select(text)
    except LevelError as error:
        assert str(error)


def test_check_available_names_what_is_missing() -> None:
    check_available(AIRSTRIKER)
    with pytest.raises(LevelError, match="no game is called 'Airstryker-Genesis-v0': did you"):
        check_available(Level("Airstryker-Genesis-v0", "Level1"))
    with pytest.raises(LevelError, match="no state of .* 'Level2': did you mean Level1"):
        check_available(Level(AIRSTRIKER.game, "Level2"))
    with pytest.raises(LevelError, match="no scenario of .* 'contest': choose from scenario"):
        check_available(Level(AIRSTRIKER.game, "Level1", "contest"))


@pytest.fixture(autouse=True)
def no_custom_folder_left() -> Iterator[None]:
    yield
    Integrations.clear_custom_paths()


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of stable-retro's data with a few games and no ROMs."""
    copy = tmp_path / "data"
    for game in {level.game for level in ALL_LEVELS}:
        target = copy / folder_of(game).relative_to(DATA)
        shutil.copytree(folder_of(game), target, ignore=shutil.ignore_patterns("rom.md"))
    monkeypatch.setattr(stable_retro.data, "path", lambda hint=None: str(copy))
    return copy


def test_a_missing_rom_says_how_to_get_it(data: Path) -> None:
    for level in ALL_LEVELS:
        with pytest.raises(MissingRomError, match="roms import FOLDER") as error:
            check_available(level)
        assert "\n" not in str(error.value)
    with pytest.raises(MissingRomError, match="SonicTheHedgehog2-Genesis-v0, which it patches"):
        check_available(level_sets()["sonic-leaderboard"][-1])


def test_a_rom_with_another_checksum_is_refused(data: Path) -> None:
    (data / "stable" / AIRSTRIKER.game / "rom.md").write_bytes(b"another")
    with pytest.raises(MissingRomError, match="rom.md is damaged or another ROM"):
        check_available(AIRSTRIKER)


def test_a_missing_contest_scenario_is_an_error(data: Path) -> None:
    (data / "stable" / SONIC / "contest.json").unlink()
    with pytest.raises(LevelError, match="no scenario of .* 'contest': choose from scenario"):
        check_available(Level(SONIC, "GreenHillZone.Act1", "contest"))


def test_descriptions(data: Path) -> None:
    lines = describe_sets().splitlines()
    assert len([line for line in lines if line.startswith("sonic-")]) == 4
    assert lines[1].split()[:3] == ["airstriker", "1", "0"]
    (line,) = describe_levels([AIRSTRIKER]).splitlines()
    assert line.startswith("Airstriker-Genesis-v0:Level1  [scenario]  no ROM of")


def test_description_of_what_can_be_played() -> None:
    assert describe_sets().splitlines()[1].split()[:3] == ["airstriker", "1", "1"]
    assert describe_levels([AIRSTRIKER]) == "Airstriker-Genesis-v0:Level1  [scenario]"


def test_names_and_slugs() -> None:
    assert AIRSTRIKER.name == "Airstriker-Genesis-v0:Level1"
    assert AIRSTRIKER.slug == "Airstriker-Genesis-v0.Level1"
    assert len({level.slug for level in EVERY_LEVEL}) == 75 + 59


@given(st.text(max_size=200), st.text(max_size=200))
@example(":", "")
def test_slugs_are_safe_for_any_file_system(game: str, state: str) -> None:
    level = Level(game, state)
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9a-f-]{9}", level.slug)
    assert len(level.slug) <= SLUG_LENGTH
    if game != state:
        assert Level(state, game).slug != level.slug


@given(st.text("a.:-", max_size=5), st.integers(0, 5), st.integers(0, 5))
@example("a.b.c", 1, 3)
def test_the_same_letters_split_elsewhere_give_another_slug(text: str, one: int, two: int) -> None:
    levels = {Level(text[:cut], text[cut + 1 :]) for cut in (one, two)}
    assert len({level.slug for level in levels}) == len(levels)


def test_a_level_is_the_same_after_json() -> None:
    for level in (Level("Game", "State"), Level("Game", "A:B", "contest", Path("/games"))):
        assert Level.from_json(json.loads(json.dumps(level.to_json()))) == level
        assert Level.parse(level.name).name == level.name


@pytest.mark.parametrize(
    "values", [{}, [], None, {"game": 1}, {**AIRSTRIKER.to_json(), "state": 1}]
)
def test_a_level_of_another_form_gives_one_clear_error(values: Any) -> None:
    with pytest.raises(LevelError, match="the level"):
        Level.from_json(values)
