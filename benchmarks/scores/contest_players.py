"""Our agents in the contest's scores: what identifies them, and how they play a budget.

They play as in the contest: the real agent, connected through the real socket.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from agent.errors import UserError
from agent.evolution.cma_es import Evolution
from agent.explore.explorer import EXPLORER_VERSION
from agent.settings import PLAY_SETTINGS, Settings
from agent.world_model.packed_model import PackedModel, PackedModelError, load
from arena.environment.levels import Level
from arena.evaluation.agents import AgentOptions, LocalAgent
from arena.evaluation.evaluate import EvaluationPlan
from arena.evaluation.level_run import LevelRun
from arena.evaluation.results import LevelResult
from arena.server.session_result import TIMESTEP_LIMIT
from benchmarks.identity import digest, model_digest
from benchmarks.scores.baseline_plays import (
    BASELINES,
    HOLD_RIGHT,
    JERK,
    RANDOM,
    RUN_AND_JUMP,
    read_play,
)
from benchmarks.scores.contest_plays import Identity, Play
from benchmarks.scores.contest_runs import contest_limits, play_plan

UNTRAINED = "World Models, untrained"
ORIGINAL_2018 = "original 2018 agent (our networks)"
SHIPPED = "World Models (ours)"
OURS = (UNTRAINED, ORIGINAL_2018, SHIPPED)
AGENTS = (*BASELINES, *OURS)  # the order of tables
NAMES = {  # name in an option -> name in tables and files
    "random-buttons": RANDOM,
    "hold-right": HOLD_RIGHT,
    "run-and-jump": RUN_AND_JUMP,
    "jerk": JERK,
    "untrained": UNTRAINED,
    "original-2018": ORIGINAL_2018,
    "ours": SHIPPED,
}
# How the original 2018 agent plays, whatever a packed play.json contains: it locks in the first
# candidate above 2000, and does not explore.
ORIGINAL_2018_PLAY: dict[str, Any] = {
    "lock_in_rule": "first-above",
    "lock_in_score": 2000.0,
    "candidate_order": "distribution",
    "explore": False,
}


def identities(pretrained: Path) -> dict[str, Identity]:
    """Return what identifies each agent at present; plays of equal identities are comparable.

    An identity is plain data: the agent's name, its model, and what `play_identity` adds. It
    contains no hash of source code and no default value.

    Raises:
        UserError: there is no packed model, or its play.json can't be used.
    """
    known: dict[str, Identity] = {name: {"agent": name} for name in BASELINES}
    model = load(pretrained)
    for name in (ORIGINAL_2018, SHIPPED):
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


def play_identity(settings: Settings) -> dict[str, Any]:
    """Return the part of an identity that describes how an agent plays.

    It contains only settings that differ from their defaults. So a setting can be added, renamed
    or removed without excluding the plays of agents that leave it at its default. Before a default
    is changed, its old value must be written into the stored identities.

    Returns:
        `settings`: name -> value. `explorer`: its version, only if the explorer is on.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    values = {name: getattr(settings, name) for name in PLAY_SETTINGS}
    changed = {name: value for name, value in values.items() if value != defaults[name]}
    explorer = {"explorer": EXPLORER_VERSION} if settings.explore else {}
    return {"settings": changed, **explorer}


def our_agent(
    name: str, pretrained: Path, budget_steps: int, seed: int, folder: Path
) -> LocalAgent:
    """Return one of our agents, ready to play.

    Args:
        name: one of `OURS`.
        pretrained: folder of the packed model.
        budget_steps: timesteps of the budget, which the agent is given as a setting.
        seed: random seed of its candidates, and of the weights of an untrained model.
        folder: folder for untrained models; a model that is there is used again.
    """
    if name == UNTRAINED:
        pretrained = untrained_model(folder, load(pretrained), Evolution.load(pretrained), seed)
    return LocalAgent(_settings(name, pretrained, budget_steps, seed))


def _settings(name: str, pretrained: Path, budget_steps: int, seed: int) -> Settings:
    # A score must not depend on the caller's environment variables: {} replaces them.
    agent = LocalAgent.configure({}, pretrained, AgentOptions(budget_steps, seed, None))
    if name != ORIGINAL_2018:
        return agent.settings
    return Settings(pretrained=agent.settings.pretrained, seed=seed, **ORIGINAL_2018_PLAY)


def untrained_model(folder: Path, model: PackedModel, evolution: Evolution, seed: int) -> Path:
    """Return the folder of a packed model with random weights and an initial distribution of C.

    Its sizes are those of `model`. It is written only once, because a run that continues needs the
    same files.
    """
    sizes = [model.spec.to_json(), evolution.population, evolution.sigma0, seed]
    untrained = folder / f"untrained-{model.spec.preset}-seed{seed}-{digest({'sizes': sizes})}"
    try:
        load(untrained)
    except PackedModelError:  # missing, or incomplete after an interruption
        from training.models.untrained import write_untrained

        write_untrained(
            untrained, model.spec, seed, population=evolution.population, sigma0=evolution.sigma0
        )
    return untrained


def play_ours(
    agent: LocalAgent,
    budget_steps: int,
    levels: Sequence[Level],
    folder: Path,
    workers: int,
    console: Console,
    note: Callable[[str, Play], None],
) -> None:
    """Play levels through the real socket, several at once, and note each finished play.

    Args:
        agent: the agent with its seed; the sticky actions have the same seed.
        budget_steps: timesteps per level.
        levels: levels to play.
        folder: run folder, new or of an interrupted run of the same levels.
        workers: number of levels played at once.
        console: shows the progress.
        note: function that is called with a level's name and its play, from any thread, once or
            twice per level.

    Raises:
        EvaluationInterrupted: Ctrl-C; `note` was called for the finished plays.
        UserError: a level failed.
    """

    def note_result(result: LevelResult) -> None:
        if (play := _finished_play(result, folder)) is not None:
            note(result.level, play)

    class NotedLevelRun(LevelRun):
        def play(self, stop: threading.Event) -> LevelResult:
            result = super().play(stop)
            note_result(result)
            return result

    seed, limits = agent.settings.seed, contest_limits(budget_steps)
    plan = EvaluationPlan(levels, agent, limits, seed, min(workers, len(levels)))
    for level in play_plan(plan, folder, console, NotedLevelRun).levels:
        note_result(level)  # an earlier run may have been killed before it noted this result
        _check_played_out(level, folder)


def _finished_play(result: LevelResult, folder: Path) -> Play | None:
    if result.status != "finished" or result.ended_by != TIMESTEP_LIMIT:
        return None
    assert result.timesteps is not None and result.seconds is not None
    level_dir = folder / result.folder
    return read_play(level_dir, result.timesteps, result.seconds, result.locked_in_at)


def _check_played_out(level: LevelResult, folder: Path) -> None:
    if level.ended_by == TIMESTEP_LIMIT:
        return
    reason = level.error.reason if level.error else f"it ended by {level.ended_by}"
    action = "repeat" if level.status == "failed" else "remove that folder and repeat"
    raise UserError(
        f"{folder}: {level.level} was not played to its end ({reason}): {action} the command"
    )
