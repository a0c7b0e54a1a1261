"""CMA-ES: ranks, search, and a saved state that continues bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent.evolution.cma_es import SIGMA_RANGE, Evolution, centred_ranks
from agent.evolution.state_files import EvolutionError
from agent.world_model.controller import n_parameters
from agent.world_model.packed_model import EVOLUTION, EVOLUTION_ARRAYS, PRESETS

COMPACT = n_parameters(PRESETS["compact"].n_features)
ORIGINAL_2018 = n_parameters(PRESETS["original2018"].n_features)


def returns_of(candidates: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return that rise towards 1, in coarse steps, so that some are equal."""
    returns: NDArray[np.float64] = -np.round(np.abs(candidates - 1).mean(1), 2)
    return returns


def generations(evolution: Evolution, count: int) -> list[NDArray[np.float64]]:
    populations = []
    for _ in range(count):
        populations.append(evolution.ask())
        evolution.tell(populations[-1], returns_of(populations[-1]))
    return populations


def test_ranks_are_centred_higher_is_better_and_ties_share() -> None:
    assert centred_ranks(np.array([10.0, -3.0, 5.0])).tolist() == [0.5, -0.5, 0.0]
    ranks = centred_ranks(np.array([7.0, 1.0, 7.0, 0.0, 7.0]))
    assert ranks.tolist() == [0.25, -0.25, 0.25, -0.5, 0.25]
    assert centred_ranks(np.array([3.0, 3.0, 3.0])).tolist() == [0.0, 0.0, 0.0]
    random = np.random.default_rng(1).standard_normal(50)
    assert abs(centred_ranks(random).sum()) < 1e-12
    np.testing.assert_array_equal(centred_ranks(random), centred_ranks(np.exp(random)))


def test_the_search_finds_the_higher_returns() -> None:
    evolution = Evolution(20, 16, 0.3, seed=1)
    for _ in range(150):
        population = evolution.ask()
        evolution.tell(population, -((population - 2.0) ** 2).sum(1))
    np.testing.assert_allclose(evolution.mean, 2.0, atol=0.05)
    assert evolution.generation == 150


def test_scales_of_the_parameters_are_learnt() -> None:
    scales = np.array([1.0, 30.0])
    evolution = Evolution(2, 12, 0.5, seed=2, mean=np.full(2, 3.0))
    for _ in range(120):
        population = evolution.ask()
        evolution.tell(population, -((population * scales) ** 2).sum(1))
    assert np.abs(evolution.mean * scales).max() < 0.1


def test_each_parameter_may_have_its_own_deviation(tmp_path: Path) -> None:
    scale = np.geomspace(0.01, 10, 40)
    evolution = Evolution(40, 500, 0.5, seed=3, scale=scale)
    evolution.save(tmp_path)
    for drawn in (evolution.ask(), Evolution.load(tmp_path).ask()):
        np.testing.assert_allclose(drawn.std(0), 0.5 * scale, rtol=0.15)
    for wrong in (np.ones(39), np.zeros(40), np.full(40, np.nan)):
        with pytest.raises(EvolutionError, match="scale has shape .* not positive"):
            Evolution(40, 8, 0.5, seed=3, scale=wrong)


@pytest.mark.parametrize("generation", [0, 1, 12])
def test_a_loaded_search_continues_bit_for_bit(tmp_path: Path, generation: int) -> None:
    evolution = Evolution(40, 8, 0.5, seed=3, mean=np.linspace(-1, 1, 40))
    generations(evolution, generation)
    evolution.save(tmp_path)
    loaded = Evolution.load(tmp_path)
    assert (loaded.generation, loaded.sigma) == (generation, evolution.sigma)
    for ours, theirs in zip(generations(loaded, 6), generations(evolution, 6), strict=True):
        assert ours.tobytes() == theirs.tobytes()
    assert loaded.mean.tobytes() == evolution.mean.tobytes()


