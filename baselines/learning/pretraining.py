"""How an agent is pretrained, and the card that describes the weights.

Nothing here needs torch, so that --help works without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.files import write_atomically
from arena.environment.availability import check_available
from arena.environment.gymnasium_env import LevelsEnv
from arena.environment.levels import Level
from baselines.learning.options import LearningOptions

TENSORBOARD, CHECKPOINT = "tensorboard", "checkpoint.safetensors"


@dataclass(frozen=True)
class Trained:
    """The result of pretraining.

    Attributes:
        weights: path of the weights.
        timesteps: timesteps of the whole training.
        seconds: seconds of the whole training, without interruptions.
    """

    weights: Path
    timesteps: int
    seconds: float


class Clock:
    """Seconds of training, those before an interruption included."""

    def __init__(self, earlier: float) -> None:
        self._start = time.monotonic() - earlier

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return time.monotonic() - self._start


# Options of the agent, levels, folder of the run, total timesteps, number of emulators, seed.
Train = Callable[[Any, Sequence[Level], Path, int, int, int], Trained]


@dataclass(frozen=True)
class Recipe:
    """How an agent is pretrained.

    Attributes:
        options: the agent's options, with the values of pretraining.
        steps: total timesteps that two cores can play in some hours.
        envs: number of emulators, each in its own process.
        scaled_down: what its source did, and how this training differs from it.
        load: imports the function that trains; it loads torch.
    """

    options: LearningOptions
    steps: int
    envs: int
    scaled_down: str
    load: Callable[[], Train]


def diverged(timesteps: int, folder: Path) -> UserError:
    """Return the error for a training that diverged.

    Args:
        timesteps: timesteps so far.
        folder: folder of the run, which contains the checkpoint.
    """
    return UserError(
        f"training diverged: a value is no longer finite after {timesteps:,} timesteps; the last"
        f" good checkpoint is kept in {folder}: repeat the command with another --seed"
    )


def weights_path(folder: Path, agent: LearningOptions) -> Path:
    """Return where the training in a folder writes an agent's weights."""
    return folder / f"{agent.agent}.safetensors"


def check_levels(levels: Sequence[Level]) -> None:
    """Check that the emulator can play all levels in one environment.

    Raises:
        UserError: a level can't be played, or two games differ in the frame or in the buttons.
    """
    for level in levels:
        check_available(level)
    one_of_each_game = {level.game: level for level in levels}.values()
    env = LevelsEnv(tuple(one_of_each_game))
    for level in one_of_each_game:
        env.reset(options={"level": level.name})
    env.close()


def write_card(
    trained: Trained, recipe: Recipe, levels: str, names: Sequence[str], run: Mapping[str, Any]
) -> Path:
    """Write the card beside the weights: `NAME.md`.

    Args:
        trained: result of the training.
        recipe: how it was trained.
        levels: the level set, as the user named it.
        names: names of the levels.
        run: content of the folder's run.json.

    Returns:
        The path of the card.
    """
    name, envs, seed = recipe.options.agent, run["settings"]["envs"], run["seeds"]["seed"]
    command = f"python -m baselines.pretrain {name} --levels {levels} --steps {trained.timesteps}"
    rows = {
        "levels": f"`{levels}` ({len(names)}, listed below)",
        "timesteps": f"{trained.timesteps:,}",
        "hours": f"{trained.seconds / 3600:.2f}",
        "emulators": envs,
        "random seed": seed,
        "scaled down": recipe.scaled_down,
        "command": f"`{command} --envs {envs} --seed {seed} --out DIR`",
        "commit": run["commit"],
        "processor": run["device"]["processor"],
    }
    text = "\n".join(
        [
            f"# Pretrained weights of {name}\n",
            f"`python -m baselines.{name} --weights pretrained` plays with them.\n",
            *("| | |", "| --- | --- |"),
            *(f"| {key} | {value} |" for key, value in rows.items()),
            "\n## Hyperparameters\n",
            *("| option | value |", "| --- | --- |"),
            *(f"| `{key}` | {value} |" for key, value in recipe.options.hyperparameters().items()),
            "\n## Levels\n",
            ", ".join(names) + ".\n",
        ]
    )
    card = trained.weights.with_suffix(".md")
    write_atomically(card, text.encode())
    return card
