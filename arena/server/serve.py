"""Serves a level on the contest's socket, for any agent that speaks gym_remote.

The socket and the observation's file exist only while the server runs: they are removed when a
limit is reached, when the client disconnects, and on Ctrl-C and SIGTERM.
"""

from __future__ import annotations

import contextlib
import math
import socket
import time
from pathlib import Path

from agent.errors import UserError
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from arena.server.endpoint import Endpoint
from arena.server.frame_ring import FrameRingWriter
from arena.server.monitor import Monitor
from arena.server.session import ServedEnvironment, Session
from arena.server.session_result import NEVER_CONNECTED, SessionLimits, SessionResult
from arena.server.signals import signals_as_interrupt

ACCEPT_TICK_SECONDS = 0.1


def serve(
    level: Level,
    base: Path,
    *,
    seed: int | None = None,
    timestep_limit: int | None = None,
    wall_clock_seconds: float | None = None,
    monitor_dir: Path | None = None,
    movies: Path | None = None,
    connect_seconds: float | None = None,
    frame_ring: Path | None = None,
    progress_file: int | None = None,
) -> SessionResult:
    """Serve one level to one agent, until a limit is reached or the agent disconnects.

    Args:
        level: level to play.
        base: folder of the socket `sock` and the observation `ob`; created if it does not exist.
        seed: random seed of the sticky actions; None for a random one.
        timestep_limit: budget in timesteps, resets included, 1 or more; None for no limit.
        wall_clock_seconds: time limit, above 0, from the moment that agents can connect: an
            agent's start-up is part of its time. None for no limit.
        monitor_dir: folder for monitor.csv and log.csv; None writes neither.
        movies: folder for a .bk2 of every episode; None records none.
        connect_seconds: how long to wait for the agent, above 0; None for no limit.
        frame_ring: file for a live view, see `arena.server.frame_ring`; None writes none.
        progress_file: descriptor of a file for the count of timesteps, see
            `arena.server.monitor`; None writes none.

    Raises:
        UserError: the level, the folder, a limit or the disk has a problem; the subclass and the
            message say which.
        KeyboardInterrupt: Ctrl-C, SIGTERM or SIGHUP; the agent was informed, and the files were
            removed.
    """
    _check_limits(timestep_limit, wall_clock_seconds, connect_seconds)
    with signals_as_interrupt(), contextlib.ExitStack() as stack:
        env = ContestEnv(level, seed, movies)
        stack.callback(env.close)
        monitor = Monitor(monitor_dir, progress_file)
        stack.callback(monitor.close)
        limits = SessionLimits(timestep_limit, wall_clock_seconds, connect_seconds)
        if frame_ring is None:
            return serve_environment(env, base, limits, monitor)
        ring = FrameRingWriter(frame_ring, env.observation_shape, env.n_buttons)
        stack.callback(ring.close)
        return serve_environment(env, base, limits, monitor, ring)


def serve_environment(
    env: ServedEnvironment,
    base: Path,
    limits: SessionLimits,
    monitor: Monitor,
    ring: FrameRingWriter | None = None,
) -> SessionResult:
    """Serve an environment to one agent; see `serve`."""
    endpoint = Endpoint(base, math.prod(env.observation_shape))
    try:
        connection = _accept(endpoint.listener, limits)
        if connection is None:
            return SessionResult(0, NEVER_CONNECTED, 0, 0.0)
        with connection:
            return Session(env, endpoint, connection, limits, monitor, ring).run()
    finally:
        endpoint.close()


def _accept(listener: socket.socket, limits: SessionLimits) -> socket.socket | None:
    """Wait for the one client; None if it does not connect in time."""
    patience = min(limits.wall_clock_seconds or math.inf, limits.connect_seconds or math.inf)
    listener.settimeout(ACCEPT_TICK_SECONDS)
    while time.monotonic() < limits.started + patience:
        with contextlib.suppress(TimeoutError):
            connection, _ = listener.accept()
            # A second client is refused at once; otherwise it would wait forever. The socket is
            # not closed: an open socket tells another server that this folder is in use.
            listener.shutdown(socket.SHUT_RDWR)
            return connection
    return None


def _check_limits(
    timestep_limit: int | None, wall_clock_seconds: float | None, connect_seconds: float | None
) -> None:
    if timestep_limit is not None and timestep_limit < 1:
        raise UserError(f"the timestep limit is {timestep_limit}: give 1 or more")
    for seconds in (wall_clock_seconds, connect_seconds):
        if seconds is not None and not seconds > 0:
            raise UserError(f"a time limit is {seconds} s: give more than 0")
