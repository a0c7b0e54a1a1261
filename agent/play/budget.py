"""Plays episode after episode until the server ends the run."""

from __future__ import annotations

import time
from typing import NoReturn

from agent.evolution.candidates import Candidates
from agent.explore.explorer import Explorer
from agent.journal import EpisodeEntry, Journal
from agent.lock_in.choose import AnyRule, LockIn
from agent.play.episode import Environment, play_episode
from agent.world_model.world_model import WorldModel


def play(
    env: Environment,
    world_model: WorldModel,
    candidates: Candidates,
    rule: AnyRule,
    journal: Journal,
    explorer: Explorer | None = None,
) -> NoReturn:
    """Play episodes with the candidates that the rule chooses, until the server ends the run.

    Args:
        env: an environment that is not in the middle of an episode.
        world_model: V and M.
        candidates: the controllers that can play.
        rule: the lock-in rule, which chooses among them.
        journal: journal that records each episode.
        explorer: an explorer with an empty archive; with None, the controllers play every step.

    Raises:
        GymRemoteError: the run ended; the error's class gives the reason. Normally, a limit was
            reached.
    """
    lock_in = LockIn(rule)
    episodes = timesteps = 0
    while True:
        choice = lock_in.choice
        controller = candidates.controller(choice.candidate)
        started = time.perf_counter()
        episode = play_episode(env, world_model, controller, explorer)
        seconds = time.perf_counter() - started
        timesteps += episode.timesteps
        journal.episode(
            EpisodeEntry(
                episode=episodes,
                candidate=choice.candidate,
                episode_return=episode.episode_return,
                length=episode.length,
                timesteps=timesteps,
                locked=choice.locked,
                steps_per_second=episode.length / seconds,
                origin=candidates.origin(choice.candidate),
                returned_to=episode.returned_to,
                seconds=episode.timing.rounded(),
            )
        )
        candidates.finished(choice.candidate, episode.episode_return)
        lock_in.finished(episode.episode_return)
        episodes += 1
