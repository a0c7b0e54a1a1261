"""Pretrains an agent on the training levels: `python -m baselines.pretrain AGENT --out DIR`.

DIR/AGENT.safetensors       the weights, for the agent's `--weights`
DIR/AGENT.md                their card: levels, timesteps, hours, hyperparameters
DIR/checkpoint.safetensors  weights and optimiser; the same command resumes from them
DIR/run.json                options, command, commit, versions; DIR/tensorboard, the curves
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, SEED
from agent.errors import INTERRUPTED_EXIT_CODE
from arena.environment.level_names import LEVELS_HELP
from arena.environment.levels import select
from arena.evaluation.run_folder import current_command, open_run, read_run
from baselines.aborghi import AborghiOptions
from baselines.learning.pretraining import Recipe, Train, check_levels, write_card
from baselines.learning.rainbow.options import RainbowOptions
from baselines.learning.world_model.options import JointWorldModelTraining
from baselines.ppo2 import Ppo2Options


def _load_joint_ppo() -> Train:
    from baselines.learning.ppo.joint_training import train

    return train


def _load_rainbow() -> Train:
    from baselines.learning.rainbow.training import train

    return train


def _load_joint_world_model() -> Train:
    from baselines.learning.world_model.training import train

    return train


# Where the options of pretraining differ from those of play, they are those of the source. Each of
# aborghi's workers played 2,048 steps of one level; here an update has four times as many, of all
# levels.
RECIPES = (
    Recipe(
        options=Ppo2Options(),
        steps=4_000_000,
        envs=2,
        scaled_down="OpenAI trained joint PPO for 50 million timesteps or more",
        load=_load_joint_ppo,
    ),
    Recipe(
        options=AborghiOptions(rollout_steps=8192, minibatches=16, learning_rate=2e-4),
        steps=4_000_000,
        envs=2,
        scaled_down="aborghi trained a worker per level, and shifted the brightness at random",
        load=_load_joint_ppo,
    ),
    Recipe(
        options=JointWorldModelTraining(),
        steps=2_400_000,
        envs=8,
        scaled_down=(
            "frames of 64x64 pixels (source: 128x128), 128 latent dimensions (512), 512 LSTM units"
            " (1,024), 32 filters in the first convolution (64); the source trained on a GPU"
        ),
        load=_load_joint_world_model,
    ),
    Recipe(
        options=RainbowOptions(priority_exponent=0.2),
        steps=600_000,
        envs=1,
        scaled_down=(
            "gardenermike trained for 5 million timesteps, and shipped 100,000 frames of the replay"
            " (here 10,000)"
        ),
        load=_load_rainbow,
    ),
)
AGENTS = {recipe.options.agent: recipe for recipe in RECIPES}


@dataclass(frozen=True)
class PretrainOptions:
    """Pretrain an agent on all levels of a set at once; each episode draws a level at random.

    The default timesteps are what two cores can do in some hours. The contestants used far more.
    """

    extra: ClassVar[str] = "baselines"

    agent: str = option("agent to train", positional=True, choices=tuple(AGENTS))
    out: Path = option("folder of the run; an interrupted run in it is resumed")
    levels: str = option(LEVELS_HELP, "pangolin-train")
    steps: int | None = option("total timesteps [those of the agent]", None, within=COUNT)
    envs: int | None = option(
        "number of emulators, each in its own process [that of the agent]", None, within=(1, 256)
    )
    seed: int = option("random seed, 1 or more", 1, env="SEED", within=SEED)


def main() -> None:
    """Train, or resume, and write the weights.

    Raises:
        UserError: an option is wrong, the folder belongs to another run, or training diverged.
    """
    options = command_line.parse(PretrainOptions, prog="python -m baselines.pretrain")
    recipe, levels = AGENTS[options.agent], select(options.levels)
    train = recipe.load()  # loads torch, which --help does not need
    steps, envs = options.steps or recipe.steps, options.envs or recipe.envs
    names = [level.name for level in levels]
    check_levels(levels)
    identity = {
        "agent": options.agent,
        "levels": names,
        "envs": envs,
        "settings": recipe.options.hyperparameters(),
    }
    run = open_run(
        options.out,
        identity,
        name=f"pretrain-{options.agent}",
        seeds={"seed": options.seed},
        argv=current_command(),
    )
    try:
        trained = train(recipe.options, levels, options.out, steps, envs, options.seed)
        card = write_card(trained, recipe, options.levels, names, read_run(run.path))
    except KeyboardInterrupt:
        print(f"interrupted: the same command resumes from {run.path}", file=sys.stderr)
        sys.exit(INTERRUPTED_EXIT_CODE)
    finally:
        run.close()
    print(trained.weights, card, sep="\n")


if __name__ == "__main__":
    command_line.run(main)
