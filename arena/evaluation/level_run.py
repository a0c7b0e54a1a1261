"""Plays one level: starts a server process with its emulator and an agent, and monitors both.

The level's folder in the run folder:

    monitor.csv, log.csv               the contest's files: a row per episode; a row per 1,000 steps
    agent-stdout.txt, agent-stderr.txt, server-stderr.txt
    server.json                        how the session ended
    out/                               the agent's own output, such as our agent's journal.jsonl
    movies/                            first.bk2, best.bk2 and typical.bk2 of finished episodes

A level that is played again starts with an empty folder.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from arena.environment.levels import Level
from arena.evaluation.agent_process import (
    STDERR_NAME,
    STDOUT_NAME,
    AgentError,
    WorkingDirectory,
    end_process,
    remove_tree,
    tail,
)
from arena.evaluation.agents import Agent, RunningAgent
from arena.evaluation.kept_movies import prune_movies
from arena.evaluation.level_progress import LevelProgress
from arena.evaluation.level_result import read_level_result
from arena.evaluation.results import LevelFailure, LevelResult
from arena.evaluation.run_folder import PROJECT_DIR
from arena.evaluation.score import MonitorFileError
from arena.server.process import ServerConfig, ServerResultError, read_result
from arena.server.session_result import NEVER_CONNECTED, TIMESTEP_LIMIT, WALL_CLOCK_LIMIT

LIMITS_REACHED = (TIMESTEP_LIMIT, WALL_CLOCK_LIMIT)  # the normal ends of a session
SERVER_STDERR_NAME = "server-stderr.txt"
FRAME_RING_NAME = "frames"
REFUSED = "its requests were refused: after a reset in mid-episode the contest refuses all of them"
POLL_SECONDS = 0.2
PRUNE_SECONDS = 5.0
SECONDS_TO_LISTEN = 120.0  # an emulator starts in 2 s; a machine under load takes longer
SECONDS_TO_LEAVE = 10.0  # time for an agent to end after its server has ended
SECONDS_TO_NOTICE = 5.0  # time for the server or the agent to notice that the other has ended


@dataclass(frozen=True)
class LevelLimits:
    """Limits of each level.

    Attributes:
        budget_steps: budget in timesteps, resets included.
        wall_clock_seconds: time limit; reaching it is a normal end.
        connect_seconds: time limit for an agent to connect; after it the level has failed.
        hang_seconds: time without a step after which the level has failed.
    """

    budget_steps: int
    wall_clock_seconds: float
    connect_seconds: float
    hang_seconds: float


class LevelStopped(Exception):
    """The user interrupted the run while the level was played."""


class _Failure(Exception):
    """The level failed; the message is the reason."""


class _ServerFailure(_Failure):
    """The server failed, not the agent: the server's stderr has the reason."""


