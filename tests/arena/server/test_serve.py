"""The server against well-behaved clients, OpenAI's client, limits and failures."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.errors import UserError
from agent.gym_remote.messages import (
    GymRemoteError,
    ResetError,
    TimestepTimeoutError,
    WallClockTimeoutError,
    encode,
)
from arena.environment.levels import Level
from arena.server import serve
from arena.server.endpoint import Endpoint, EndpointError
from arena.server.session_result import CLIENT_DISCONNECTED, SessionResult
from tests.helpers.served_game import (
    NO_BUTTONS,
    RESET,
    SHAPE,
    STEP,
    CountingEnv,
    Running,
)


def test_the_description_equals_openais(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    assert raw.description == {
        "type": "description",
        "content": {
            "ac": [
                "int_fold",
                "[2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2],",
                {"n": "12", "type": "MultiBinary"},
            ],
            "ob": ["np", '(4, 5, 3), dtype("|u1")', {"type": "Box", "shape": "(4, 5, 3)"}],
            "reward": ["float", None, {}],
            "done": ["bool", None, {}],
            "reset": ["bool", None, {}],
        },
    }
    raw.socket.close()
    assert running.result().reason == CLIENT_DISCONNECTED


def test_episodes_with_our_client(base: Path, tmp_path: Path) -> None:
    running = Running(base, monitor=tmp_path)
    env = running.client()
    right = np.zeros(12, np.uint8)
    right[7] = 1
    for _ in range(3):
        env.reset()
        steps = [env.step(right) for _ in range(4)]
        assert [(reward, done) for _, reward, done in steps] == [(128.0, False)] * 3 + [
            (128.0, True)
        ]
    assert int(steps[-1][0][0, 0, 0]) == 15  # the newest frame
    env.close()
    result = running.result()
    assert (result.timesteps, result.reason, result.episodes) == (15, "client-closed", 2)
    rows = (tmp_path / "monitor.csv").read_text().split()
    assert [row.rsplit(",", 1)[0] for row in rows] == ["r,l", "512.0,4", "512.0,4"]


@pytest.mark.parametrize(("limit", "played"), [(1, 0), (3, 2), (5, 4), (6, 4), (8, 6)])
def test_the_budget_counts_resets(base: Path, limit: int, played: int) -> None:
    running = Running(base, timesteps=limit)
    env = running.client()
    with pytest.raises(TimestepTimeoutError):
        while True:
            env.reset()
            done = False
            while not done:
                _, _, done = env.step(NO_BUTTONS)
    env.close()
    result = running.result()
    assert (result.timesteps, result.reason) == (limit, "timestep-limit")
    assert len(running.env.actions) == played


def test_the_time_limit_ends_an_agent_that_plays(base: Path) -> None:
    running = Running(base, wall_clock_seconds=0.5)
    env = running.client()
    with pytest.raises(WallClockTimeoutError):
        while True:
            env.reset()
            while not env.step(NO_BUTTONS)[2]:
                pass
    assert running.result().reason == "wall-clock-limit"


def test_the_time_limit_ends_an_agent_that_thinks(base: Path) -> None:
    started = time.monotonic()
    running = Running(base, wall_clock_seconds=0.5)
    env = running.client()
    env.reset()
    assert running.result().reason == "wall-clock-limit"
    assert 0.4 < time.monotonic() - started < 3
    with pytest.raises(WallClockTimeoutError):
        env.step(NO_BUTTONS)
    assert running.result().timesteps == 1


@pytest.mark.parametrize("limit", ["wall_clock_seconds", "connect_seconds"])
def test_an_agent_that_never_connects(base: Path, limit: str) -> None:
    assert Running(base, **{limit: 0.2}).result() == SessionResult(0, "never-connected", 0, 0.0)


def test_a_refused_request_costs_nothing_and_changes_nothing(base: Path) -> None:
    running = Running(base, timesteps=6)
    env = running.client()
    with pytest.raises(ResetError, match="and a step only before it"):
        env.step(NO_BUTTONS)
    env.reset()
    with pytest.raises(ResetError, match="only after the end of an episode"):
        env.reset()
    for done in (False, False, False, True):
        assert env.step(NO_BUTTONS)[2] is done
    for _ in range(3):
        with pytest.raises(ResetError):
            env.step(NO_BUTTONS)
    env.reset()
    assert running.result().timesteps == 6


def test_a_refusal_is_followed_by_an_update(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    refusal = raw.ask(STEP)
    assert refusal["type"] == "exception" and refusal["content"]["exception"] == 5
    assert raw.read() == {"type": "update", "content": {}}
    raw.socket.close()
    running.result()


def test_openais_client_sends_old_channels_again(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    answer = raw.ask(encode("update", {"ac": 3, "reset": True}))["content"]
    assert answer == {"ob": True, "reward": 0.0, "done": False, "reset": False}
    assert raw.ask(encode("update", {"ac": 7, "reset": False}))["content"]["reward"] == 7.0
    # Nothing has changed: the last action still applies.
    assert raw.ask(encode("update", {}))["content"]["reward"] == 7.0
    assert raw.ask(encode("update", {"ac": 1, "ob": True, "done": False}))["content"]["reward"] == 1
    raw.ask(STEP)
    assert running.env.actions == [[0, 1, 2], [0, 1, 2], [0], [0, 2]]
    raw.socket.sendall(encode("close", {"reason": "enough\x1b[2J"}))
    result = running.result()
    assert (result.reason, result.detail) == ("client-closed", "enough?[2J")


def test_openais_client_truncates_the_observation(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    for expected, request in enumerate([RESET, STEP, STEP, STEP], start=1):
        os.truncate(base / "ob", 0)  # this would kill a server that maps the file
        raw.ask(request)
        assert (base / "ob").read_bytes() == bytes([expected]) * 60
    mapped = np.memmap(base / "ob", mode="w+", dtype=np.uint8, shape=SHAPE)
    raw.ask(STEP)
    assert (mapped == 5).all()
    raw.socket.close()
    running.result()


def test_requests_sent_together_are_answered_in_order(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    raw.socket.sendall(RESET + STEP * 3 + STEP[:10])
    assert [raw.read()["content"]["reward"] for _ in range(4)] == [0, 5, 5, 5]
    assert raw.ask(STEP[10:])["content"]["done"] is True
    raw.socket.close()
    running.result()


def test_a_second_client_is_refused_at_once(base: Path) -> None:
    running = Running(base)
    env = running.client()
    env.reset()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as second:
        with pytest.raises(ConnectionRefusedError):
            second.connect(str(base / "sock"))
    env.step(NO_BUTTONS)
    env.close()
    running.result()


@pytest.mark.parametrize("in_session", [False, True])
def test_a_second_server_is_refused_without_disturbing_the_first(
    base: Path, in_session: bool
) -> None:
    running = Running(base)
    while not (base / "sock").exists():
        time.sleep(0.005)
    env = running.client() if in_session else None
    with pytest.raises(EndpointError, match="another server listens at .*: stop it"):
        Endpoint(base, 60)
    env = env or running.client()
    assert (env.reset() == 1).all()
    env.close()
    assert running.result().timesteps == 1


def test_files_of_a_killed_server_are_replaced(base: Path, tmp_path: Path) -> None:
    base.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(base / "sock"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(base / "new~"))
    (tmp_path / "precious").write_text("mine")
    (base / "ob").symlink_to(tmp_path / "precious")
    running = Running(base)
    env = running.client()
    assert (env.reset() == 1).all()
    env.close()
    running.result()
    assert (tmp_path / "precious").read_text() == "mine"


def test_after_an_environments_error_the_agent_is_informed_and_files_are_removed(
    base: Path,
) -> None:
    class Failing(CountingEnv):
        def step(self, buttons: np.ndarray) -> Any:
            raise ZeroDivisionError("the emulator broke")

    running = Running(base, Failing())
    env = running.client()
    env.reset()
    with pytest.raises(GymRemoteError, match="the server failed: ZeroDivisionError"):
        env.step(NO_BUTTONS)
    with pytest.raises(ZeroDivisionError):
        running.result()


@pytest.mark.parametrize(
    "limits", [{"timestep_limit": 0}, {"wall_clock_seconds": 0}, {"connect_seconds": -1}]
)
def test_limits_out_of_range_are_refused(base: Path, limits: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="limit is"):
        serve.serve(Level("Airstriker-Genesis-v0", "Level1", "scenario"), base, **limits)
