"""Parts of the world model: what each variant sees, continuing, and the table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from agent.errors import UserError
from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import MEMORY, NETWORKS, PackedModelError
from agent.world_model.preprocess import preprocess
from arena.environment.levels import Level
from benchmarks import measured_tables
from benchmarks.ablations import trials, variants, world_model_parts
from benchmarks.ablations.ablation_runs import AblationRuns, EvolvedRun, table
from benchmarks.ablations.variants import (
    ALONE,
    CURRICULUM,
    SAMPLED,
    TRAINED,
    UNTRAINED,
    VARIANTS,
    ZEROED,
    SampledLatents,
    VariantPlayer,
    n_features,
    untrained_memory,
)
from benchmarks.store import StoreError
from tests.helpers.fake_game import FakeGame
from tests.helpers.fake_pool import FakePool
from tests.helpers.small_models import TINY
from training.models.checkpoint import load_networks, save_networks
from training.models.untrained import random_networks
from training.runs.resume import TrainingError
from training.search.rollouts import CandidatePlayer, Rollout, RolloutRequest

LEVEL = Level("Game", "State")
SETTINGS = {"generations": 2, "levels": ["Game:State"]}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A packed model; V's Gaussians are wide, so that a sample differs from the mean."""
    folder = tmp_path_factory.mktemp("packed")
    vae, memory = random_networks(TINY)
    torch.nn.init.ones_(vae.log_variance.bias)
    save_networks(folder / NETWORKS, vae, memory)
    return folder


