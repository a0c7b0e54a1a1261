"""Evolution on many levels: resumes exactly, plays the same levels with all candidates, and refuses
levels that are for evaluation only.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file

from agent.errors import UserError
from arena.environment.levels import select
from arena.workers.pool import Pool
from arena.workers.ray_cluster import Cluster
from baselines import evolve
from baselines.learning.evolution import training as es_training
from baselines.learning.evolution.options import EvolveOptions
from baselines.learning.evolution.training import EpisodePlayer, EpisodeRequest, train
from baselines.learning.evolution.worker import make_player
from tests.helpers.fake_pool import FakePool
from tests.helpers.ppo2_weights import write_random_weights

LEVELS = select("pangolin-train")[:3]


def score(request: EpisodeRequest) -> tuple[float, int]:
    """The return is highest for the largest first weight, and depends on level and seed."""
    return 100 * float(request.parameters[0]) + request.seed % 7, 10


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> FakePool:
    fake = FakePool(score)
    monkeypatch.setattr(es_training, "Pool", fake)
    return fake


def options(folder: Path, **changes: Any) -> EvolveOptions:
    weights = folder / "ppo2.safetensors"
    if not weights.exists():
        write_random_weights(weights)
    given = {"pairs": 2, "levels_per_generation": 2, "generations": 3, **changes}
    out = folder / given.pop("name", "run")
    out.mkdir(exist_ok=True)
    return EvolveOptions(out=out, weights=weights, **given)


def test_all_candidates_play_the_same_levels_with_the_same_seeds(
    tmp_path: Path, pool: FakePool
) -> None:
    train(options(tmp_path), LEVELS)
    assert len(pool.played) == 3 * 4 * 2
    generations = [pool.played[start : start + 8] for start in (0, 8, 16)]
    drawn = []
    for requests in generations:
        plays = [{(r.level, r.seed) for r in requests if r.candidate == c} for c in range(4)]
        assert all(play == plays[0] and len(play) == 2 for play in plays)
        drawn.append(plays[0])
    assert drawn[0] != drawn[1] != drawn[2]
    assert {request.level for request in pool.played} <= {level.name for level in LEVELS}


def test_it_moves_towards_the_better_candidates_and_stores_the_whole_network(
    tmp_path: Path, pool: FakePool
) -> None:
    made = options(tmp_path, generations=30)
    assert train(made, LEVELS) == made.out / "es.safetensors"
    before, after = load_file(made.weights), load_file(made.out / "es.safetensors")
    assert after.keys() == before.keys()
    changed = {name for name in before if (before[name] != after[name]).any()}
    assert changed == {"action_net.weight", "action_net.bias"}
    gain = float(after["action_net.weight"][0, 0] - before["action_net.weight"][0, 0])
    assert gain == pytest.approx(30 * 0.01, rel=0.1)  # the learning rate, each time
    assert int(load_file(made.out / "checkpoint.safetensors")["steps"]) == 30 * 8 * 10
    assert list((made.out / "tensorboard").glob("events.*"))


def test_an_interrupted_run_goes_on_exactly(tmp_path: Path, pool: FakePool) -> None:
    whole = options(tmp_path, generations=5)
    train(whole, LEVELS)
    part = options(tmp_path, generations=5, name="part")
    pool.stop_after = len(pool.played) + 20  # in the middle of the third generation
    with pytest.raises(KeyboardInterrupt):
        train(part, LEVELS)
    assert int(load_file(part.out / "checkpoint.safetensors")["generation"]) == 2
    pool.stop_after = 10**9
    train(part, LEVELS)
    files = [(made.out / "checkpoint.safetensors").read_bytes() for made in (whole, part)]
    assert files[0] == files[1]


def test_a_return_that_is_not_finite_keeps_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: FakePool
) -> None:
    made = options(tmp_path, generations=1)
    train(made, LEVELS)
    kept = (made.out / "checkpoint.safetensors").read_bytes()
    monkeypatch.setattr(es_training, "Pool", FakePool(lambda request: (np.nan, 1)))
    with pytest.raises(UserError, match="generation 1 is not finite"):
        train(options(tmp_path, generations=2), LEVELS)
    assert (made.out / "checkpoint.safetensors").read_bytes() == kept


def test_a_damaged_checkpoint_gives_one_line(tmp_path: Path, pool: FakePool) -> None:
    made = options(tmp_path)
    (made.out / "checkpoint.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"checkpoint .* can't be used .* another --out"):
        train(made, LEVELS)


def short_episodes(folder: Path) -> Callable[[], EpisodePlayer]:
    return functools.partial(make_player, options(folder).weights, LEVELS, 0.01, max_steps=40)


def request(bias: int) -> EpisodeRequest:
    """An episode in which the action with this bias is always taken."""
    layer = np.zeros(3591)
    layer[-7 + bias] = 1.0
    return EpisodeRequest(0, layer, LEVELS[1].name, seed=5)


def test_a_worker_plays_real_episodes_that_the_seed_determines(tmp_path: Path) -> None:
    player = short_episodes(tmp_path)()
    try:
        left, right = player(request(0)), player(request(1))
        assert right[0] > 100 > 50 > left[0] and right[1] == 40
        assert player(request(1)) == right
    finally:
        player._env.close()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--levels", "pangolin-validation"], "for evaluation only"),
        (["--ray-address", "auto"], "--executor ray"),
        (["--weights", "gone.safetensors"], "no weights at gone.safetensors"),
        (["--sigma", "nan"], "--sigma is nan"),
    ],
)
def test_mistakes_leave_nothing_behind(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["evolve", "--out", str(out), *arguments])
    with pytest.raises(UserError, match=message):
        evolve.main()
    assert not out.exists()


def test_a_run_of_other_weights_is_not_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: FakePool
) -> None:
    for seed, expected in ((1, None), (1, None), (2, "weights")):
        weights = write_random_weights(tmp_path / f"{seed}.safetensors", seed)
        given = ["--out", str(tmp_path / "run"), "--generations", "1", "--weights", str(weights)]
        monkeypatch.setattr(sys, "argv", ["evolve", *given])
        if expected is None:
            evolve.main()
        else:
            with pytest.raises(UserError, match=expected):
                evolve.main()


@pytest.mark.slow
def test_processes_and_a_ray_cluster_play_the_same(tmp_path: Path) -> None:
    make, tasks = short_episodes(tmp_path), [request(bias) for bias in range(3)]
    played = []
    for pool in (Pool(make, 1), Cluster(make, 1)):
        with pool as workers:
            results = [(int(r.parameters.argmax()), result) for r, result in workers.run(tasks)]
        played.append(sorted(results))
    assert len(played[0]) == 3 and played[0] == played[1]
