"""Plays one level: a server process with its emulator, an agent beside it, and a watch over both.

The level's folder in the run folder:

    monitor.csv, log.csv               the contest's files; a row an episode, a row each 1,000 steps
    agent-stdout.txt, agent-stderr.txt, server-stderr.txt
    server.json                        how the run ended, as the server saw it
    out/                               the agent's own output; journal.jsonl of the project's agent
    movies/                            first.bk2, best.bk2 and typical.bk2 of finished episodes

A level that is played again starts with an empty folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from agent import journal
from agent.journal_reader import lock_in_timesteps, read_journal
from arena.environment.levels import Level
from arena.evaluation.agents import (
    STDERR_NAME,
    STDOUT_NAME,
    Agent,
    AgentError,
    AgentProcess,
    Workplace,
    end_group,
    tail,
)
from arena.evaluation.results import LevelError, LevelResult
from arena.evaluation.run_folder import PROJECT_DIR
from arena.evaluation.score import bootstrap_interval, level_score, read_monitor
from arena.replay import movies
from arena.server.monitor import LOG_FILE, MONITOR_FILE
from arena.server.process import Order, read_result
from arena.server.session import NEVER_CONNECTED, TIMESTEP_LIMIT, WALL_CLOCK_LIMIT

LIMITS_REACHED = (TIMESTEP_LIMIT, WALL_CLOCK_LIMIT)  # the normal ends of a run
SERVER_STDERR_NAME = "server-stderr.txt"
WINDOW_NAME = "window"
POLL_SECONDS = 0.2
PRUNE_SECONDS = 5.0
SECONDS_TO_LISTEN = 120.0  # an emulator starts in 2 s; a machine under load takes longer
SECONDS_TO_LEAVE = 10.0  # for an agent whose server has ended
SECONDS_TO_NOTICE = 5.0  # for a server whose agent has gone, and the other way round


@dataclass(frozen=True)
class Limits:
    """What a level is played under."""

    budget_steps: int
    wall_clock_seconds: float
    connect_seconds: float
    hang_seconds: float


class Stopped(Exception):
    """The user interrupted the run."""


class _Failure(Exception):
    """The level failed; the text is the reason."""


class _ServerFailure(_Failure):
    """It was not the agent's doing: the server's stderr tells more."""


class LevelRun:
    """One level of a run, and how far it is.

    Attributes:
        level: the level.
        state: "waiting", "starting", "playing" or "done".
        timesteps: of the budget used so far, as far as the files tell.
        returns: of the episodes finished so far.
        started: time.monotonic() when it began to play.
        window: where one can look on while it plays (`arena.server.frame_ring`), or None.
    """

    def __init__(
        self,
        level: Level,
        run_dir: Path,
        agent: Agent,
        seed: int | None,
        limits: Limits,
        *,
        watched: bool = False,
    ) -> None:
        self.level = level
        self.limits = limits
        self.state = "waiting"
        self.timesteps = 0
        self.returns: list[float] = []
        self.started: float | None = None
        self.window: Path | None = None
        self._watched = watched
        self._agent = agent
        self._seed = seed
        self._run_dir = run_dir
        self.folder = run_dir / "levels" / level.slug
        self._changed = 0.0
        self._monitor_size = 0
        self._steps_finished = 0

    def play(self, stop: threading.Event) -> LevelResult:
        """Play the level to its end.

        Raises:
            Stopped: `stop` was set; everything this level started has ended.
            OSError: the run folder can't be written.
        """
        if stop.is_set():
            raise Stopped
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "movies").mkdir(parents=True)
        self.state = "starting"
        error = None
        try:
            with Workplace(self.folder) as workplace:
                server = self._start_server(workplace)
                try:
                    self._wait_for_socket(server, workplace, stop)
                    self._watch(server, workplace, stop)
                finally:
                    end_group(server)
        except _ServerFailure as failure:
            error = LevelError(str(failure), tail(self.folder / SERVER_STDERR_NAME))
        except (_Failure, AgentError) as failure:
            said = tail(self.folder / STDERR_NAME) or tail(self.folder / STDOUT_NAME)
            error = LevelError(str(failure), said)
        finally:
            self.state = "done"
        return self._result(error)

    def _start_server(self, workplace: Workplace) -> subprocess.Popen[bytes]:
        level = self.level
        if self._watched:
            self.window = workplace.folder / WINDOW_NAME
        order = Order(
            game=level.game,
            state=level.state,
            scenario=level.scenario,
            integration=str(level.integration) if level.integration else None,
            socket_dir=str(workplace.socket_dir),
            level_dir=str(self.folder.absolute()),
            seed=self._seed,
            timestep_limit=self.limits.budget_steps,
            wall_clock_seconds=self.limits.wall_clock_seconds,
            connect_seconds=self.limits.connect_seconds,
            parent=os.getpid(),
            window=str(self.window) if self.window else None,
        )
        with (self.folder / SERVER_STDERR_NAME).open("ab") as stderr:
            return subprocess.Popen(
                order.command(),
                cwd=PROJECT_DIR,
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )

    def _wait_for_socket(
        self, server: subprocess.Popen[bytes], workplace: Workplace, stop: threading.Event
    ) -> None:
        deadline = time.monotonic() + SECONDS_TO_LISTEN
        while not (workplace.socket_dir / "sock").exists():
            if server.poll() is not None:
                raise _ServerFailure(f"the server did not start (exit code {server.returncode})")
            if time.monotonic() > deadline:
                raise _ServerFailure(f"the server did not start in {SECONDS_TO_LISTEN:.0f} s")
            if stop.wait(POLL_SECONDS / 4):
                raise Stopped

    def _watch(
        self, server: subprocess.Popen[bytes], workplace: Workplace, stop: threading.Event
    ) -> None:
        """Start the agent and wait until the server has ended the run, or something went wrong."""
        agent = self._agent.start(workplace)
        self.state = "playing"
        self.started = self._changed = time.monotonic()
        pruned = self.started
        try:
            while server.poll() is None:
                if stop.wait(POLL_SECONDS):
                    raise Stopped
                self._observe()
                self._check(server, agent)
                if time.monotonic() - pruned > PRUNE_SECONDS:
                    movies.prune(self.folder / "movies", self.returns)
                    agent.trim_logs()
                    pruned = time.monotonic()
            self._observe()
            self._judge_end(server, agent)
            agent.wait(SECONDS_TO_LEAVE)
        finally:
            agent.stop()

    def _observe(self) -> None:
        """Read how far the level is from the contest's files, which any agent's run has."""
        steps = _last_logged(self.folder)
        size = _size(self.folder / MONITOR_FILE)
        if size != self._monitor_size:  # a million steps have thousands of rows: read what is new
            self._monitor_size = size
            episodes = read_monitor(self.folder / MONITOR_FILE)
            self.returns = [episode.episode_return for episode in episodes]
            self._steps_finished = sum(episode.length for episode in episodes)
        steps = max(steps, self._steps_finished)
        timesteps = steps + len(self.returns) + 1 if steps else 0  # each reset counts as one
        if timesteps != self.timesteps:
            self._changed = time.monotonic()
        self.timesteps = timesteps

    def _check(self, server: subprocess.Popen[bytes], agent: AgentProcess) -> None:
        """Find out whether the agent is gone or plays no more."""
        if agent.exit_code() is not None:
            try:
                server.wait(SECONDS_TO_NOTICE)  # it knows why, if they ever met
            except subprocess.TimeoutExpired:
                raise _Failure(f"{_departure(agent)} without connecting") from None
        elif time.monotonic() - self._changed > self.limits.hang_seconds:
            raise _Failure(f"the agent took no step for {self.limits.hang_seconds:g} s")

    def _judge_end(self, server: subprocess.Popen[bytes], agent: AgentProcess) -> None:
        """Tell a budget played to its end from all else."""
        end = read_result(self.folder)
        if end is None:
            raise _ServerFailure(f"the server broke off (exit code {server.returncode})")
        if end.reason in LIMITS_REACHED:
            # What an agent does after a limit is its own affair: one of the contest may well
            # leave with the limit's exception as a traceback.
            return
        if end.reason == NEVER_CONNECTED:
            raise _Failure(f"the agent did not connect in {self.limits.connect_seconds:g} s")
        agent.wait(SECONDS_TO_NOTICE)
        detail = f" ({end.detail})" if end.detail else ""
        raise _Failure(
            f"{_departure(agent)} after {end.timesteps:,} of {self.limits.budget_steps:,}"
            f" timesteps{detail}"
        )

    def _result(self, error: LevelError | None) -> LevelResult:
        """The level's numbers, all from its files."""
        episodes = read_monitor(self.folder / MONITOR_FILE)
        returns = [episode.episode_return for episode in episodes]
        kept = movies.keep_chosen(self.folder / "movies", returns)
        end = read_result(self.folder)
        played = read_journal(self.folder / "out" / journal.FILE_NAME)
        return LevelResult(
            level=self.level.name,
            folder=str(self.folder.relative_to(self._run_dir)),
            status="failed" if error else "finished",
            ended_by=end.reason if end else None,
            score=None if error else level_score(returns),
            interval=None if error else bootstrap_interval([returns]),
            best_return=max(returns, default=None),
            best_episode=returns.index(max(returns)) if returns else None,
            episodes=len(returns),
            timesteps=end.timesteps if end else None,
            locked_in_at=lock_in_timesteps(played.episodes) if played else None,
            seconds=end.seconds if end else None,
            steps_per_second=end.timesteps / end.seconds if end and end.seconds else None,
            movies={
                name: str(movie.path.relative_to(self._run_dir)) for name, movie in kept.items()
            },
            movie_episodes={name: movie.episode for name, movie in kept.items()},
            error=error,
        )


def _departure(agent: AgentProcess) -> str:
    code = agent.exit_code()
    if code is None:
        return "the agent disconnected"
    if code < 0:
        return f"the agent was killed by signal {-code}"
    return f"the agent left with exit code {code}"


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _last_logged(folder: Path) -> int:
    """Steps played, as the last whole line of log.csv says; a row comes each 1,000 steps."""
    try:
        lines = (folder / LOG_FILE).read_text(encoding="ascii").split("\n")[:-1]
    except FileNotFoundError:
        return 0
    return int(lines[-1].partition(",")[0]) if len(lines) > 1 else 0
