"""Plays episodes with a policy in a worker process, and stores them in a dataset."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agent.buttons import to_genesis
from agent.play.game import check_buttons
from arena.environment.contest_env import ContestEnv
from arena.environment.contest_rules import MAX_STEPS
from arena.environment.levels import Level
from training.data.dataset import SCREEN, StoredEpisode
from training.data.episode_writer import EpisodeWriter
from training.experts.demonstrations import (
    Demonstration,
    find_demonstration,
    read_demonstration,
)
from training.experts.expert import Expert, make_expert, position_of
from training.experts.packed_agent import PackedAgent
from training.experts.policies import (
    HELD_STEPS,
    START_ON_PATH,
    AgentPolicy,
    Alternating,
    HeldButtons,
    PerturbedExpert,
    Policy,
    RunnerPolicy,
)

START_ON_PATH_STEPS = 400  # maximum length of an episode that starts within a demonstration


class CollectedStep(NamedTuple):
    """One step of an episode, in the order of `EpisodeWriter.append`'s arguments."""

    frame: NDArray[np.uint8]  # (224, 320, 3) RGB, as the policy saw it
    action: NDArray[np.uint8]  # (4,) of 0 and 1
    reward: float
    terminated: bool  # by the game, not by a limit of steps
    expert_action: NDArray[np.uint8] | None  # (4,) of 0 and 1
    player: tuple[int, int] | None  # x and y on the screen in pixels


class CollectedEpisode(NamedTuple):
    """An episode that is complete in its temporary folder, and how long its collection took."""

    stored: StoredEpisode
    seconds: float

    def metrics(self) -> dict[str, Any]:
        """Return the episode's line of metrics.jsonl."""
        return {
            "episode": self.stored.index,
            "level": self.stored.level,
            "policy": self.stored.policy,
            "steps": self.stored.steps,
            "episode_return": self.stored.episode_return,
            "bytes": sum(self.stored.files.values()),
            "seconds": self.seconds,
        }


@dataclass(frozen=True)
class EpisodeToCollect:
    """One episode to collect.

    Attributes:
        index: number of the episode in the dataset, from 0.
        level: level to play.
        policy: one of `policies.POLICIES`.
        seed: random seed of the sticky actions and of the policy.
    """

    index: int
    level: Level
    policy: str
    seed: int


def episode_to_collect(
    index: int, levels: Sequence[Level], policies: Sequence[str], seed: int
) -> EpisodeToCollect:
    """Choose level, policy and seed of an episode by the run's seed and the episode's index alone.

    Each round of `len(levels)` episodes plays every level once, in a new random order.
    """
    rounds, turn = divmod(index, len(levels))
    level = levels[np.random.default_rng((seed, 2, rounds)).permutation(len(levels))[turn]]
    random = np.random.default_rng((seed, 3, index))
    policy = policies[int(random.integers(len(policies)))]
    return EpisodeToCollect(index, level, policy, seed=int(random.integers(1, 1 << 31)))


class Collector:
    """Plays and stores episodes; each worker process has one."""

    def __init__(
        self,
        dataset: Path,
        pretrained: Path | None,
        demonstrations: Sequence[Path] | None,
        max_steps: int,
    ) -> None:
        """Load the packed model, if the agent plays.

        Args:
            dataset: folder of the dataset.
            pretrained: packed model; None if no policy needs the agent.
            demonstrations: folders of recordings; None if no policy needs one. If given, the
                expert's action is stored with each frame, whatever the policy.
            max_steps: maximum number of steps of an episode.

        Raises:
            PackedModelError: the packed model is missing or damaged.
        """
        self._dataset = dataset
        self._max_steps = max_steps
        self._demonstrations = demonstrations
        self._experts: dict[str, tuple[Demonstration, Expert]] = {}
        self._agent = None if pretrained is None else PackedAgent(pretrained)

    def __call__(self, episode: EpisodeToCollect) -> CollectedEpisode:
        """Play an episode and write it to a temporary folder, for `commit_episode`.

        Raises:
            DemonstrationError: the level's recording is missing or does not fit.
            DataError: the frames have more colours than the dataset can store.
            GameError: the level's game has other buttons than a Mega Drive.
        """
        demonstrated = (
            None
            if self._demonstrations is None
            else self._expert_of(self._demonstrations, episode.level)
        )
        # The steps of the demonstration before the episode's start are not part of the episode.
        limit = MAX_STEPS if episode.policy in START_ON_PATH else self._max_steps
        env = ContestEnv(episode.level, seed=episode.seed, max_steps=limit)
        writer = EpisodeWriter(self._dataset, episode.index)
        started = time.perf_counter()
        try:
            check_buttons(env)
            for step in self._play(env, episode, demonstrated):
                writer.append(*step)
            stored = writer.complete(
                level=episode.level.name, policy=episode.policy, seed=episode.seed
            )
        finally:
            writer.discard()
            env.close()
        return CollectedEpisode(stored, time.perf_counter() - started)

    def _expert_of(self, folders: Sequence[Path], level: Level) -> tuple[Demonstration, Expert]:
        if level.name not in self._experts:
            demonstration = read_demonstration(find_demonstration(folders, level))
            env = ContestEnv(level, seed=1)
            try:
                self._experts[level.name] = demonstration, make_expert(env, demonstration)
            finally:
                env.close()
        return self._experts[level.name]

    def _play(
        self,
        env: ContestEnv,
        episode: EpisodeToCollect,
        demonstrated: tuple[Demonstration, Expert] | None,
    ) -> Iterator[CollectedStep]:
        if demonstrated is None:
            return play_policy(env, env.reset(), self._policy(episode), None, self._max_steps)
        demonstration, expert = demonstrated
        expert.start(0)
        frame = env.reset(demonstration.state)
        if episode.policy == "demonstration":
            return play_demonstration(env, frame, demonstration)
        max_steps = self._max_steps
        if episode.policy in START_ON_PATH:
            random = np.random.default_rng((episode.seed, 2))
            start = int(random.integers(demonstration.steps - 1))
            for step in range(start):
                frame, _, _, _ = env.play_frames(demonstration.buttons(step))
            expert.start(start)
            max_steps = min(START_ON_PATH_STEPS, max_steps)
        return play_policy(env, frame, self._policy(episode), expert, max_steps)

    def _policy(self, episode: EpisodeToCollect) -> Policy:
        random = np.random.default_rng((episode.seed, 1))
        match episode.policy:
            case "perturbed":
                return PerturbedExpert(random)
            case "runner":
                return RunnerPolicy(random)
            case "agent":
                return AgentPolicy(self._started_agent(episode))
            case "alternating":
                return Alternating(random, self._started_agent(episode))
        return HeldButtons(random, 1 if episode.policy == "random" else HELD_STEPS)

    def _started_agent(self, episode: EpisodeToCollect) -> PackedAgent:
        assert self._agent is not None
        self._agent.start(episode.seed)
        return self._agent


def play_policy(
    env: ContestEnv,
    frame: NDArray[np.uint8],
    policy: Policy,
    expert: Expert | None,
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
        player = _screen_position(variables)
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
        player = _screen_position(variables)


def _screen_position(variables: Mapping[str, Any]) -> tuple[int, int] | None:
    """Return the player's position on the screen, if the game's variables have the camera's."""
    if "camera_x" not in variables or "camera_y" not in variables:
        return None
    x = int(variables["x"]) - int(variables["camera_x"])
    y = int(variables["y"]) - int(variables["camera_y"])
    return (x, y) if 0 <= x < SCREEN[0] and 0 <= y < SCREEN[1] else None
