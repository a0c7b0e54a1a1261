"""The programs that play_speed compares with the agent.

`bare`: the emulator in process, without socket and agent. `null`: an agent that presses nothing,
through the socket. `eager`: torch in eager mode with `nn.LSTM`, like the original 2018 agent; M is
stepped before the action is sent.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, SEED
from agent.gym_remote.client import GymRemoteClient
from agent.gym_remote.messages import TimestepTimeoutError
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import select_one
from arena.server.monitor import Monitor


@dataclass(frozen=True)
class Options:
    """Run one of the programs that the agent is compared with."""

    extra: ClassVar[str] = "train"

    program: str = option("name of the program", positional=True, choices=("bare", "null", "eager"))
    level: str = option("level of `bare`", "airstriker")
    steps: int = option("agent steps of `bare`", 5000, within=COUNT)
    seed: int = option("random seed of the sticky actions of `bare`", 1, within=SEED)
    monitor_dir: Path = option("folder for the log.csv of `bare`", Path("."))


def main() -> None:
    """Run one program to the end of its own or the server's budget."""
    options = command_line.parse(Options, prog="python -m benchmarks.speed.play_speed_agents")
    if options.program == "bare":
        play_bare(options)
        return
    env = GymRemoteClient.connect(Path(os.environ["SOCKET_DIR"]), 30.0)
    try:
        play_null(env) if options.program == "null" else play_eager(env)
    except TimestepTimeoutError:
        pass  # the end of the budget is the end of the measurement
    finally:
        env.close()


def play_bare(options: Options) -> None:
    """Step the contest's environment in process, without pressing buttons."""
    env = ContestEnv(select_one(options.level), seed=options.seed)
    monitor = Monitor(options.monitor_dir)
    buttons = np.zeros(12, np.uint8)
    done = True
    for _ in range(options.steps):
        if done:
            monitor.reset()
            env.reset()
        _, reward, done, _ = env.step(buttons)
        monitor.step(reward)
    env.close()


def play_null(env: GymRemoteClient) -> None:
    """Send empty actions as fast as the server answers."""
    buttons = np.zeros(12, np.uint8)
    while True:
        env.reset()
        done = False
        while not done:
            env.send_action(buttons)
            done = env.receive()[2]


def play_eager(env: GymRemoteClient) -> None:
    """Play with the original 2018 sizes in eager torch: encode, act, then step M, in sequence."""
    import torch

    from agent.world_model.packed_model import PRESETS
    from agent.world_model.preprocess import preprocess
    from training.models.networks import VAE

    torch.set_num_threads(1)
    spec = PRESETS["original2018"]
    vae = VAE(spec).eval()
    fc = torch.nn.Linear(spec.latent + 4, spec.hidden)
    lstm = torch.nn.LSTM(spec.hidden, spec.hidden)
    controller = torch.nn.Linear(spec.latent + 2 * spec.hidden, 4)
    buttons = np.zeros(12, np.uint8)
    with torch.no_grad():
        while True:
            frame, done = env.reset(), False
            state = (torch.zeros(1, 1, spec.hidden), torch.zeros(1, 1, spec.hidden))
            while not done:
                small = torch.from_numpy(preprocess(frame, spec))[None]
                z = vae.encode(small)[0]  # (1, Z)
                features = torch.cat([z, state[0][0], state[1][0]], dim=1)
                action = (torch.sigmoid(controller(features)) > 0.5).float()  # (1, 4)
                hidden = torch.relu(fc(torch.cat([z, action], dim=1)))
                _, state = lstm(hidden[None], state)
                buttons[[0, 5, 6, 7]] = action[0].numpy()
                frame, _, done = env.step(buttons)


if __name__ == "__main__":
    command_line.run(main)
