"""Plays episodes with a policy in a worker process, and stores them in a dataset."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from arena.environment.contest_env import ContestEnv
from arena.environment.contest_rules import MAX_STEPS
from arena.environment.levels import Level
from training.data.dataset import StoredEpisode
from training.data.episode_writer import EpisodeWriter
from training.experts.agent_states import AgentStates
from training.experts.collected_step import CollectedStep
from training.experts.demonstration_expert import (
    DemonstrationExpert,
    replay_demonstration,
)
from training.experts.demonstrations import (
    Demonstration,
    find_demonstration,
    read_demonstration,
)
from training.experts.packed_agent import PackedAgent
from training.experts.policies import (
    HELD_STEPS,
    NEED_EXPERT,
    START_ON_PATH,
    AgentPolicy,
    Alternating,
    HeldButtons,
    PerturbedExpert,
    Policy,
    RunnerPolicy,
)
from training.experts.policy_play import play_demonstration, play_policy
from training.experts.sticky_play import (
    DEMONSTRATION,
    PLANNER,
    SEARCH,
    PlannerLabeller,
    expert_of,
    planner_for,
    play_planner,
    play_rehearsed,
    rehearse,
    rehearsed_labels,
)

Demonstrated = tuple[Demonstration, DemonstrationExpert | None]  # of `replay_demonstration`

START_ON_PATH_STEPS = 400  # maximum length of an episode that starts within a demonstration


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
            demonstrations: folders of recordings; None if no policy needs one. If given, frames of
                every policy get the expert's action: on levels of Pangolin Dash one frame in four
                and those before a death, on other levels all frames.
            max_steps: maximum number of steps of an episode.

        Raises:
            PackedModelError: the packed model is missing or damaged.
        """
        self._dataset = dataset
        self._max_steps = max_steps
        self._demonstrations = demonstrations
        self._experts: dict[str, Demonstrated] = {}
        self._agent = None if pretrained is None else PackedAgent(pretrained)

    def __call__(self, episode: EpisodeToCollect) -> CollectedEpisode:
        """Play an episode and write it to a temporary folder, for `commit_episode`.

        Raises:
            DemonstrationError: the level's recording is missing or does not fit.
            DataError: the frames have more colours than the dataset can store.
        """
        demonstrated = (
            None
            if self._demonstrations is None
            else self._expert_of(self._demonstrations, episode.level)
        )
        started = time.perf_counter()
        # A process has one emulator, so the search plays before the contest's environment exists.
        rehearsed = None
        if episode.policy == "expert" and expert_of(episode.level) == SEARCH:
            assert demonstrated is not None
            demonstration = demonstrated[0]
            rehearsed = rehearse(episode.level, demonstration, episode.seed, self._max_steps)
        # The steps of the demonstration before the episode's start are not part of the episode.
        limit = MAX_STEPS if episode.policy in START_ON_PATH else self._max_steps
        env = ContestEnv(episode.level, seed=episode.seed, max_steps=limit)
        writer = EpisodeWriter(self._dataset, episode.index)
        try:
            if rehearsed is not None:
                steps = play_rehearsed(env, rehearsed)
            elif episode.policy == "dagger":
                steps = self._play_labelled(env, episode, demonstrated, writer)
            else:
                steps = self._play(env, episode, demonstrated, writer)
            for step in steps:
                writer.append(*step)
            stored = writer.complete(
                level=episode.level.name,
                policy=episode.policy,
                seed=episode.seed,
                expert=_expert_name(episode, demonstrated),
            )
        finally:
            writer.discard()
            env.close()
        return CollectedEpisode(stored, time.perf_counter() - started)

    def _expert_of(self, folders: Sequence[Path], level: Level) -> Demonstrated:
        if level.name not in self._experts:
            demonstration = read_demonstration(find_demonstration(folders, level))
            env = ContestEnv(level, seed=1)
            try:
                self._experts[level.name] = replay_demonstration(env, demonstration)
            finally:
                env.close()
        return self._experts[level.name]

    def _play(
        self,
        env: ContestEnv,
        episode: EpisodeToCollect,
        demonstrated: Demonstrated | None,
        writer: EpisodeWriter,
    ) -> Iterator[CollectedStep]:
        if episode.policy == "expert":
            yield from play_planner(env, episode.seed, self._max_steps)
            return
        if demonstrated is None:
            policy = self._policy(episode)
            yield from play_policy(env, env.reset(), policy, None, self._max_steps)
            return
        demonstration, expert = demonstrated
        frame = env.reset(demonstration.state)
        if episode.policy == "demonstration":
            yield from play_demonstration(env, frame, demonstration)
            return
        start, max_steps = 0, self._max_steps
        if episode.policy in START_ON_PATH:
            random = np.random.default_rng((episode.seed, 2))
            start = int(random.integers(demonstration.steps - 1))
            for step in range(start):
                frame, _, _, _ = env.play_frames(demonstration.buttons(step))
            max_steps = min(START_ON_PATH_STEPS, max_steps)
        policy = self._policy(episode)
        if expert_of(episode.level) != PLANNER:
            if expert is not None:
                expert.start(start)
            yield from play_policy(env, frame, policy, expert, max_steps)
            return
        planner = PlannerLabeller(env)
        yield from play_policy(env, frame, policy, planner, max_steps)
        for number, expert_action in planner.labels_before_death():
            writer.label(number, expert_action)

    def _play_labelled(
        self,
        env: ContestEnv,
        episode: EpisodeToCollect,
        demonstrated: Demonstrated | None,
        writer: EpisodeWriter,
    ) -> Iterator[CollectedStep]:
        """Let the agent play, then write the expert's actions at its decisive states."""
        frame = env.reset()
        policy = AgentPolicy(self._started_agent(episode))
        if expert_of(episode.level) == PLANNER:
            states = AgentStates(planner_for(env), episode.seed)
            for step in play_policy(env, frame, policy, None, self._max_steps):
                yield step
                states.observe(step.action)
            labels = states.labels()
        else:
            assert demonstrated is not None
            actions = []
            for step in play_policy(env, frame, policy, None, self._max_steps):
                yield step
                actions.append(step.action)
            env.close()  # a process has one emulator
            labels = rehearsed_labels(episode.level, demonstrated[0], episode.seed, actions)
        for number, expert_action in labels:
            writer.label(number, expert_action)

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


def _expert_name(episode: EpisodeToCollect, demonstrated: Demonstrated | None) -> str | None:
    """Return who gives the expert actions of an episode; None if there are none."""
    if episode.policy in NEED_EXPERT:
        return expert_of(episode.level)
    if demonstrated is None:
        return None
    if episode.policy == "demonstration":
        return DEMONSTRATION
    if expert_of(episode.level) == PLANNER:
        return PLANNER
    return None if demonstrated[1] is None else DEMONSTRATION