def test_a_population_without_tell_is_drawn_again(tmp_path: Path) -> None:
    evolution = Evolution(40, 8, 0.5, seed=4)
    generations(evolution, 3)
    pending = evolution.ask()
    evolution.save(tmp_path)
    loaded = Evolution.load(tmp_path)
    again = loaded.ask()
    assert again.tobytes() == pending.tobytes()
    evolution.tell(pending, returns_of(pending))
    loaded.tell(again, returns_of(again))
    for ours, theirs in zip(generations(loaded, 3), generations(evolution, 3), strict=True):
        assert ours.tobytes() == theirs.tobytes()


def test_saving_does_not_change_the_search(tmp_path: Path) -> None:
    interrupted, straight = (Evolution(40, 8, 0.5, seed=5) for _ in range(2))
    for expected in generations(straight, 6):
        interrupted.save(tmp_path)
        interrupted = Evolution.load(tmp_path)
        population = interrupted.ask()
        assert population.tobytes() == expected.tobytes()
        interrupted.tell(population, returns_of(population))


def test_asking_without_telling_draws_new_populations() -> None:
    evolution = Evolution(40, 8, 0.5, seed=6)
    first, second = evolution.ask(), evolution.ask()
    assert not np.array_equal(first, second)
    assert evolution.generation == 0
    np.testing.assert_array_equal(evolution.mean, np.zeros(40))


def test_equal_returns_do_not_move_the_search() -> None:
    evolution = Evolution(40, 8, 0.5, seed=7)
    generations(evolution, 2)
    mean, sigma, population = evolution.mean, evolution.sigma, evolution.ask()
    evolution.tell(population, np.full(8, 100.0))
    np.testing.assert_array_equal(evolution.mean, mean)
    assert (evolution.sigma, evolution.generation) == (sigma, 3)
    assert not np.array_equal(evolution.ask(), population)


def test_the_step_size_stays_in_its_range() -> None:
    evolution = Evolution(4, 6, 0.5, seed=8)
    for _ in range(300):
        population = evolution.ask()
        evolution.tell(population, population.sum(1))  # returns that always rise in one direction
    assert evolution.sigma <= 0.5 * SIGMA_RANGE[1]
    assert np.isfinite(evolution.ask()).all()


def test_only_the_seed_determines_the_candidates() -> None:
    before = np.random.get_state()[1].copy()
    first = generations(Evolution(40, 8, 0.5, seed=9), 2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)
    np.random.seed(5)  # noqa: NPY002
    second = generations(Evolution(40, 8, 0.5, seed=9), 2)
    assert first[1].tobytes() == second[1].tobytes()
    assert not np.array_equal(first[0], Evolution(40, 8, 0.5, seed=10).ask())


def test_reseeding_keeps_the_distribution(tmp_path: Path) -> None:
    evolution = Evolution(40, 8, 0.5, seed=11)
    generations(evolution, 3)
    evolution.save(tmp_path)
    draws = []
    for seed in (1, 1, 2):
        loaded = Evolution.load(tmp_path)
        loaded.reseed(seed)
        draws.append(loaded.ask())
        np.testing.assert_array_equal(loaded.mean, evolution.mean)
    assert draws[0].tobytes() == draws[1].tobytes()
    assert not np.array_equal(draws[0], draws[2])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((40, 8, 0.5, 0), "seed is 0"),
        ((40, 8, 0.5, -1), "seed is -1"),
        ((40, 3, 0.5, 1), "population is 3"),
        ((40, 8, 0.0, 1), "sigma0 is 0"),
        ((40, 8, float("nan"), 1), "sigma0 is nan"),
        ((0, 8, 0.5, 1), "n_parameters is 0"),
    ],
)
def test_arguments_out_of_range_are_named(
    arguments: tuple[int, int, float, int], word: str
) -> None:
    with pytest.raises(EvolutionError, match=word):
        Evolution(*arguments)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_return_that_is_not_finite_is_named(bad: float) -> None:
    evolution = Evolution(40, 8, 0.5, seed=1)
    population, returns = evolution.ask(), np.arange(8.0)
    returns[3] = bad
    with pytest.raises(EvolutionError, match="candidate 3"):
        evolution.tell(population, returns)
    evolution.tell(population, np.arange(8.0))  # after another evaluation, the search continues


def saved(folder: Path) -> Path:
    Evolution(40, 8, 0.5, seed=1).save(folder)
    return folder


