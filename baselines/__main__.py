"""Plays a baseline through the contest's socket: `python -m baselines NAME`.

`local_eval.py run --agent NAME` starts it like this, with its settings in environment variables.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from agent import command_line
from agent.command_line import option
from agent.command_line.ranges import COUNT, SEED
from agent.compatibility.gym_remote.client import RemoteEnv
from agent.compatibility.gym_remote.exceptions import (
    GymRemoteError,
    TimestepTimeoutError,
    WallClockTimeoutError,
)
from agent.errors import UserError
from agent.settings import CONTEST_STEPS
from baselines.jerk import Jerk
from baselines.simple_agents import BaselineEnv, hold_right, play_policy, random_buttons

POLICIES_BY_NAME = {"random": random_buttons, "right": hold_right}


@dataclass(frozen=True)
class BaselineOptions:
    """Play a baseline on the level of the contest's socket, until a limit is reached."""

    baseline: str = option(
        "baseline that plays", positional=True, choices=("jerk", *POLICIES_BY_NAME)
    )
    socket_dir: Path = option(
        "folder that contains the contest's socket `sock`", Path("tmp/sock"), env="SOCKET_DIR"
    )
    budget_steps: int = option(
        "timesteps of the budget, resets included", CONTEST_STEPS, env="BUDGET_STEPS", within=COUNT
    )
    seed: int = option("random seed of the buttons, 1 or more", 1, env="SEED", within=SEED)


def main() -> None:
    """Connect, and play until the server ends the run.

    Raises:
        UserError: an option is invalid, there is no server, or it ended the run without reaching a
            limit.
    """
    options = command_line.parse(BaselineOptions, prog="python -m baselines")
    try:
        env = RemoteEnv(str(options.socket_dir))
    except OSError as error:
        raise UserError(f"no server at {options.socket_dir / 'sock'}: {error.strerror}") from error
    try:
        play(options, env)
    except (TimestepTimeoutError, WallClockTimeoutError) as limit:
        print(f"event=end limit={type(limit).__name__}")
    except GymRemoteError as error:
        raise UserError(f"the server ended the run: {type(error).__name__} {error}") from error
    finally:
        env.close()


def play(options: BaselineOptions, env: BaselineEnv) -> None:
    """Play the chosen baseline on an environment."""
    if options.baseline == "jerk":
        Jerk(env, options.budget_steps, options.seed).run()
    else:
        play_policy(POLICIES_BY_NAME[options.baseline], env, options.seed)


if __name__ == "__main__":
    command_line.run(main)
