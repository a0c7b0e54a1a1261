"""The budget: episode after episode until the server ends the run."""

from __future__ import annotations

import time
from typing import NoReturn

from agent.candidates import Candidates
from agent.explore.explorer import Retrace
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
    switch_after_steps: int = 0,
    retrace: Retrace | None = None,
) -> NoReturn:
    """Play episodes with the candidates that the rule chooses, until the server ends the run.

    Args:
        env: not in mid-episode.
        world_model: V and M.
        candidates: who can play.
        rule: who does.
        journal: gets an entry an episode.
        switch_after_steps: see `agent.play.episode`; 0: never switch.
        retrace: the memory of the level, empty as yet; None: every episode begins from nothing.

    Raises:
        GymRemoteError: by class, how the run ended; a reached limit is the normal end.
    """
    lock_in = LockIn(rule)
    episodes = timesteps = 0
    while True:
        choice = lock_in.choice
        controllers = candidates.taking_turns(choice.candidate)
        started = time.perf_counter()
        episode = play_episode(env, world_model, controllers, switch_after_steps, retrace)
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
                switches=episode.switches,
                returned_to=episode.returned_to,
                seconds=episode.spent.rounded(),
            )
        )
        candidates.finished(choice.candidate, episode.own_return)
        lock_in.finished(episode.own_return, episode.timesteps)
        episodes += 1
