"""The server process of one level of an evaluation: one emulator a process, and one order to it.

`python -m arena.server.process ORDER` is not for people (they have `python -m arena serve`): the
order is JSON, the answer is server.json in the level's folder, and the process ends with the
evaluation that started it, even where that was killed.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from agent import command_line
from agent.files import write_atomically
from arena.environment.levels import Level
from arena.server.serve import serve
from arena.server.session import ServeResult

RESULT_NAME = "server.json"
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


@dataclass(frozen=True)
class Order:
    """What to serve, where; JSON values only."""

    game: str
    state: str
    scenario: str
    integration: str | None
    socket_dir: str
    level_dir: str
    seed: int | None
    timestep_limit: int
    wall_clock_seconds: float
    connect_seconds: float
    parent: int  # process id of the evaluation
    window: str | None = None  # where others may look on

    def command(self) -> list[str]:
        """The command line of the process."""
        return [sys.executable, "-m", "arena.server.process", json.dumps(asdict(self))]


def read_result(level_dir: Path) -> ServeResult | None:
    """How the server of a level ended; None: it has not, or it broke off."""
    try:
        return ServeResult(**json.loads((level_dir / RESULT_NAME).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def main() -> None:
    """Serve the level that the order names and write down how it ended."""
    order = Order(**json.loads(sys.argv[1]))
    _end_with(order.parent)
    level_dir = Path(order.level_dir)
    integration = Path(order.integration) if order.integration else None
    result = serve(
        Level(order.game, order.state, order.scenario, integration),
        Path(order.socket_dir),
        seed=order.seed,
        timestep_limit=order.timestep_limit,
        wall_clock_seconds=order.wall_clock_seconds,
        connect_seconds=order.connect_seconds,
        monitor_dir=level_dir,
        movies=level_dir / "movies",
        window=Path(order.window) if order.window else None,
    )
    write_atomically(level_dir / RESULT_NAME, json.dumps(asdict(result), indent=2).encode())


def _end_with(parent: int) -> None:
    """Let the kernel send SIGTERM when the evaluation's thread that waits on us is gone."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):  # Linux; elsewhere a killed evaluation leaves the budget to run out
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("the evaluation has ended")


if __name__ == "__main__":
    command_line.run(main)
