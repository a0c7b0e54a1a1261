"""The server process of one level of an evaluation; a process can have only one emulator.

The evaluation starts `python -m arena.server.process CONFIG`, where CONFIG is JSON; users start
`python -m arena serve`. The process writes server.json into the level's folder, and ends with the
evaluation that started it, even if that was killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent import command_line
from agent.command_line.parser import json_argument
from agent.errors import UserError
from agent.files import write_atomically
from agent.guarded_files import read_guarded
from arena.environment.levels import Level
from arena.server.serve import serve
from arena.server.session_result import SessionResult

RESULT_NAME = "server.json"
MAX_RESULT_BYTES = 1 << 16
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


class ServerResultError(UserError):
    """A server.json is not what a server writes."""


@dataclass(frozen=True)
class ServerConfig:
    """What a server process serves, and where.

    Attributes:
        level: level to serve.
        socket_dir: folder of the socket and the observation.
        level_dir: folder of the monitor's files, the movies and server.json.
        seed: random seed of the sticky actions; None for a random one.
        timestep_limit: budget in timesteps, resets included.
        wall_clock_seconds: time limit of the level.
        connect_seconds: how long to wait for the agent.
        parent: process id of the evaluation.
        progress_file: descriptor, which the process inherits, of a file for the count of timesteps.
        frame_ring: file of the frame ring for a live view; None if there is no live view.
    """

    level: Level
    socket_dir: Path
    level_dir: Path
    seed: int | None
    timestep_limit: int
    wall_clock_seconds: float
    connect_seconds: float
    parent: int
    progress_file: int
    frame_ring: Path | None = None

    def command(self) -> list[str]:
        """Return the command line of the process."""
        return [sys.executable, "-m", "arena.server.process", json.dumps(self.to_json())]

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        paths = {name: str(value) for name, value in values.items() if isinstance(value, Path)}
        return values | paths | {"level": self.level.to_json()}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ServerConfig:
        """Read what `to_json` returned."""
        paths = {
            name: Path(values[name])
            for name in ("socket_dir", "level_dir", "frame_ring")
            if values[name] is not None
        }
        return cls(**{**values, **paths, "level": Level.from_json(values["level"])})


def read_result(level_dir: Path) -> SessionResult | None:
    """Read how the server of a level ended; None if it has not ended, or ended without a result.

    Raises:
        ServerResultError: the file was altered; only the server may write it.
    """
    path = level_dir / RESULT_NAME
    try:
        result = SessionResult(**json.loads(read_guarded(path, MAX_RESULT_BYTES)))
        result.check()
        return result
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ServerResultError(f"{path} can't be read ({error})") from None


def main() -> None:
    """Serve the level that the configuration names, and write how the session ended."""
    config = ServerConfig.from_json(json_argument(__doc__))
    end_with(config.parent)
    result = serve(
        config.level,
        config.socket_dir,
        seed=config.seed,
        timestep_limit=config.timestep_limit,
        wall_clock_seconds=config.wall_clock_seconds,
        connect_seconds=config.connect_seconds,
        monitor_dir=config.level_dir,
        movies=config.level_dir / "movies",
        frame_ring=config.frame_ring,
        progress_file=config.progress_file,
    )
    text = json.dumps(asdict(result), indent=2)
    write_atomically(config.level_dir / RESULT_NAME, text.encode())


def end_with(parent: int) -> None:
    """Let the kernel send SIGTERM to this process when the thread that started it ends.

    Args:
        parent: process id of the evaluation; if it has ended already, this process ends too.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):  # Linux; elsewhere the server of a killed evaluation plays on
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the evaluation has ended")


if __name__ == "__main__":
    command_line.run(main)
