"""Building a game of new levels: the options, failed searches, and the shipped level sets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.errors import UserError
from game import art, build, shipped
from game.build import BuildError, Options, level_specs
from game.format import ZONES
from game.levels.finish import GeneratedLevel
from game.levels.routes import read_routes
from game.planning import planner
from game.planning.emulator import Emulator
from game.planning.planner import SearchResult
from game.segments.canvas import Waypoint
from tests.helpers import plain_art
from tests.helpers.segment_levels import segment_level


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (Options("x", zones="Medow"), "no zone is called 'Medow': did you mean Meadow?"),
        (Options("x", zones=" ,"), "--zones is empty"),
        (Options("x", difficulty="2"), "--difficulty is '2'"),
        (Options("x", difficulty="0.9-0.1"), "--difficulty is '0.9-0.1'"),
        (Options("x", difficulty="hard"), "--difficulty is 'hard'"),
        (Options("x", game="a/b"), "--game is 'a/b'"),
    ],
)
def test_an_invalid_option_gives_one_line(options: Options, message: str) -> None:
    with pytest.raises(BuildError) as error:
        level_specs(options)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="contains other files"):
        build.main(["--out", str(tmp_path)])
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_another_game_is_replaced_only_if_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "fresh levels"

    def build_fake(folder: Path, game: str, chosen: object, movies: Path) -> None:
        assert folder != out  # an interrupted build leaves the earlier game alone
        (folder / game).mkdir()
        movies.mkdir()
        if game == "Broken-Genesis":
            raise BuildError("no level")

    monkeypatch.setattr(build, "build", build_fake)
    command = ["--levels", "2", "--out", str(out)]
    assert build.main([*command, "--seed", "7"]) == 0
    settings = json.loads((out / "build.json").read_text())
    assert settings["seed"] == 7 and settings["levels"] == 2
    with pytest.raises(UserError, match=r"another game \(seed: 7 -> 8\): .* --replace") as error:
        build.main([*command, "--seed", "8"])
    assert "\n" not in str(error.value)
    assert json.loads((out / "build.json").read_text()) == settings
    printed = capsys.readouterr().out
    assert printed.endswith(f"run --levels '{out}'\n")
    assert build.main([*command, "--seed", "7"]) == 0
    assert "built earlier with the same options" in capsys.readouterr().out
    with pytest.raises(BuildError, match="no level"):
        build.main([*command, "--game", "Broken-Genesis", "--replace"])
    assert json.loads((out / "build.json").read_text()) == settings
    assert build.main([*command, "--seed", "8", "--game", "Other-Genesis", "--replace"]) == 0
    assert sorted(path.name for path in out.iterdir()) == [
        "Other-Genesis", "build.json", "levels.json", "movies",
    ]  # fmt: skip
    (out / "notes.txt").touch()
    with pytest.raises(UserError, match="contains other files .notes.txt"):
        build.main([*command, "--replace"])
    assert (out / "notes.txt").exists() and [path.name for path in tmp_path.iterdir()] == [out.name]


def test_a_level_that_is_not_solved_is_generated_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    attempts: list[int] = []
    spec = build.LevelSpec("Meadow", 1, 1, 0.3)

    def generate_valid(spec: build.LevelSpec, attempt: int) -> tuple[GeneratedLevel, int]:
        attempts.append(attempt)
        generated = segment_level("plain", "plain", seed=str(attempt), difficulty=0.3)
        return replace(generated, level=replace(generated.level, name=spec.name)), attempt

    def first_unsolved(
        emulator: Emulator,
        start: tuple[int, int],
        waypoints: Sequence[Waypoint],
        seconds: float,
        max_frames: int,
    ) -> SearchResult:
        found = planner.plan(emulator, start, waypoints, seconds, max_frames)
        return replace(found, solved=False) if attempts == [0] else found

    monkeypatch.setattr(build, "generate_valid", generate_valid)
    monkeypatch.setattr(build, "plan", first_unsolved)
    monkeypatch.setattr(art, "draw_zones", lambda: [plain_art.zone(water=True)])
    monkeypatch.setattr(art, "draw_shared", plain_art.shared)
    useless = {spec.name: (0, (0, 0, 0))}  # actions of an earlier build that no longer win
    built = build.build(tmp_path, "Again-Genesis", [spec], tmp_path / "movies", useless)
    assert attempts == [0, 1] and [item.attempt for item in built] == [1]
    assert read_routes(tmp_path / "Again-Genesis")[spec.name].generated_with == (1, 0.3, 1)
    assert [path.name for path in (tmp_path / "movies").iterdir()] == ["MeadowZone.Act1.bk2"]


def test_levels_are_named_like_those_of_the_contest_and_spread_over_zones_and_difficulty() -> None:
    chosen = level_specs(Options("x", levels=5, zones="Meadow,Lagoon", difficulty="0.2-0.6"))
    assert [spec.name for spec in chosen] == [
        "MeadowZone.Act1",
        "LagoonZone.Act1",
        "MeadowZone.Act2",
        "LagoonZone.Act2",
        "MeadowZone.Act3",
    ]
    assert [spec.difficulty for spec in chosen] == [0.2, 0.3, 0.4, 0.5, 0.6]


def test_the_shipped_sets_have_the_sizes_of_the_contest_and_share_no_level() -> None:
    sets = shipped.level_sets()
    assert {name: len(states) for name, (_, _, states) in sets.items()} == {
        "pangolin-train": 37,
        "pangolin-validation": 11,
        "pangolin-test": 11,
    }
    train, validation = sets["pangolin-train"][2], sets["pangolin-validation"][2]
    assert not set(train) & set(validation)
    zones = {state.partition("Zone.")[0] for state in train}
    assert zones == {state.partition("Zone.")[0] for state in validation} == set(ZONES[:6])
    assert sum(state.startswith("Skyline") for state in sets["pangolin-test"][2]) == 3
