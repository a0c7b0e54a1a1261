"""Plays episodes with a policy, or a demonstration, as `training.collect` stores them."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from agent.buttons import to_genesis
from arena.environment.contest_env import ContestEnv
from training.experts.collected_step import CollectedStep, screen_position
from training.experts.demonstrations import Demonstration
from training.experts.labeller import Labeller
from training.experts.policies import Policy, no_expert


def play_policy(
    env: ContestEnv,
    frame: NDArray[np.uint8],
    policy: Policy,
    labeller: Labeller | None,
    max_steps: int,
) -> Iterator[CollectedStep]:
    """Play a policy from the environment's current state.

    Args:
        env: environment in the middle of an episode, or just reset.
        frame: its current frame, uint8 (224, 320, 3) RGB.
        policy: chooses the actions.
        labeller: gives the policy the expert's actions, and labels every `labeller.every`-th
            frame; None for no labels.
        max_steps: maximum number of steps.

    Raises:
        DemonstrationError: the labeller follows a demonstration, but the game has no variables x
            and y.
    """
    reward, done = 0.0, False
    player: tuple[int, int] | None = None
    for step in range(max_steps):
        ask = functools.cache(no_expert if labeller is None else labeller.ask)
        action = policy(frame, reward, ask)
        expert_action = None
        if labeller is not None and step % labeller.every == 0:
            expert_action = ask()
            if expert_action is not None:
                expert_action = labeller.judge(expert_action)
        previous_frame, previous_player = frame, player
        frame, reward, done, variables = env.step(to_genesis(action))
        yield CollectedStep(
            previous_frame, action, reward, env.terminated, expert_action, previous_player
        )
        if labeller is not None:
            labeller.observe(action, variables)
        if done:
            return
        player = screen_position(variables)


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
