"""The agents in the contest's scores: their names, and what identifies them.

They play as in the contest: the real agent, connected through the real socket. The baselines are
those of `arena.evaluation.baseline_agents`.
"""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.evolution.cma_es import Evolution
from agent.explore.explorer import EXPLORER_VERSION
from agent.files import sha256
from agent.settings import PLAY_SETTINGS, Settings
from agent.world_model.packed_model import PackedModel, PackedModelError, load
from arena.evaluation import shipped_weights
from arena.evaluation.agents import AgentOptions, LocalAgent
from arena.evaluation.baseline_agents import BASELINES, LEARNING, BaselineAgent
from benchmarks.baseline_options import hyperparameters, module_and_arguments
from benchmarks.identity import digest, model_digest
from benchmarks.scores.contest_plays import Identity
from benchmarks.scores.contest_runs import Player


def _is_simple(name: str) -> bool:
    """Return whether a baseline has no network."""
    return module_and_arguments(name)[0] not in LEARNING


RANDOM, HOLD_RIGHT, JERK = "random buttons", "hold RIGHT", "JERK"
UNTRAINED = "World Models, untrained"
ORIGINAL_2018 = "original 2018 agent (our networks)"
SHIPPED = "World Models (ours)"
OURS = (UNTRAINED, ORIGINAL_2018, SHIPPED)
LABELS = {"random": RANDOM, "right": HOLD_RIGHT, "jerk": JERK}
# Name in an option -> name in tables and files. Plays are made in this order: cheap ones first.
NAMES = {
    **{name: LABELS.get(name, name) for name in BASELINES if _is_simple(name)},
    **{"untrained": UNTRAINED, "original-2018": ORIGINAL_2018, "ours": SHIPPED},
    **{name: name for name in BASELINES if not _is_simple(name)},
}
AGENTS = (*(NAMES[name] for name in BASELINES), *OURS)  # the order of tables
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

    Baselines whose packages or weights are missing are omitted.

    An identity is plain data: the agent's name, its model, and what `play_identity` adds. It
    contains no hash of source code and no default value.

    Raises:
        UserError: there is no packed model, or its play.json can't be used.
    """
    known: dict[str, Identity] = {}
    for name in BASELINES:
        with contextlib.suppress(UserError):
            known[NAMES[name]] = baseline_identity(name)
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
    return {name: known[name] for name in AGENTS if name in known}


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


def baseline_identity(name: str) -> Identity:
    """Return what identifies a baseline: its hyperparameters, and the hash of its weights.

    Frames of a replay that come with the weights have a hash too.

    Args:
        name: name in `BASELINES`.

    Raises:
        UserError: its packages or weights are missing.
    """
    agent = BaselineAgent(name, AgentOptions(1, None, None))
    agent.check()
    plain = {"kind", "baseline", *agent.options.describe()}
    more = {key: value for key, value in agent.describe().items() if key not in plain}
    frames = shipped_weights.FOLDER / f"{module_and_arguments(name)[0]}.npz"
    if "weights" in more and frames.exists():
        more["frames"] = sha256(frames)
    return {"agent": NAMES[name], **hyperparameters(name), **more}


def player(name: str, pretrained: Path, budget_steps: int, seed: int, folder: Path) -> Player:
    """Return an agent, ready to play.

    Args:
        name: name in `NAMES`.
        pretrained: folder of our packed model.
        budget_steps: timesteps of the budget, which the agent is given as a setting.
        seed: random seed of the agent.
        folder: folder for untrained models; a model that is there is used again.
    """
    if name in BASELINES:
        return BaselineAgent(name, AgentOptions(budget_steps, seed, None))
    return our_agent(NAMES[name], pretrained, budget_steps, seed, folder)


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
