"""Evolves the last layer of PPO2 on many levels at once: `python -m baselines.evolve --out DIR`.

DIR/es.safetensors          weights of PPO2 with the evolved layer, for `--weights` of es and ppo2
DIR/checkpoint.safetensors  state of the search; the same command resumes from it
DIR/run.json                options, command, commit, versions; DIR/tensorboard, the curves
"""

from __future__ import annotations

import dataclasses
import sys

from agent import command_line
from agent.errors import INTERRUPTED_EXIT_CODE, UserError
from agent.files import sha256
from arena.environment.availability import check_available
from arena.environment.held_out import held_out_sets
from arena.environment.levels import select
from arena.evaluation.run_folder import current_command, open_run
from arena.workers.ray_cluster import check_address
from baselines.learning.evolution.options import EvolveOptions
from baselines.learning.pretrained_options import ppo2_weights

# Options that may change when a run is resumed.
FREE = ("out", "generations", "workers", "executor", "ray_address")


def main() -> None:
    """Evolve, or resume, and write the weights.

    Raises:
        UserError: an option is wrong, the folder belongs to another run, or workers failed.
    """
    options = command_line.parse(EvolveOptions, prog="python -m baselines.evolve")
    check_address(options.executor, options.ray_address)
    levels = select(options.levels)
    names = [level.name for level in levels]
    for name, held_out in held_out_sets(names).items():
        raise UserError(f"{name} belongs to {held_out}, which is for evaluation only: give others")
    for level in levels:
        check_available(level)
    # They load torch, which --help does not need.
    from baselines.learning.evolution.training import train
    from baselines.learning.ppo.frozen_ppo2 import FrozenPpo2

    FrozenPpo2(options.weights)  # before anything is written
    settings = {n: v for n, v in dataclasses.asdict(options).items() if n not in FREE}
    identity = {**settings, "weights": sha256(ppo2_weights(options.weights)), "levels": names}
    run = open_run(
        options.out,
        identity,
        name="evolve-es",
        seeds={"seed": options.seed},
        argv=current_command(),
    )
    try:
        weights = train(options, levels)
    except KeyboardInterrupt:
        print(f"interrupted: the same command resumes from {run.path}", file=sys.stderr)
        sys.exit(INTERRUPTED_EXIT_CODE)
    finally:
        run.close()
    print(weights)


if __name__ == "__main__":
    command_line.run(main)
