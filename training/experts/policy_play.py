"""Plays episodes with a policy, or a demonstration, as `training.collect` stores them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from agent.buttons import to_genesis
from arena.environment.contest_env import ContestEnv
from training.experts.collected_step import CollectedStep, screen_position
from training.experts.demonstration_expert import DemonstrationExpert, position_of
from training.experts.demonstrations import Demonstration
from training.experts.policies import Policy


def play_policy(
    env: ContestEnv,
    frame: NDArray[np.uint8],
    policy: Policy,
    expert: DemonstrationExpert | None,
    max_steps: int,
) -> Iterator[CollectedStep]:
    """Play a policy from the environment's current state.

    Args:
        env: environment in the middle of an episode, or just reset.
        frame: its current frame, uint8 (224, 320, 3) RGB.
        policy: chooses the actions.
        expert: labels each frame with its action; None for no labels.
        max_steps: maximum number of steps.

    Raises:
        DemonstrationError: there is an expert, but the game has no variables x and y.
    """
    reward, done = 0.0, False
    position: NDArray[np.float32] | None = None
    player: tuple[int, int] | None = None
    while not done and max_steps:
        expert_action = None if expert is None else expert.action_at(position)
        action = policy(frame, reward, expert_action)
        previous_frame, previous_player = frame, player
        frame, reward, done, variables = env.step(to_genesis(action))
        yield CollectedStep(
            previous_frame, action, reward, env.terminated, expert_action, previous_player
        )
        player = screen_position(variables)
        position = None if expert is None else position_of(variables)
        max_steps -= 1


def play_demonstration(
    env: ContestEnv, frame: NDArray[np.uint8], demonstration: Demonstration
) -> Iterator[CollectedStep]:
    """Replay a demonstration without sticky actions, from the level's first frame."""
    player: tuple[int, int] | None = None
    for step in range(demonstration.steps):
        action = demonstration.action(step)
        previous_frame, previous_player = frame, player
        frame, reward, done, variables = env.play_frames(demonstration.buttons(step))
        yield CollectedStep(previous_frame, action, reward, env.terminated, action, previous_player)
        if done:
            return
        player = screen_position(variables)
