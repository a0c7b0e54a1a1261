"""Who plays for the contest's scores, and how each plays one budget exactly as the contest counts.

Rivals without a model play in process, under a count of our own that is held to the server's;
ours play as they would in the contest: the real agent behind the real socket.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from agent.errors import UserError
from agent.evolution import Evolution
from agent.explore.explorer import EXPLORER_VERSION
from agent.settings import PLAY_SETTINGS, Settings
from agent.world_model.packed_model import MODEL_CARD, PackedModel, PackedModelError, load
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from arena.evaluation.agents import AgentOptions, LocalAgent
from arena.evaluation.evaluate import EvaluationPlan, evaluate
from arena.evaluation.level_run import LevelLimits, LevelRun
from arena.evaluation.results import LevelResult
from arena.evaluation.run_folder import current_command, open_run
from arena.evaluation.score import read_monitor
from arena.server.monitor import MONITOR_FILE, Monitor
from arena.server.session_result import TIMESTEP_LIMIT
from baselines.jerk import Environment, Jerk
from baselines.simple_agents import POLICIES, Buttons
from benchmarks.scores.calibration_results import JERK
from benchmarks.scores.contest_store import Identity, Play, digest

RANDOM = "random buttons"
UNTRAINED = "ours untrained"
AS_SEED = "ours as the seed played"
SHIPPED = "ours as shipped"
RIVALS = (RANDOM, *(name for name in POLICIES if name != RANDOM), JERK)
OURS = (UNTRAINED, AS_SEED, SHIPPED)
AGENTS = (*RIVALS, *OURS)  # the order of tables
# Whatever a packed play.json says: the first candidate above 2,000 is locked in, no explorer.
SEED_PLAY: dict[str, Any] = {
    "lock_in_rule": "first-above",
    "lock_in_score": 2000.0,
    "candidate_order": "distribution",
    "explore": False,
}
LEVEL_HOURS = 12.0  # the contest's
SECONDS_TO_CONNECT, SECONDS_TO_HANG = 120.0, 900.0


class BudgetSpentError(Exception):
    """All timesteps are used."""


class Counted:
    """A level's environment that counts as the contest's server does, and ends with the budget."""

    def __init__(self, environment: Environment, monitor: Monitor, budget_steps: int) -> None:
        self._environment = environment
        self._monitor = monitor
        self._budget_steps = budget_steps
        self.timesteps = 0

    def reset(self) -> NDArray[np.uint8]:
        """Start an episode; the one before counts from here on.

        Raises:
            BudgetSpentError: this was the last timestep.
        """
        self._monitor.reset()
        frame = self._environment.reset()
        self._spend()
        return frame

    def step(self, buttons: Buttons) -> tuple[NDArray[np.uint8], float, bool, object]:
        """Play a step.

        Raises:
            BudgetSpentError: this was the last timestep.
        """
        answer = self._environment.step(buttons)
        self._monitor.step(answer[1])
        self._spend()
        return answer

    def _spend(self) -> None:
        self.timesteps += 1
        if self.timesteps >= self._budget_steps:
            raise BudgetSpentError


@dataclass(frozen=True)
class Task:
    """A rival's budget on one level."""

    agent: str
    level: Level
    seed: int
    budget_steps: int
    folder: Path  # for monitor.csv and log.csv


def make_play_rival() -> Callable[[Task], Play]:
    """What a worker process is made with: it needs no preparation."""
    return play_rival


def play_rival(task: Task) -> Play:
    """Play a rival's budget on the emulator of this process."""
    environment = ContestEnv(task.level, task.seed)
    try:
        return play_budget(environment, task)
    finally:
        environment.close()


def play_budget(environment: Environment, task: Task) -> Play:
    """Play a rival's budget on an environment.

    Raises:
        UserError: the folder for the contest's files can't be written.
    """
    monitor = Monitor(task.folder)
    counted = Counted(environment, monitor, task.budget_steps)
    started = time.perf_counter()
    try:
        with contextlib.suppress(BudgetSpentError):
            if task.agent == JERK:
                Jerk(counted, task.budget_steps, task.seed).run()
            else:
                _play_policy(counted, task)
    finally:
        monitor.close()
    return _play(task.folder, counted.timesteps, time.perf_counter() - started)


def _play_policy(environment: Environment, task: Task) -> None:
    for episode in itertools.count():
        environment.reset()
        for buttons in POLICIES[task.agent](np.random.default_rng([task.seed, episode])):
            if environment.step(buttons)[2]:
                break


def _play(folder: Path, timesteps: int, seconds: float, locked_in_at: int | None = None) -> Play:
    """A play from the contest's own file."""
    episodes = read_monitor(folder / MONITOR_FILE)
    returns = [episode.episode_return for episode in episodes]
    return Play(returns, [one.length for one in episodes], timesteps, seconds, locked_in_at)


def identities(pretrained: Path) -> dict[str, Identity]:
    """Returns what identifies each agent now; plays with equal identities can be compared.

    An identity is plain data: the agent's name, its model, and what `play_identity` adds. It holds
    no hash of source code and no default value.

    Raises:
        UserError: no packed model there, or a play.json that can't be used.
    """
    known: dict[str, Identity] = {name: {"agent": name} for name in RIVALS}
    model = load(pretrained)
    for name in (AS_SEED, SHIPPED):
        settings = _settings(name, pretrained, 1, 1)
        known[name] = {
            "agent": name,
            "model": model_digest(model),
            **play_identity(settings),
        }
    evolution = Evolution.load(pretrained)
    known[UNTRAINED] = {
        "agent": UNTRAINED,
        "spec": model.spec.to_json(),
        "population": evolution.population,
        "sigma0": evolution.sigma0,
        **play_identity(Settings()),
    }
    return {name: known[name] for name in AGENTS}


