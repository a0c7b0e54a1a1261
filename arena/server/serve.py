"""A level behind the contest's socket, for any agent that speaks gym_remote.

The socket and the observation's file are there only while somebody serves: a limit, a client
that goes, Ctrl-C and SIGTERM all clean them away.
"""

from __future__ import annotations

import contextlib
import math
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from agent.errors import UserError
from arena.environment.contest_env import ContestEnv
from arena.environment.levels import Level
from arena.server.endpoint import Endpoint
from arena.server.frame_ring import WindowWriter
from arena.server.monitor import Monitor
from arena.server.session import NEVER_CONNECTED, Environment, Limits, ServeResult, Session

ACCEPT_TICK_SECONDS = 0.1
# SIGINT too: a shell starts its background jobs with it ignored.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
    window: Path | None = None,
) -> ServeResult:
    """Serve one level to one agent, until a limit is reached or the agent goes.

    Args:
        level: what to play.
        base: folder of the socket `sock` and the observation `ob`; made where it is missing.
        seed: of the stickiness; None draws one.
        timestep_limit: budget of steps and resets together; None is without end.
        wall_clock_seconds: time limit, from the moment that agents can
            connect: an agent's start is part of its time.
        monitor_dir: folder for monitor.csv and log.csv.
        movies: folder for a .bk2 of every episode.
        connect_seconds: how long to wait for the agent; None waits for ever.
        window: where others may look on, see `arena.server.frame_ring`; None: nobody can.

    Raises:
        UserError: by subclass, what is wrong with the level, the folder, a limit or the disk.
        KeyboardInterrupt: Ctrl-C, or a signal to end; the agent is told, nothing is left behind.
    """
    _check_limits(timestep_limit, wall_clock_seconds, connect_seconds)
    with interrupted_by_signals(), contextlib.ExitStack() as stack:
        env = ContestEnv(level, seed, movies)
        stack.callback(env.close)
        monitor = Monitor(monitor_dir)
        stack.callback(monitor.close)
        limits = Limits(timestep_limit, wall_clock_seconds, connect_seconds)
        shown = None
        if window is not None:
            shown = WindowWriter(window, env.observation_shape, env.n_buttons)
            stack.callback(shown.close)
        return serve_environment(env, base, limits, monitor, shown)


def serve_environment(
    env: Environment,
    base: Path,
    limits: Limits,
    monitor: Monitor,
    window: WindowWriter | None = None,
) -> ServeResult:
    """Serve an environment to one agent; see `serve`."""
    endpoint = Endpoint(base, math.prod(env.observation_shape))
    try:
        connection = _accept(endpoint.listener, limits)
        if connection is None:
            return ServeResult(0, NEVER_CONNECTED, 0, 0.0)
        with connection:
            return Session(env, endpoint, connection, limits, monitor, window).run()
    finally:
        endpoint.close()


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """Make every signal to end act as Ctrl-C does, so that the block's clean-up runs."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what a signal does
        return
    before = {number: signal.signal(number, signal.default_int_handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _accept(listener: socket.socket, limits: Limits) -> socket.socket | None:
    """Wait for the one client; None: it did not come in time."""
    patience = min(limits.wall_clock_seconds or math.inf, limits.connect_seconds or math.inf)
    listener.settimeout(ACCEPT_TICK_SECONDS)
    while time.monotonic() < limits.started + patience:
        with contextlib.suppress(TimeoutError):
            connection, _ = listener.accept()
            # A second client is refused at once, where it would wait for ever. Not closed: an
            # open socket is what tells another server that somebody serves here.
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
