"""The planner's expert under sticky actions, on short levels and on the real emulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from agent.buttons import to_genesis
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from game.cartridge import integration, rom
from game.levels.routes import Route, RouteFileError, write_routes
from game.native.engine import NativeEngineError
from game.planning.console import RIGHT, B
from game.planning.emulator import buttons
from tests.helpers import plain_art
from tests.helpers.segment_levels import segment_level
from training.experts.candidate_plans import Candidate, shifted
from training.experts.sticky_forecast import Ending, Forecast, Situation, forecast, summarize
from training.experts.sticky_planner import StickyPlanner
from training.experts.sticky_play import ExpertStep, planner_for, play

GAME = "StickyTest-Genesis"
SEED = 3
PIT_X = 320  # where the level's first pit begins, in pixels


@dataclass
class World:
    env: ContestEnv
    expert: StickyPlanner


@pytest.fixture(scope="module")
def level(tmp_path_factory: pytest.TempPathFactory) -> Level:
    folder = tmp_path_factory.mktemp("sticky")
    generated = segment_level("Pits", "pit", "spikes", seed="Pits")
    packed = rom.pack([generated.level], [plain_art.zone()], plain_art.shared())
    integration.write(folder / GAME, packed, ["Pits"])
    write_routes(folder / GAME, {"Pits": Route(generated.level.start, generated.waypoints)})
    return Level(GAME, "Pits", "contest", folder)


@pytest.fixture
def world(level: Level) -> Iterator[World]:
    env = ContestEnv(level, seed=SEED)
    env.reset()
    yield World(env, planner_for(env))
    env.close()


def episode(world: World, state: bytes | None = None) -> list[ExpertStep]:
    return list(play(world.env, world.expert, SEED, state))


def run_to(env: ContestEnv, x: int, *, jump: bool = False) -> bytes:
    """Run right from the start until x is passed, and return the state; the jump is four steps."""
    env.reset()
    variables = {"x": 0}
    while variables["x"] < x:
        variables = env.step(buttons(RIGHT))[3]
    for _ in range(4 if jump else 0):
        variables = env.step(buttons(RIGHT | B))[3]
    assert bool(variables["grounded"]) is not jump
    state: bytes = env.retro_env.em.get_state()
    return state


def test_the_expert_reaches_the_end_post_under_sticky_actions(level: Level) -> None:
    played = []
    for _ in range(2):  # the same seeds give the same play
        env = ContestEnv(level, seed=SEED)
        env.reset()
        steps = list(play(env, planner_for(env), SEED))
        env.close()
        assert steps[-1].terminated
        assert 9_500 < sum(step.reward for step in steps) < 10_000
        played.append([step.action.tolist() for step in steps])
    assert played[0] == played[1]


def test_planning_does_not_change_the_episode(level: Level) -> None:
    env = ContestEnv(level, seed=SEED)
    env.reset()
    steps = list(play(env, planner_for(env), SEED))
    env.close()
    env = ContestEnv(level, seed=SEED)  # the same sticky actions
    frame = env.reset()
    for step in steps:
        np.testing.assert_array_equal(frame, step.frame)
        frame, reward, _, _ = env.step(to_genesis(step.action))
        assert reward == step.reward
    assert env.terminated
    env.close()


@pytest.mark.parametrize("jump", [False, True], ids=["running", "in the air"])
def test_the_expert_plays_on_from_just_before_a_pit(world: World, jump: bool) -> None:
    state = run_to(world.env, PIT_X - 60, jump=jump)
    plan = world.expert.plan(state, SEED)
    assert plan.dtype == np.bool_ and plan.shape == (len(plan), 12) and len(plan) >= 8
    np.testing.assert_array_equal(plan, world.expert.plan(state, SEED))
    steps = episode(world, state)
    assert world.expert.won and steps[-1].terminated


def test_no_plan_is_left_for_a_dead_player_or_at_the_end_post(world: World) -> None:
    env = world.env
    env.reset()
    while not env.terminated:  # into the pit or the spikes
        env.step(buttons(RIGHT))
    assert world.expert.plan(env.retro_env.em.get_state(), SEED).shape == (0, 12)
    episode(world)
    assert world.expert.won
    finished = env.retro_env.em.get_state()
    assert world.expert.plan(finished, SEED).shape == (0, 12)
    assert episode(world, finished) == []
    with pytest.raises(ValueError, match="no action is left"):
        world.expert.choose()


def test_an_action_that_is_not_the_experts_makes_it_plan_again(world: World) -> None:
    env, expert = world.env, world.expert
    env.reset()
    expert.start(SEED)
    assert expert.choose() & RIGHT
    for _ in range(3):
        env.step(buttons(0))
        expert.observe(0)
        assert expert.choose() & RIGHT  # from where it stands
    assert expert.progress < 20


def test_a_change_of_the_action_has_a_late_and_a_timely_case(world: World) -> None:
    world.env.reset()
    simulator = world.expert.simulator
    here = Situation(simulator.save(), simulator.moment(0), previous=0)
    random = np.random.default_rng(1)
    found = forecast(simulator, here, [RIGHT] * 10, 10, 3, random)
    assert found.dead == found.hurt == 0
    assert found.worst < found.on_time  # a frame later, the player is less far
    assert found.mean == pytest.approx(0.25 * found.worst + 0.75 * found.on_time)
    first = forecast(simulator, here._replace(previous=None), [RIGHT] * 10, 10, 3, random)
    assert first.worst == first.mean == found.on_time  # the first action is not sticky


def test_a_forecast_follows_a_falling_player_to_its_death(world: World) -> None:
    state = run_to(world.env, PIT_X - 30)
    simulator = world.expert.simulator
    simulator.load(state)
    here = Situation(state, simulator.moment(0), previous=RIGHT)
    found = forecast(simulator, here, [RIGHT] * 4, 4, 3, np.random.default_rng(1))
    assert found.dead == 1


def test_a_change_of_the_action_comes_earlier_or_later() -> None:
    plan = (8, 8, 8, 9, 9, 0)
    assert shifted(plan, 3, 2) == (8, 8, 8, 8, 8, 9, 9, 0)
    assert shifted(plan, 3, -2) == (8, 9, 9, 0)
    assert shifted(plan, 5, 1) == (8, 8, 8, 9, 9, 9, 0)


def test_endings_are_weighted_by_their_probability() -> None:
    endings = [
        Ending(0.25, dead=True, hurt=False, progress=10.0),
        Ending(0.1875, dead=False, hurt=True, progress=50.0),
        Ending(0.5625, dead=False, hurt=False, progress=100.0),
    ]
    assert summarize(endings) == Forecast(0.25, 0.1875, 10.0, 2.5 + 9.375 + 56.25, 100.0)


def test_the_risk_counts_first_then_progress_then_the_worst_case_then_the_mean() -> None:
    def candidate(
        name: int, dead: float, worst: float, mean: float, reaches: float = 900.0
    ) -> Candidate:
        return Candidate((name,), reaches, Forecast(dead, 0.0, worst, mean, mean))

    ordered = [
        candidate(1, 0.0, 300.0, 400.0),
        candidate(2, 0.0, 290.0, 350.0),  # its worst case is about as good, its mean is not
        candidate(3, 0.0, 100.0, 900.0),
        candidate(4, 0.0, 400.0, 400.0, reaches=200.0),  # where it began
        candidate(5, 0.25, 800.0, 900.0),
    ]
    assert sorted(reversed(ordered), key=lambda each: each.order(200.0)) == ordered
    hurt = Candidate((6,), 900.0, Forecast(0.0, 0.5, 900.0, 900.0, 900.0))
    assert hurt.risk == pytest.approx(0.1)
    assert min([hurt, *ordered[3:]], key=lambda each: each.order(200.0)).plan == (4,)
    assert min([hurt, *ordered[3:]], key=lambda each: each.order(200.0, 0.1)).plan == (6,)


def test_a_state_of_another_size_is_refused(world: World) -> None:
    with pytest.raises(NativeEngineError, match="not one of Pangolin Dash"):
        world.expert.plan(b"short", SEED)


def test_a_level_without_a_route_is_refused(level: Level) -> None:
    env = ContestEnv(Level("Airstriker-Genesis-v0", "Level1"), seed=1)
    env.reset()
    with pytest.raises(RouteFileError, match="no routes.json"):
        planner_for(env)
    env.close()
