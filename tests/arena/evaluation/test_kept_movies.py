"""The movies of a level that are kept, and the folder of the game that a kept movie shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from arena.environment.levels import Level
from arena.evaluation.kept_movies import (
    KeptMovie,
    integration_of,
    keep_chosen_movies,
    prune_movies,
)
from arena.evaluation.run_folder import open_run


def record(folder: Path, episodes: int) -> None:
    folder.mkdir(exist_ok=True)
    for episode in range(episodes):
        (folder / f"Some-Genesis-v0-Level-1-{episode:06d}.bk2").write_text(str(episode))


def names(folder: Path) -> list[str]:
    return sorted(path.name[-10:-4] for path in folder.iterdir())


def test_pruning_keeps_the_first_the_best_and_unfinished_movies(tmp_path: Path) -> None:
    record(tmp_path, 6)
    prune_movies(tmp_path, [5.0, 5.0, 7.0, 5.0])
    assert names(tmp_path) == ["000000", "000002", "000004", "000005"]
    prune_movies(tmp_path, [5.0, 5.0, 7.0, 5.0, 9.0])
    assert names(tmp_path) == ["000000", "000002", "000004", "000005"]


def test_a_run_of_any_length_keeps_a_dozen_movies_and_one_is_typical(
    tmp_path: Path,
) -> None:
    generator = np.random.default_rng(1)
    # Luck at first, then a candidate that is locked in: the median moves from one to the other.
    returns = [*generator.normal(1000, 300, 300), *generator.normal(3000, 500, 700)]
    folder = tmp_path / "movies"
    folder.mkdir()
    for played in range(0, 1000, 20):
        for episode in range(played, played + 20):
            (folder / f"Some-Genesis-v0-Level-1-{episode:06d}.bk2").write_text(str(episode))
        prune_movies(folder, returns[: played + 20])
        assert len(names(folder)) <= 11
    kept = keep_chosen_movies(folder, returns)
    assert abs(returns[kept["typical"].episode] - np.median(returns)) < 100
    assert kept["typical"].path.read_text() == str(kept["typical"].episode)


def test_pruning_before_the_first_episode_ends_deletes_nothing(tmp_path: Path) -> None:
    record(tmp_path, 1)
    prune_movies(tmp_path, [])
    assert names(tmp_path) == ["000000"]
    prune_movies(tmp_path / "not there", [1.0])


def test_first_and_best_are_kept_at_the_end(tmp_path: Path) -> None:
    record(tmp_path, 4)
    kept = keep_chosen_movies(tmp_path, [1.0, 5.0, 2.0])  # the fourth was cut off
    assert kept == {
        "first": KeptMovie(tmp_path / "first.bk2", 0),
        "best": KeptMovie(tmp_path / "best.bk2", 1),
        "typical": KeptMovie(tmp_path / "typical.bk2", 2),
    }
    assert all(movie.path.read_text() == str(movie.episode) for movie in kept.values())
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["best.bk2", "first.bk2", "typical.bk2"]


def test_the_first_may_be_the_best(tmp_path: Path) -> None:
    record(tmp_path, 2)
    kept = keep_chosen_movies(tmp_path, [5.0])
    assert {name: movie.episode for name, movie in kept.items()} == {
        "first": 0,
        "best": 0,
        "typical": 0,
    }


def test_an_unfinished_episode_is_the_first_if_there_is_no_other(tmp_path: Path) -> None:
    record(tmp_path, 1)
    assert list(keep_chosen_movies(tmp_path, [])) == ["first"]


def test_the_folder_of_a_movies_game_is_read_from_the_run_folder(tmp_path: Path) -> None:
    levels = (Level("Own", "A", integration=tmp_path / "game"), Level("Made", "B"))
    settings = {"levels": [level.to_json() for level in levels]}
    out = tmp_path / "run"
    run = open_run(out, settings, name="x", seeds={}, argv=["command"])
    (out / "levels").mkdir()
    run.close()
    assert integration_of(out / "levels" / "Own.A" / "movies" / "best.bk2") == tmp_path / "game"
    assert integration_of(out / "levels" / "Made.B" / "movies" / "best.bk2") is None
    assert integration_of(tmp_path / "best.bk2") is None
