"""Connects a baseline to the contest's socket, and ends it when the server ends the run.

`local_eval.py run --agent NAME` starts a baseline like this, with its settings in environment
variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class PlayOptions:
    """Play a baseline on the level that the contest's socket serves, until a limit is reached."""

    socket_dir: Path = option(
        "folder that contains the contest's socket `sock`", Path("tmp/sock"), env="SOCKET_DIR"
    )
    budget_steps: int = option(
        "timesteps of the budget, resets included", CONTEST_STEPS, env="BUDGET_STEPS", within=COUNT
    )
    seed: int = option("random seed of the agent, 1 or more", 1, env="SEED", within=SEED)


def play_level(options: PlayOptions, play: Callable[[RemoteEnv], None]) -> None:
    """Connect, and play until the server ends the run.

    Args:
        options: where the socket is.
        play: plays on the connected level until it raises an exception.

    Raises:
        UserError: there is no server, or it ended the run without reaching a limit.
    """
    try:
        env = RemoteEnv(str(options.socket_dir))
    except OSError as error:
        raise UserError(f"no server at {options.socket_dir / 'sock'}: {error.strerror}") from error
    try:
        play(env)
    except (TimestepTimeoutError, WallClockTimeoutError) as limit:
        print(f"event=end limit={type(limit).__name__}")
    except GymRemoteError as error:
        raise UserError(f"the server ended the run: {type(error).__name__} {error}") from error
    finally:
        env.close()