def model_digest(model: PackedModel) -> str:
    """Returns a short name for what plays in a packed model, independent of its files' names.

    It is computed from the SHA-256 of the files that play. The model card is excluded: its text
    changes no score.
    """
    playing = (
        entry["sha256"]
        for name, entry in model.manifest["files"].items()
        if entry["role"] == "play" and name != MODEL_CARD
    )
    return digest(sorted(playing))


def play_identity(settings: Settings) -> dict[str, Any]:
    """Returns the part of an identity that tells how an agent plays.

    Only settings that differ from their defaults are named, so that a setting can be added,
    renamed or removed without excluding any play of an agent that leaves it at its default. Whoever
    changes a default has to write the old value into the stored identities first.

    Returns:
        `settings`: name -> value. `explorer`: its version, only where the explorer is on.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    values = {name: getattr(settings, name) for name in PLAY_SETTINGS}
    changed = {name: value for name, value in values.items() if value != defaults[name]}
    explorer = {"explorer": EXPLORER_VERSION} if settings.explore else {}
    return {"settings": changed, **explorer}


def our_agent(
    name: str, pretrained: Path, budget_steps: int, seed: int, folder: Path
) -> LocalAgent:
    """One of ours, ready to play.

    Args:
        name: one of `OURS`.
        pretrained: the packed model as shipped.
        budget_steps: timesteps of the budget.
        seed: of its candidates, and of the weights of an untrained model.
        folder: where untrained models are written, to be found again.
    """
    if name == UNTRAINED:
        pretrained = untrained_model(folder, load(pretrained), Evolution.load(pretrained), seed)
    return LocalAgent(_settings(name, pretrained, budget_steps, seed))


def _settings(name: str, pretrained: Path, budget_steps: int, seed: int) -> Settings:
    # The caller's environment variables say nothing here: a score must not depend on them.
    agent = LocalAgent.configure({}, pretrained, AgentOptions(budget_steps, seed, None))
    if name != AS_SEED:
        return agent.settings
    place = agent.settings.pretrained
    return Settings(pretrained=place, seed=seed, **SEED_PLAY)


def untrained_model(folder: Path, model: PackedModel, evolution: Evolution, seed: int) -> Path:
    """A packed model of random weights and a search at its start, of a model's sizes.

    It is written once: a run that goes on must find the same file by file.
    """
    sizes = [model.spec.to_json(), evolution.population, evolution.sigma0, seed]
    place = folder / f"untrained-{model.spec.preset}-seed{seed}-{digest({'sizes': sizes})}"
    try:
        load(place)
    except PackedModelError:  # not there, or cut off while it was being written
        from training.models.untrained import write_untrained

        write_untrained(
            place, model.spec, seed, population=evolution.population, sigma0=evolution.sigma0
        )
    return place


def play_ours(
    agent: LocalAgent,
    levels: Sequence[Level],
    budget_steps: int,
    folder: Path,
    workers: int,
    console: Console,
    note: Callable[[str, Play], None],
) -> None:
    """Play levels through the real socket, several at once, and note each as it is finished.

    Args:
        agent: with its seed, which is the stickiness' too.
        levels: those that are still to be played.
        budget_steps: timesteps of each level's budget.
        folder: the run folder, new or of an interrupted run of the same levels.
        workers: levels at once.
        console: for the progress.
        note: called with a level's name, from any thread, once or twice for each.

    Raises:
        Interrupted: Ctrl-C; what was finished is noted.
        UserError: a level failed.
    """
    settings = agent.settings
    limits = LevelLimits(budget_steps, LEVEL_HOURS * 3600, SECONDS_TO_CONNECT, SECONDS_TO_HANG)
    plan = EvaluationPlan(levels, agent, limits, settings.seed, min(workers, len(levels)))
    plan.check()
    seeds = {"stickiness": settings.seed, "agent": settings.seed}
    run = open_run(folder, plan.settings(), name=folder.name, seeds=seeds, argv=current_command())

    def enter(result: LevelResult) -> None:
        if result.status == "finished" and result.ended_by == TIMESTEP_LIMIT:
            assert result.timesteps is not None and result.seconds is not None
            place = folder / result.folder
            note(result.level, _play(place, result.timesteps, result.seconds, result.locked_in_at))

    class NotedLevelRun(LevelRun):
        def play(self, stop: threading.Event) -> LevelResult:
            result = super().play(stop)
            enter(result)
            return result

    try:
        results = evaluate(plan, run, console, level_run=NotedLevelRun)
    finally:
        run.close()
    for level in results.levels:
        enter(level)  # one that was finished just when an earlier run was killed
        if level.ended_by != TIMESTEP_LIMIT:
            reason = level.error.reason if level.error else f"it ended by {level.ended_by}"
            advice = "repeat" if level.status == "failed" else "remove that folder and repeat"
            raise UserError(
                f"{folder}: {level.level} was not played out ({reason}): {advice} the command"
            )