@pytest.fixture(scope="module")
def networks(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks") / "networks"
    spec, _ = world_model_parts.prepare(given(trained, seeds=2), folder)
    assert spec == TINY
    return folder


def given(trained: Path, **changes: Any) -> world_model_parts.Options:
    return world_model_parts.Options(pretrained=trained, **changes)


def features(
    networks: Path, variant: str, monkeypatch: pytest.MonkeyPatch, seed: int = 1, luck: int = 7
) -> np.ndarray[Any, Any]:
    """What the controller of a variant sees in an episode, (5, features)."""
    seen = []

    class Watching:
        def __init__(self, parameters: Any) -> None: ...

        def act(self, features: Any) -> Any:
            seen.append(features)
            return np.array([1, 0, 0, 1], np.uint8)

    monkeypatch.setattr(variants, "ContestEnv", FakeGame)
    monkeypatch.setattr(variants, "Controller", Watching)
    player = VariantPlayer(networks, variant, seed, 5, None)
    size = n_parameters(n_features(variant, TINY))
    assert player(RolloutRequest(0, np.zeros(size, np.float32), LEVEL, luck)) == Rollout(10.0, 5)
    return np.array(seen)


def test_what_each_variant_sees(networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    z = TINY.latent
    seen = {name: features(networks, name, monkeypatch) for name in VARIANTS}
    assert seen[TRAINED].shape == (5, TINY.n_features) and seen[ALONE].shape == (5, z)
    for name in (UNTRAINED, ZEROED, ALONE):
        np.testing.assert_array_equal(seen[name][:, :z], seen[TRAINED][:, :z])
    assert not seen[ZEROED][:, z:].any()
    for name in (TRAINED, UNTRAINED, SAMPLED):
        assert np.abs(seen[name][1:, z:]).min(1).max() > 0
    other = features(networks, UNTRAINED, monkeypatch, seed=2)
    assert not np.allclose(other[1:, z:], seen[UNTRAINED][1:, z:])  # M differs from seed to seed
    # sampled around the mean with V's deviation, e^0.5; the same seed gives the same sample
    deviation = np.abs(seen[SAMPLED][:, :z] - seen[TRAINED][:, :z]).mean()
    assert 0.3 < deviation < 4
    np.testing.assert_array_equal(features(networks, SAMPLED, monkeypatch), seen[SAMPLED])
    assert not np.allclose(features(networks, SAMPLED, monkeypatch, luck=8), seen[SAMPLED])


def test_the_deviation_is_that_of_v(trained: Path, networks: Path) -> None:
    model = SampledLatents(networks, TINY)
    frame = np.random.default_rng(2).integers(0, 256, (224, 320, 3), np.uint8)
    vae, _ = load_networks(trained / NETWORKS)
    with torch.no_grad():
        pixels = torch.from_numpy(preprocess(frame, TINY)[None])
        mu, log_variance = (part[0].numpy() for part in vae.encode(pixels))
    drawn = np.array([model.sample(frame) for _ in range(800)])
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn.mean(0), mu, atol=0.3)
    np.testing.assert_allclose(drawn.std(0), np.exp(log_variance / 2), rtol=0.15)


def test_the_first_variant_is_the_agent(networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from training.search import rollouts

    parameters = np.random.default_rng(1).normal(size=n_parameters(TINY.n_features))
    task = RolloutRequest(0, parameters.astype(np.float32), LEVEL, 3)
    for module in (rollouts, variants):
        monkeypatch.setattr(module, "ContestEnv", FakeGame)
    assert VariantPlayer(networks, TRAINED, 1, 100, None)(task) == CandidatePlayer(
        networks, 100, None
    )(task)
    assert (networks / MEMORY).read_bytes() != (networks / untrained_memory(1)).read_bytes()


def fake_rollout(task: RolloutRequest) -> Rollout:
    """Return a result that depends on the parameters, the level and the seed."""
    return Rollout(float(task.parameters.sum()) + task.seed % 100 + len(task.level.state), 10)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> FakePool:
    made = FakePool(fake_rollout)
    monkeypatch.setattr(trials, "Pool", made)
    monkeypatch.setattr(trials, "check_available", lambda level: None)
    return made


def arguments(trained: Path, folder: Path) -> list[str]:
    places = ["--pretrained", str(trained), "--runs", str(folder / "runs")]
    places += ["--out", str(folder / "results/world_model_parts.json")]
    budget = (
        "--seeds 2 --generations 3 --population 4 --measure-episodes 2 --variants trained,alone"
    )
    return [*places, *budget.split()]


def test_an_interrupted_measurement_continues(
    trained: Path, tmp_path: Path, pool: FakePool, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, cut = arguments(trained, tmp_path / "whole"), arguments(trained, tmp_path / "cut")
    assert world_model_parts.main(whole) == 0
    # 3 generations of 4 on 2 levels, then the mean on 6 levels twice; 2 variants, 2 seeds
    assert len(pool.played) == 4 * (3 * 4 * 2 + 6 * 2)
    assert {len(task.parameters) for task in pool.played} == {
        n_parameters(TINY.n_features),
        n_parameters(TINY.latent),
    }
    printed = capsys.readouterr().out
    assert printed.count("|\n") == 2 + 2 and VARIANTS[ALONE] in printed
    pool.played.clear()
    pool.stop_after = 36 + 10  # in the second generation of the second run
    with pytest.raises(KeyboardInterrupt):
        world_model_parts.main(cut)
    assert list(AblationRuns.load(tmp_path / "cut/results/world_model_parts.json").runs) == [
        TRAINED
    ]
    pool.played.clear()
    pool.stop_after = 10**9
    assert world_model_parts.main(cut) == 0
    assert len(pool.played) == 3 * 36 - 8  # the first generation was saved
    made = [
        json.loads((tmp_path / name / "results/world_model_parts.json").read_text())
        for name in ("whole", "cut")
    ]
    for content in made:
        for row in content["rows"]:
            row.pop("seconds")
    assert made[0] == made[1]
    pool.played.clear()
    assert world_model_parts.main(cut) == 0 and not pool.played
    with pytest.raises(StoreError, match="generations: 3 -> 4"):
        world_model_parts.main([*cut, "--generations", "4"])


def test_both_variants_of_a_seed_play_the_same(
    trained: Path, tmp_path: Path, pool: FakePool
) -> None:
    world_model_parts.main(arguments(trained, tmp_path))
    played = {
        size: [(task.candidate, task.level.name, task.seed) for task in of_size]
        for size in {len(task.parameters) for task in pool.played}
        if (of_size := [task for task in pool.played if len(task.parameters) == size])
    }
    first, second = played.values()
    assert first == second
    measured = {level for _, level, seed in first if seed < 1 << 31}
    assert len(measured) == 6 and all("Act7" in level for level in measured)
    assert not measured & {level for _, level, seed in first if seed >= 1 << 31}


def test_a_curriculum_adds_a_level_only_at_its_return(
    trained: Path, tmp_path: Path, pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed = [*arguments(trained, tmp_path), "--variants", CURRICULUM, "--seeds", "1"]
    world_model_parts.main(fixed)
    searched = [task.level.state for task in pool.played if "Act1" in task.level.state]
    assert searched == ["MeadowZone.Act1"] * 3 * 4
    pool.played.clear()
    monkeypatch.setattr(
        world_model_parts, "CURRICULUM_RETURN", -1000.0
    )  # every return is above this
    world_model_parts.main(
        [*fixed, "--out", str(tmp_path / "other.json"), "--runs", str(tmp_path / "r")]
    )
    searched = [task.level.state for task in pool.played if "Act1" in task.level.state]
    assert searched[:4] == ["MeadowZone.Act1"] * 4
    assert searched[4:12] == ["CanyonZone.Act1", "MeadowZone.Act1"] * 4
    assert searched[12::2] == ["CavernZone.Act1"] * 4


def test_show_updates_the_documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, readme = AblationRuns(dict(SETTINGS)), tmp_path / "README.md"
    results.runs[TRAINED] = {1: EvolvedRun({"Game:A": [1000.0]}, 100, 2.0)}
    readme.write_text("<!-- world model parts -->\n<!-- end -->\n")
    monkeypatch.setattr(measured_tables, "ROOT", tmp_path)
    results.save(tmp_path / "results.json")
    assert world_model_parts.main(["--show", "--out", str(tmp_path / "results.json")]) == 0
    assert (
        readme.read_text()
        == f"<!-- world model parts -->\n{table(results, VARIANTS)}\n<!-- end -->\n"
    )
    with pytest.raises(StoreError, match="none.json does not exist"):
        world_model_parts.main(["--show", "--out", str(tmp_path / "none.json")])


def test_mistakes_are_named(trained: Path, tmp_path: Path) -> None:
    fixed = arguments(trained, tmp_path)
    with pytest.raises(
        UserError, match="--variants has the unknown name 'dreaming': choose from trained, un"
    ):
        world_model_parts.main([*fixed, "--variants", "dreaming"])
    with pytest.raises(UserError, match="--population is 0"):
        world_model_parts.main([*fixed, "--population", "0"])
    with pytest.raises(TrainingError, match="belongs to pangolin-validation"):
        world_model_parts.main([*fixed, "--levels", "pangolin-validation"])
    with pytest.raises(PackedModelError, match=r"networks\.safetensors is missing"):
        world_model_parts.main([*fixed, "--pretrained", str(tmp_path), "--levels", "airstriker"])
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.timeout(1500)  # for each variant the processes load everything again
def test_on_the_emulator(trained: Path, tmp_path: Path) -> None:
    small = "--levels airstriker --measure airstriker --max-steps 20 --seeds 1 --generations 1"
    variants = [UNTRAINED, ALONE, SAMPLED]
    fixed = [*arguments(trained, tmp_path), *small.split(), "--variants", ",".join(variants)]
    assert world_model_parts.main([*fixed, "--workers", "1"]) == 0
    results = AblationRuns.load(tmp_path / "results/world_model_parts.json")
    assert list(results.runs) == variants
    for by_seed in results.runs.values():
        assert by_seed[1].steps == 4 * 20 and len(by_seed[1].returns) == 1