class LevelRun:
    """One level of a run, and its progress.

    Attributes:
        level: the level.
        limits: its limits.
        state: "waiting", "starting", "playing" or "done".
        timesteps: timesteps used of the budget, according to the files.
        returns: returns of the episodes finished so far.
        started: time.monotonic() when the agent was started; None before.
        frame_ring: the server's frames for a live view (`arena.server.frame_ring`), or None.
        folder: the level's folder in the run folder.
    """

    def __init__(
        self,
        level: Level,
        run_dir: Path,
        agent: Agent,
        seed: int | None,
        limits: LevelLimits,
        *,
        watched: bool = False,
    ) -> None:
        """Prepare a level; `play` starts it.

        Args:
            level: level to play.
            run_dir: the run folder.
            agent: agent that plays.
            seed: random seed of the sticky actions; None for a random one.
            limits: limits of the level.
            watched: whether the server writes a frame ring for a live view.
        """
        self.level = level
        self.limits = limits
        self.state = "waiting"
        self.timesteps = 0
        self.returns: list[float] = []
        self.started: float | None = None
        self.frame_ring: Path | None = None
        self._watched = watched
        self._agent = agent
        self._seed = seed
        self._run_dir = run_dir
        self.folder = run_dir / "levels" / level.slug

    def play(self, stop: threading.Event) -> LevelResult:
        """Play the level to its end.

        Raises:
            LevelStopped: `stop` was set; everything this level started has ended.
            OSError: the run folder is not writable.
        """
        if stop.is_set():
            raise LevelStopped
        remove_tree(self.folder)
        (self.folder / "movies").mkdir(parents=True)
        self.state = "starting"
        failure = None
        try:
            with (
                WorkingDirectory(self.folder) as directory,
                tempfile.TemporaryFile(dir=directory.folder) as counts,
            ):
                server = self._start_server(directory, counts.fileno())
                try:
                    self._wait_for_socket(server, directory, stop)
                    self._monitor(server, directory, stop, counts.fileno())
                finally:
                    end_process(server)
        except _ServerFailure as error:
            failure = LevelFailure(str(error), tail(self.folder / SERVER_STDERR_NAME))
        except (_Failure, AgentError, MonitorFileError, ServerResultError) as error:
            output = tail(self.folder / STDERR_NAME) or tail(self.folder / STDOUT_NAME)
            failure = LevelFailure(str(error), output)
        finally:
            self.state = "done"
        return read_level_result(self.level, self._run_dir, self.folder, failure)

    def _start_server(
        self, directory: WorkingDirectory, progress_file: int
    ) -> subprocess.Popen[bytes]:
        if self._watched:
            self.frame_ring = directory.folder / FRAME_RING_NAME
        config = ServerConfig(
            level=self.level,
            socket_dir=directory.socket_dir,
            level_dir=self.folder.absolute(),
            seed=self._seed,
            timestep_limit=self.limits.budget_steps,
            wall_clock_seconds=self.limits.wall_clock_seconds,
            connect_seconds=self.limits.connect_seconds,
            parent=os.getpid(),
            progress_file=progress_file,
            frame_ring=self.frame_ring,
        )
        with (self.folder / SERVER_STDERR_NAME).open("ab") as stderr:
            return subprocess.Popen(
                config.command(),
                cwd=PROJECT_DIR,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                pass_fds=[progress_file],
                start_new_session=True,
            )

    def _wait_for_socket(
        self, server: subprocess.Popen[bytes], directory: WorkingDirectory, stop: threading.Event
    ) -> None:
        deadline = time.monotonic() + SECONDS_TO_LISTEN
        while not (directory.socket_dir / "sock").exists():
            if server.poll() is not None:
                raise _ServerFailure(f"the server did not start (exit code {server.returncode})")
            if time.monotonic() > deadline:
                raise _ServerFailure(f"the server did not start in {SECONDS_TO_LISTEN:.0f} s")
            if stop.wait(POLL_SECONDS / 4):
                raise LevelStopped

    def _monitor(
        self,
        server: subprocess.Popen[bytes],
        directory: WorkingDirectory,
        stop: threading.Event,
        progress_file: int,
    ) -> None:
        """Start the agent and wait until the server ends, or the agent fails."""
        agent = self._agent.start(directory)
        self.state = "playing"
        self.started = pruned = time.monotonic()
        progress = LevelProgress(self.folder, progress_file)
        try:
            while server.poll() is None:
                if stop.wait(POLL_SECONDS):
                    raise LevelStopped
                self._update(progress)
                self._check_agent(server, agent, progress)
                agent.trim_logs()
                if time.monotonic() - pruned > PRUNE_SECONDS:
                    prune_movies(self.folder / "movies", self.returns)
                    pruned = time.monotonic()
            self._update(progress)
            self._check_end(server, agent)
            agent.wait(SECONDS_TO_LEAVE)
        finally:
            agent.stop()

    def _update(self, progress: LevelProgress) -> None:
        progress.update()
        self.timesteps, self.returns = progress.timesteps, progress.returns

    def _check_agent(
        self, server: subprocess.Popen[bytes], agent: RunningAgent, progress: LevelProgress
    ) -> None:
        """Raise _Failure if the agent ended without connecting, or takes no steps any more."""
        if agent.exit_code() is not None:
            try:
                server.wait(SECONDS_TO_NOTICE)  # if the agent was connected, it writes the reason
            except subprocess.TimeoutExpired:
                raise _Failure(f"{_departure(agent)} without connecting") from None
        elif time.monotonic() - progress.changed > self.limits.hang_seconds:
            refused = f" ({REFUSED})" if progress.refusals else ""
            raise _Failure(f"the agent took no step for {self.limits.hang_seconds:g} s{refused}")

    def _check_end(self, server: subprocess.Popen[bytes], agent: RunningAgent) -> None:
        """Raise _Failure unless the session ended at a limit."""
        end = read_result(self.folder)
        if end is None:
            raise _ServerFailure(f"the server ended early (exit code {server.returncode})")
        if end.reason in LIMITS_REACHED:
            # The agent's exit code does not matter after a limit: a contest agent may end with
            # the limit's exception as a traceback.
            return
        if end.reason == NEVER_CONNECTED:
            raise _Failure(f"the agent did not connect in {self.limits.connect_seconds:g} s")
        agent.wait(SECONDS_TO_NOTICE)
        detail = f" ({end.detail})" if end.detail else ""
        raise _Failure(
            f"{_departure(agent)} after {end.timesteps:,} of {self.limits.budget_steps:,}"
            f" timesteps{detail}"
        )


def _departure(agent: RunningAgent) -> str:
    code = agent.exit_code()
    if code is None:
        return "the agent disconnected"
    if code < 0:
        return f"the agent was killed by signal {-code}"
    return f"the agent ended with exit code {code}"
