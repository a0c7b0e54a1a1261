"""Level lists and games in a user's own folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import stable_retro
import stable_retro.data
from stable_retro.data import Integrations

from arena.environment.availability import (
    MissingRomError,
    check_available,
)
from arena.environment.level_files import LevelError
from arena.environment.levels import Level, register_integration, select

DATA = Path(stable_retro.data.path())
AIRSTRIKER = Level("Airstriker-Genesis-v0", "Level1", "scenario")
SONIC = "SonicTheHedgehog-Genesis-v0"


def folder_of(game: str) -> Path:
    return DATA / ("stable" if game.endswith("-v0") else "contrib") / game


@pytest.fixture(autouse=True)
def no_custom_folder_left() -> Iterator[None]:
    yield
    Integrations.clear_custom_paths()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder as a level generator writes it, with the free ROM instead of a game's own."""
    folder = tmp_path / "own"
    game = folder / "OwnGame-Genesis"
    shutil.copytree(folder_of(AIRSTRIKER.game), game)
    shutil.copy(game / "Level1.state", game / "hill.state")
    (game / "progress.json").write_text((game / "scenario.json").read_text())
    write(folder, {"train": ["Level1"], "test": ["hill"]})
    return folder


def write(folder: Path, sets: dict[str, list[str]], **more: object) -> None:
    content = {
        name: {"scenario": "progress", "levels": {"OwnGame-Genesis": states}}
        for name, states in sets.items()
    }
    (folder / "levels.json").write_text(json.dumps({"format_version": 1, "sets": content} | more))


def test_a_folder_with_a_comma_in_its_name(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = own.rename(own.with_name("own, 2nd"))
    shutil.copytree(other, own)
    for text in (f"{other}", f" {other}:hill", f"airstriker,{other}:train"):
        assert select(text)[-1].integration == other.resolve(), text
    assert [level.state for level in select(f"{other}:hill,{other}:Level1")] == ["hill", "Level1"]
    (hill, first) = select(f"{own}:hill,{own}:Level1")
    assert (hill.state, first.state, hill.integration) == ("hill", "Level1", own.resolve())
    monkeypatch.chdir(own.parent)
    assert select("airstriker,own, 2nd")[-1].integration == other.resolve()
    with pytest.raises(LevelError, match=r"there is no folder '/nowhere'"):
        select("/nowhere,airstriker")


def test_a_folder_of_a_custom_game(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = select(str(own))
    assert first == Level("OwnGame-Genesis", "Level1", "progress", own.resolve())
    assert second.state == "hill"
    assert select(f"{own}:test") == select(f"{own}:OwnGame-Genesis:hill") == [second]
    monkeypatch.chdir(own.parent)
    assert select("own,airstriker") == [first, second, AIRSTRIKER]
    for level in (first, second):
        check_available(level)
    check_available(AIRSTRIKER)
    with pytest.raises(
        LevelError, match=r"no set or level is called 'tset' in .*own: did you mean"
    ):
        select(f"{own}:tset")


def test_a_folders_game_really_starts(own: Path) -> None:
    (level,) = select(f"{own}:test")
    environment = stable_retro.make(
        level.game,
        level.state,
        scenario=level.scenario,
        inttype=register_integration(level),
        render_mode="rgb_array",
    )
    try:
        frame, _ = environment.reset()
        assert frame.shape == (224, 320, 3) and frame.any()
    finally:
        environment.close()


def test_a_folders_games_are_looked_up_only_there(own: Path) -> None:
    write(own, {"train": ["Level1"]})
    (level,) = select(str(own))
    shutil.rmtree(own / "OwnGame-Genesis")
    with pytest.raises(LevelError, match="no game is called 'OwnGame-Genesis' in"):
        check_available(level)
    with pytest.raises(LevelError, match="no game is called"):
        check_available(Level(AIRSTRIKER.game, "Level1", "scenario", own))


def test_missing_files_in_a_folder_are_errors(own: Path) -> None:
    level, _ = select(str(own))
    (own / "OwnGame-Genesis/rom.md").unlink()
    with pytest.raises(MissingRomError, match="no ROM of .*put it at .*own/OwnGame-Genesis/rom.md"):
        check_available(level)
    (own / "OwnGame-Genesis/progress.json").unlink()
    with pytest.raises(LevelError, match="scenario of OwnGame-Genesis is called 'progress' in"):
        check_available(level)
    (own / "OwnGame-Genesis/Level1.state").unlink()
    with pytest.raises(LevelError, match="state of OwnGame-Genesis is called 'Level1' in"):
        check_available(level)


def test_games_in_a_folder_of_their_own(own: Path) -> None:
    (own / "games").mkdir()
    (own / "OwnGame-Genesis").rename(own / "games/OwnGame-Genesis")
    write(own, {"train": ["hill"]}, integration="games")
    (level,) = select(str(own))
    assert level.integration == (own / "games").resolve()
    check_available(level)


def test_two_folders_with_a_level_of_the_same_name(own: Path, tmp_path: Path) -> None:
    shutil.copytree(own, tmp_path / "other")
    with pytest.raises(LevelError, match="OwnGame-Genesis:Level1 is named twice"):
        select(f"{own},{tmp_path / 'other'}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "{}",
        '{"format_version": 2, "sets": {}}',
        '{"format_version": 1}',
        '{"format_version": 1, "sets": []}',
        '{"format_version": 1, "sets": {"a": {}}}',
        '{"format_version": 1, "sets": {"a": {"levels": ["b"]}}}',
        '{"format_version": 1, "sets": {"a": {"levels": {"G": []}}}}',
        '{"format_version": 1, "sets": {"a": {"levels": {"G": "s"}}}}',
        '{"format_version": 1, "sets": {"a": {"levels": {"G": ["s", "s"]}}}}',
        '{"format_version": 1, "sets": {"a": {"levels": {"G": [1]}}}}',
        '{"format_version": 1, "sets": {"a": {"levels": {"../G": ["s"]}}}}',
        '{"format_version": 1, "sets": {"a": {"levels": {"..": ["s"]}}}}',
        '{"format_version": 1, "sets": {"a": {"levels": {"G": ["a:b"]}}}}',
        '{"format_version": 1, "sets": {"a": {"scenario": "/x", "levels": {"G": ["s"]}}}}',
        '{"format_version": 1, "integration": 5, "sets": {}}',
        '{"format_version": 1, "sets": {}}',
        "[" * 100_000,
    ],
)
def test_a_level_file_of_another_form_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "levels.json").write_text(text)
    with pytest.raises(LevelError, match=r"levels\.json") as error:
        select(str(tmp_path))
    assert "\n" not in str(error.value)


def test_a_folder_without_a_level_file(tmp_path: Path) -> None:
    with pytest.raises(LevelError, match=r"not a folder of levels: it has no levels\.json"):
        select(str(tmp_path))
    (tmp_path / "levels.json").write_bytes(b"\xff\xfe")
    with pytest.raises(LevelError, match="can't be read as JSON"):
        select(str(tmp_path))
