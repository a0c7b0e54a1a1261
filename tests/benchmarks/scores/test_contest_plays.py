"""The file of the contest's plays: other models and other ROMs are excluded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.scores.contest_players import SHIPPED
from benchmarks.scores.contest_plays import ContestPlays
from benchmarks.scores.contest_summary import budgets, summarize
from benchmarks.scores.contest_tables import markdown
from benchmarks.store import StoreError
from tests.helpers.contest_plays import GAME, IDENTITIES, JERK, LEVELS, SETUP, add, opened


def test_results_survive_being_written(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    made = opened()
    add(made, SHIPPED, [[[1.234, 2.0], []], [[3.0]]])
    add(made, JERK, [[[5.0]]], steps=2000)
    made.save(path)
    read = ContestPlays.load(path)
    assert read == made
    play = read.plays[read.key(1000, SHIPPED, LEVELS[0], 1)]
    assert play.returns == [1.23, 2.0] and read.setups[play.setup] == SETUP
    # One line for each play, the smaller budget first.
    lines = path.read_text().split('"rows": [\n')[1].splitlines()[:-1]
    assert [json.loads(line.rstrip(","))["budget_steps"] for line in lines] == [1000] * 3 + [2000]


@pytest.mark.parametrize("content", ["", "[]", '{"format": "x", "version": 1}', "cut"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "scores.json"
    made = opened()
    add(made, JERK, [[[5.0]]])
    made.save(path)
    path.write_text(path.read_text()[:-40] if content == "cut" else content)
    with pytest.raises(StoreError, match=r"scores\.json is not a file of contest scores"):
        opened(path)


def test_plays_of_another_model_are_excluded_until_it_is_used_again(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    old = opened()
    add(old, SHIPPED, [[[1000.0]], [[1000.0]]])
    add(old, JERK, [[[500.0]], [[500.0]]])
    assert old.excluded() is None
    old.save(path)

    new = opened(path, model="9876543210abcdef")
    assert [row.agent for row in summarize(new, 1000)] == [JERK]
    excluded = new.excluded()
    assert excluded is not None and excluded.startswith("2 plays") and "\n" not in excluded
    assert SHIPPED in excluded and "abcdef012345" in excluded and JERK not in excluded
    assert excluded in markdown(new)
    add(new, SHIPPED, [[[3000.0]], [[3000.0]]])
    assert summarize(new, 1000)[-1].mean == 3000.0
    new.save(path)

    again = opened(path)
    assert summarize(again, 1000)[-1].mean == 1000.0
    assert "9876543210ab" in (again.excluded() or "")


def test_ids_of_players_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    old = opened(settings={"explore": False}, explorer=1)
    assert list(old.players) == [f"p{number}" for number in range(1, len(IDENTITIES) + 1)]
    old.save(path)
    same = opened(path, explorer=1, settings={"explore": False})
    assert (same.players, same.current) == (old.players, old.current)
    for changed in (
        {"settings": {"explore": True}, "explorer": 1},
        {"settings": {"explore": False}, "explorer": 2},
        {"settings": {"explore": False}},
    ):
        other = opened(path, **changed)
        assert other.current[JERK] == old.current[JERK]
        assert other.current[SHIPPED] not in old.players


def test_a_play_of_an_unknown_player_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    made = opened()
    add(made, JERK, [[[5.0]]])
    del made.players[made.current[JERK]]
    made.save(path)
    with pytest.raises(StoreError, match="players have no 'p3'"):
        ContestPlays.load(path)


def test_plays_on_another_rom_are_excluded(tmp_path: Path) -> None:
    old = opened()
    add(old, JERK, [[[500.0]]])
    old.save(tmp_path / "scores.json")
    new = ContestPlays.open(tmp_path / "scores.json", IDENTITIES, {GAME: "rom2"}, LEVELS, SETUP)
    assert budgets(new) == []
    assert new.excluded() == (
        "1 plays are excluded, because they were made with another ROM (SHA-1 rom1)."
    )
    assert "Nothing is measured" in markdown(new)
