"""The planner's expert passes the hazards of a level under sticky actions, on the real emulator."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.buttons import press, to_genesis
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from game.cartridge import integration, rom
from game.levels.routes import Route, write_routes
from tests.helpers import plain_art
from tests.helpers.segment_levels import segment_level
from training.data.dataset import FREE
from training.experts.sticky_play import JUMP, PlannerLabeller, planner_for, play

GAME = "SegmentsTest-Genesis"
# Each of another kind: a run-up, jumps, moving floors, springs, spikes, and a shaft under water.
HAZARDS = ("loop", "pits", "movers", "spring_steps", "spikes", "sunken_shaft")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A game with one short level for each hazard."""
    made = tmp_path_factory.mktemp("segments")
    generated = {name: segment_level(name, name, seed=name, difficulty=0.6) for name in HAZARDS}
    levels = [each.level for each in generated.values()]
    packed = rom.pack(levels, [plain_art.zone(water=True)], plain_art.shared())
    integration.write(made / GAME, packed, list(generated))
    routes = {name: Route(each.level.start, each.waypoints) for name, each in generated.items()}
    write_routes(made / GAME, routes)
    return made


@pytest.mark.parametrize("name", HAZARDS)
def test_the_expert_passes(folder: Path, name: str) -> None:
    env = ContestEnv(Level(GAME, name, "contest", folder), seed=1)
    try:
        env.reset()
        expert = planner_for(env)
        steps = list(play(env, expert, 1))
        assert expert.won, f"{name}: at {expert.position} after {len(steps)} steps"
        assert len(steps) < 600
    finally:
        env.close()


def test_a_jump_counts_where_it_decides(folder: Path) -> None:
    """A player runs into a pit: only before its edge does it matter whether it jumps."""
    env = ContestEnv(Level(GAME, "pits", "contest", folder), seed=1)
    labels, done, right = [], False, press("RIGHT")
    try:
        env.reset()
        labeller = PlannerLabeller(env)
        while not done:
            action = labeller.ask()
            labels.append(None if action is None else int(labeller.judge(action)[JUMP]))
            _, _, done, variables = env.step(to_genesis(right))
            labeller.observe(right, variables)
        assert env.terminated
    finally:
        env.close()
    running = labels[: labels.index(None)]  # until it falls
    assert set(running[:10]) <= {FREE, FREE + 1}
    assert running[-8:] == [1] * 8  # in every step of the last half second


def test_a_player_that_stands_is_told_the_same_each_time(folder: Path) -> None:
    """A network learns the mean of its labels: of different ones, to go on standing."""
    env = ContestEnv(Level(GAME, "sunken_shaft", "contest", folder), seed=1)
    labels, nothing = [], press()
    try:
        env.reset()
        labeller = PlannerLabeller(env)
        for step in range(200):
            action = press("RIGHT") if step < 90 else nothing
            _, _, done, variables = env.step(to_genesis(action))
            labeller.observe(action, variables)
            assert not done
            if step >= 140 and step % 4 == 0:
                label = labeller.ask()
                assert label is not None
                labels.append(label.tolist())
    finally:
        env.close()
    assert len(labels) == 15 and all(label == labels[0] for label in labels)
    assert labels[0] != nothing.tolist()