@pytest.mark.parametrize("name", [EVOLUTION, EVOLUTION_ARRAYS])
def test_missing_and_cut_files_are_named_at_every_length(tmp_path: Path, name: str) -> None:
    whole = (saved(tmp_path) / name).read_bytes()
    for length in {0, 1, len(whole) // 4, len(whole) // 2, len(whole) - 30, len(whole) - 3}:
        (tmp_path / name).write_bytes(whole[: max(length, 0)])
        with pytest.raises(EvolutionError, match=name.replace(".", r"\.")) as error:
            Evolution.load(tmp_path)
        assert "\n" not in str(error.value)
    (tmp_path / name).unlink()
    with pytest.raises(EvolutionError, match=name.replace(".", r"\.")):
        Evolution.load(tmp_path)


def test_files_of_different_sizes_are_refused(tmp_path: Path) -> None:
    saved(tmp_path)
    (tmp_path / "other").mkdir()
    Evolution(44, 8, 0.5, seed=1).save(tmp_path / "other")
    (tmp_path / "other" / EVOLUTION_ARRAYS).rename(tmp_path / EVOLUTION_ARRAYS)
    with pytest.raises(EvolutionError, match=r"\(44,\) instead of float64 \(40,\)"):
        Evolution.load(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [("format_version", 2), ("n_parameters", "40"), ("population", 1), ("sigma0", -1.0)],
)
def test_constants_of_other_kinds_are_named(tmp_path: Path, key: str, value: object) -> None:
    constants = json.loads((saved(tmp_path) / EVOLUTION).read_text())
    (tmp_path / EVOLUTION).write_text(json.dumps(constants | {key: value}))
    with pytest.raises(EvolutionError, match=key.removeprefix("format_")):
        Evolution.load(tmp_path)


def test_arrays_that_are_not_finite_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path) / EVOLUTION_ARRAYS
    arrays = dict(np.load(path, allow_pickle=False))
    arrays["mean"][7] = np.nan
    np.savez(path, **arrays)
    with pytest.raises(EvolutionError, match="mean is not finite"):
        Evolution.load(tmp_path)


def test_pickled_arrays_are_never_loaded(tmp_path: Path) -> None:
    path = saved(tmp_path) / EVOLUTION_ARRAYS
    arrays = dict(np.load(path, allow_pickle=False))
    arrays["mean"] = np.array([print] * 40, dtype=object)
    np.savez(path, **arrays)
    with pytest.raises(EvolutionError, match="allow_pickle"):
        Evolution.load(tmp_path)


@pytest.mark.parametrize(("size", "megabytes"), [(COMPACT, 1), (ORIGINAL_2018, 5)])
def test_the_state_is_small(tmp_path: Path, size: int, megabytes: int) -> None:
    evolution = Evolution(size, 32, 0.5, seed=1)
    population = evolution.ask()
    evolution.tell(population, returns_of(population))
    evolution.save(tmp_path)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < megabytes << 20
    assert Evolution.load(tmp_path).ask().tobytes() == evolution.ask().tobytes()


def test_the_search_needs_no_plotting() -> None:
    script = (
        "import sys; sys.modules['matplotlib'] = None\n"  # the container does not contain it
        "from agent.evolution.cma_es import Evolution\n"
        "print(Evolution(4, 4, 0.5, seed=1).ask().shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "(4, 4)\n", "")


def test_the_search_continues_after_equal_returns() -> None:
    evolution = Evolution(40, 8, 0.5, seed=12)
    evolution.tell(evolution.ask(), np.zeros(8))
    generations(evolution, 2)
    assert evolution.generation == 3 and evolution.mean.any()


_ASK = """
import subprocess
import sys
from pathlib import Path
from agent.evolution.cma_es import Evolution
sys.stdout.write(Evolution.load(Path(sys.argv[1])).ask().tobytes().hex())
"""


def test_another_process_continues_bit_for_bit(tmp_path: Path) -> None:
    evolution = Evolution(40, 8, 0.5, seed=13)
    generations(evolution, 4)
    evolution.save(tmp_path)
    command = [sys.executable, "-c", _ASK, str(tmp_path)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert answer.stdout == evolution.ask().tobytes().hex()
    assert answer.stderr == ""
