"""Pretrains an agent on the training levels: `python -m baselines.pretrain AGENT --out DIR`.

DIR/weights.safetensors     the weights, for the agent's `--weights`
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
from arena.evaluation.run_folder import current_command, open_run
from baselines.aborghi import AborghiOptions
from baselines.learning.ppo_options import PpoOptions
from baselines.ppo2 import Ppo2Options

# The values of joint training; all others are those of play in the contest. Each of aborghi's
# workers played 2,048 steps of one level; here an update has four times as many, of all levels.
AGENTS: dict[str, PpoOptions] = {
    "ppo2": Ppo2Options(),
    "aborghi": AborghiOptions(rollout_steps=8192, minibatches=16, learning_rate=2e-4),
}


@dataclass(frozen=True)
class PretrainOptions:
    """Pretrain an agent on all levels of a set at once.

    Each episode draws a level at random. OpenAI trained joint PPO for 50 million timesteps or
    more; the default is what two cores can do in some hours.
    """

    extra: ClassVar[str] = "baselines"

    agent: str = option("agent to train", positional=True, choices=tuple(AGENTS))
    out: Path = option("folder of the run; an interrupted run in it is resumed")
    levels: str = option(LEVELS_HELP, "pangolin-train")
    steps: int = option("total timesteps", 4_000_000, within=COUNT)
    envs: int = option("number of emulators, each in its own process", 2, within=(1, 256))
    seed: int = option("random seed, 1 or more", 1, env="SEED", within=SEED)


def main() -> None:
    """Train, or resume, and write the weights.

    Raises:
        UserError: an option is wrong, the folder belongs to another run, or training diverged.
    """
    options = command_line.parse(PretrainOptions, prog="python -m baselines.pretrain")
    from baselines.learning.joint_training import train  # loads torch, which --help does not need

    agent, levels = AGENTS[options.agent], select(options.levels)
    identity = {
        "agent": options.agent,
        "levels": [level.name for level in levels],
        "envs": options.envs,
        "settings": agent.hyperparameters(),
    }
    run = open_run(
        options.out,
        identity,
        name=f"pretrain-{options.agent}",
        seeds={"seed": options.seed},
        argv=current_command(),
    )
    try:
        weights = train(agent, levels, options.out, options.steps, options.envs, options.seed)
    except KeyboardInterrupt:
        print(f"interrupted: the same command resumes from {run.path}", file=sys.stderr)
        sys.exit(INTERRUPTED_EXIT_CODE)
    finally:
        run.close()
    print(weights)


if __name__ == "__main__":
    command_line.run(main)
