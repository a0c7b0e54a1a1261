"""An agent that is a Python function, object or class, played in a thread of this process.

It plays through the contest's socket, as every other agent does, so it gets the same scores. It
stays in this process because it may be defined in a notebook, or have its networks on a GPU.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from agent.compatibility.gym_remote.client import RemoteEnv
from agent.compatibility.gym_remote.exceptions import GymRemoteError
from agent.errors import UserError
from arena.evaluation.agent_process import WorkingDirectory
from arena.evaluation.agents import AgentOptions, RunningAgent

SECONDS_TO_STOP = 5.0


class AgentRaisedError(Exception):
    """The agent raised an exception, which is the cause of this one."""


@dataclass(frozen=True)
class PythonAgent:
    """A function, an object or a class that plays; see `arena.evaluation.python_evaluation`."""

    player: Any
    options: AgentOptions

    @property
    def name(self) -> str:
        named = self.player if hasattr(self.player, "__name__") else type(self.player)
        return str(named.__name__).strip("<>")

    def check(self) -> None:
        """Raise a UserError if the agent has none of the known forms."""
        if not _can_play(self.player):
            raise UserError(
                f"the agent {self.player!r:.60} can't play: give a function from a frame to"
                " buttons, an object or class with act(frame) or play(env), or an agent's name"
            )

    def describe(self) -> dict[str, Any]:
        return {"kind": "python", "name": self.name, **self.options.describe()}

    def start(self, directory: WorkingDirectory) -> RunningAgent:
        return AgentThread(self.player, directory, self.options.seed)


class AgentThread:
    """A Python agent that plays one level."""

    def __init__(self, player: Any, directory: WorkingDirectory, seed: int | None) -> None:
        self._player = player
        self._error: BaseException | None = None
        self._env = RemoteEnv(str(directory.socket_dir))
        if seed is not None:  # an agent in another process gets it as the variable SEED
            self._env.action_space.seed(seed)
        self._thread = threading.Thread(target=self._run, name="agent", daemon=True)
        self._thread.start()

    def exit_code(self) -> int | None:
        """Return 0 after the agent's end; None while it plays.

        Raises:
            AgentRaisedError: the agent raised an exception.
        """
        if self._thread.is_alive():
            return None
        if self._error is not None:
            raise AgentRaisedError from self._error
        return 0

    def wait(self, seconds: float) -> int | None:
        """Wait for the agent's end; None if it still plays after these seconds."""
        self._thread.join(seconds)
        return None if self._thread.is_alive() else 0

    def stop(self) -> None:
        """Close the connection, which ends the agent at its next step."""
        self._env.close()
        self._thread.join(SECONDS_TO_STOP)

    def trim_logs(self) -> None:
        """Do nothing, because what the agent prints goes to this process's output."""

    def _run(self) -> None:
        try:
            _play(self._player, self._env)
        except GymRemoteError:
            pass  # the server knows the reason
        except BaseException as error:  # SystemExit too: it is raised again for the caller
            self._error = error
        finally:
            self._env.close()


def _can_play(player: Any) -> bool:
    if any(callable(getattr(player, method, None)) for method in ("act", "play")):
        return True
    if isinstance(player, type):  # every class is callable, but its objects need not be
        return any("__call__" in vars(base) for base in player.__mro__)
    return callable(player)


def _play(player: Any, env: RemoteEnv) -> None:
    """Play until the environment raises a GymRemoteError."""
    if isinstance(player, type):
        player = player()
    if hasattr(player, "play"):
        player.play(env)
        return
    act, reset = getattr(player, "act", player), getattr(player, "reset", None)
    while True:
        frame, done = env.reset(), False
        if reset is not None:
            reset()
        while not done:
            frame, _, done, _ = env.step(act(frame))
