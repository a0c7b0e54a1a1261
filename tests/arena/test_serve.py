"""The server against clients of every kind: honest, OpenAI's habits, hostile, gone, never there."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import UserError
from agent.gym_remote.client import GymRemoteClient
from agent.gym_remote.messages import (
    GymRemoteError,
    MessageReader,
    ResetError,
    TimestepTimeoutError,
    WallClockTimeoutError,
    encode,
)
from arena.environment.levels import Level
from arena.server import serve, session
from arena.server.endpoint import Endpoint, EndpointError
from arena.server.monitor import Monitor
from arena.server.serve import serve_environment
from arena.server.session import Limits, ServeResult, Session

SHAPE = (4, 5, 3)
NO_BUTTONS = np.zeros(12, np.uint8)
RESET = encode("update", {"reset": True})
STEP = encode("update", {"ac": 5})


class CountingEnv:
    """Frames that count the frames; the reward is the folded action; done after four steps."""

    n_buttons = 12
    observation_shape = SHAPE

    def __init__(self) -> None:
        self.frames = 0
        self.steps = 4
        self.actions: list[list[int]] = []

    def reset(self) -> np.ndarray:
        assert self.steps == 4, "a reset in mid-episode reached the environment"
        self.steps = 0
        return self._frame()

    def step(self, buttons: np.ndarray) -> tuple[np.ndarray, float, bool, dict[str, int]]:
        assert self.steps < 4, "a step after done reached the environment"
        self.steps += 1
        self.actions.append(np.flatnonzero(buttons).tolist())
        return self._frame(), float(sum(1 << i for i in self.actions[-1])), self.steps == 4, {}

    def _frame(self) -> np.ndarray:
        self.frames += 1
        return np.full(SHAPE, self.frames % 256, np.uint8)


class Running:
    """A server in a thread, and how it ended."""

    def __init__(self, base: Path, env: Any = None, monitor: Path | None = None, **limits: Any):
        self.base = base
        self.env = env or CountingEnv()
        self.ended: ServeResult | BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(monitor, limits), daemon=True)
        self._thread.start()

    def _run(self, monitor: Path | None, limits: dict[str, Any]) -> None:
        try:
            watched = Monitor(monitor)
            self.ended = serve_environment(self.env, self.base, Limits(**limits), watched)
        except BaseException as error:
            self.ended = error

    def result(self) -> ServeResult:
        self._thread.join(20)
        assert not self._thread.is_alive(), "the server hangs"
        assert not list(self.base.iterdir()), "the server left something behind"
        if isinstance(self.ended, BaseException):
            raise self.ended
        assert self.ended is not None
        return self.ended

    def raw(self) -> Raw:
        return Raw(self.base)

    def client(self) -> GymRemoteClient:
        return GymRemoteClient.connect(self.base, 10, answer_seconds=10)


class Raw:
    """A client that sends what it likes."""

    def __init__(self, base: Path) -> None:
        deadline = time.monotonic() + 10
        while not (base / "sock").exists():
            assert time.monotonic() < deadline, "no server"
            time.sleep(0.005)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(str(base / "sock"))
        self._reader = MessageReader()
        self._messages: list[dict[str, Any]] = []
        self.description = self.read()

    def read(self) -> dict[str, Any]:
        while not self._messages:
            data = self.socket.recv(4096)
            assert data, "closed"
            self._messages += self._reader.feed(data)
        return self._messages.pop(0)

    def ask(self, data: bytes) -> dict[str, Any]:
        self.socket.sendall(data)
        return self.read()


@pytest.fixture
def base() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wm") as folder:  # short: a socket's path is limited
        yield Path(folder) / "sock"


def test_the_description_is_openais(base: Path) -> None:
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
    assert running.result().reason == session.CLIENT_DISCONNECTED


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
    with pytest.raises(TimestepTimeoutError, match=f"all {limit} timesteps"):
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
def test_an_agent_that_never_comes(base: Path, limit: str) -> None:
    assert Running(base, **{limit: 0.2}).result() == ServeResult(0, "never-connected", 0, 0.0)


def test_a_refused_request_costs_nothing_and_changes_nothing(base: Path) -> None:
    running = Running(base, timesteps=6)
    env = running.client()
    with pytest.raises(ResetError, match="no episode is under way"):
        env.step(NO_BUTTONS)
    env.reset()
    with pytest.raises(ResetError, match="mid-episode"):
        env.reset()
    for done in (False, False, False, True):
        assert env.step(NO_BUTTONS)[2] is done
    for _ in range(3):
        with pytest.raises(ResetError):
            env.step(NO_BUTTONS)
    env.reset()
    assert running.result().timesteps == 6


def test_an_update_follows_a_refusal(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    refusal = raw.ask(STEP)
    assert refusal["type"] == "exception" and refusal["content"]["exception"] == 5
    # `reset: false` frees OpenAI's client, which would go on asking for the reset.
    state = {"ob": True, "reward": 0.0, "done": True, "reset": False}
    assert raw.read() == {"type": "update", "content": state}
    raw.socket.close()
    running.result()


def test_openais_client_sends_old_channels_again(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    answer = raw.ask(encode("update", {"ac": 3, "reset": True}))["content"]
    assert answer == {"ob": True, "reward": 0.0, "done": False, "reset": False}
    assert raw.ask(encode("update", {"ac": 7, "reset": False}))["content"]["reward"] == 7.0
    assert raw.ask(encode("update", {}))["content"]["reward"] == 7.0  # unchanged: it holds
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
        os.truncate(base / "ob", 0)  # a mapping server would die of it
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


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"GET / HTTP/1.1\r\n\f", "not JSON"),
        (b"\xff\xff\f", "not JSON in UTF-8"),
        (b"x" * 70_000, "longer than 65536"),
        (b"null\f", "expected an object with a type"),
        (b'{"type": "update"}\f', "no content"),
        (encode("description", {}), "a message of type 'description'"),
        (encode("update", []), "expected values by channel"),
        (encode("update", {"ac": "5"}), "expected an integer"),
        (encode("update", {"ac": 4096}), "expected 0 to 4095"),
        (encode("update", {"ac": -1}), "expected 0 to 4095"),
        (encode("update", {"reset": "true"}), "expected true or false"),
        (encode("update", {"../../etc": 1}), "a channel that does not exist"),
        (encode("update", {"reset": False}), "neither an action nor a reset"),
    ],
)
def test_a_hostile_client_ends_its_run_with_one_clear_line(
    base: Path, data: bytes, said: str
) -> None:
    running = Running(base)
    raw = running.raw()
    close = raw.ask(data)
    assert close["type"] == "close" and close["content"]["exception"] == 0
    assert said in close["content"]["reason"]
    result = running.result()
    assert (result.reason, result.timesteps) == ("protocol-error", 0)
    assert said in result.detail and result.detail.isprintable()


def test_a_hundred_megabytes_are_not_collected(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    with pytest.raises(OSError):
        for _ in range(100):
            raw.socket.sendall(b"x" * 1_000_000)
    assert "longer than" in running.result().detail


def test_a_client_that_goes_in_mid_message(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    raw.ask(RESET)
    raw.socket.sendall(STEP[:12])
    raw.socket.close()
    result = running.result()
    assert (result.reason, result.timesteps) == ("client-disconnected", 1)
    assert result.detail == "in the middle of a message, after 12 bytes"


def test_a_client_that_goes_without_reading(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    raw.socket.sendall(RESET + STEP * 200)
    raw.socket.close()
    assert running.result().reason == "client-disconnected"


def test_a_client_that_never_reads_is_left(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "SEND_SECONDS", 0.3)
    running = Running(base)
    raw = running.raw()
    with contextlib.suppress(OSError):
        while True:  # until both directions are full
            raw.socket.sendall(STEP * 100)
    result = running.result()
    assert (result.reason, result.detail) == ("client-disconnected", "it read no answer for 0.3 s")


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
def test_a_second_server_is_refused_and_the_first_not_disturbed(
    base: Path, in_session: bool
) -> None:
    running = Running(base)
    while not (base / "sock").exists():
        time.sleep(0.005)
    env = running.client() if in_session else None
    with pytest.raises(EndpointError, match="somebody serves at"):
        Endpoint(base, 60)
    env = env or running.client()
    assert (env.reset() == 1).all()
    env.close()
    assert running.result().timesteps == 1


def test_what_a_killed_server_left_is_replaced(base: Path, tmp_path: Path) -> None:
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


def test_the_files_are_open_to_an_agent_of_another_user(base: Path) -> None:
    before = os.umask(0o077)
    try:
        endpoint = Endpoint(base, 60)
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (base, base / "sock", base / "ob")]
    assert modes == [0o755, 0o666, 0o666]
    assert (base / "ob").stat().st_size == 60
    endpoint.close()
    endpoint.close()
    assert not list(base.iterdir())


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("x" * 120, "the path of the socket has .* bytes, at most 107 work"),
        ("file", "can't serve in .*file"),
        ("file/under", "can't serve in .*Not a directory"),
    ],
)
def test_a_folder_of_no_use_is_one_clear_line(base: Path, folder: str, said: str) -> None:
    (base.parent / "file").touch()
    with pytest.raises(EndpointError, match=said):
        Endpoint(base.parent / folder, 60)


def test_a_full_disk_is_one_clear_line(base: Path) -> None:
    endpoint = Endpoint(base, 60)
    full, whole = os.open("/dev/full", os.O_RDWR), endpoint._array
    endpoint._array = full
    with pytest.raises(EndpointError, match="No space left"):
        endpoint.write(np.zeros(60, np.uint8))
    endpoint._array = whole
    os.close(full)
    endpoint.close()


def test_a_failing_environment_is_told_and_cleaned_up(base: Path) -> None:
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


class NoEndpoint:
    def write(self, array: np.ndarray) -> None:
        assert array.shape == SHAPE


VALUES = st.none() | st.booleans() | st.integers(-5, 5000) | st.floats() | st.text(max_size=3)
UPDATES = st.dictionaries(st.sampled_from(["ac", "reset", "ob", "reward", "x"]), VALUES).map(
    lambda content: json.dumps({"type": "update", "content": content}).encode() + b"\f"
)
PIECES = st.sampled_from(
    [RESET, STEP, encode("close", {}), encode("exception", 3), b"\f", b"[1]\f"]
)


@given(st.lists(PIECES | UPDATES | st.binary(max_size=30), max_size=12))
@settings(max_examples=700)
def test_whatever_a_client_sends_ends_in_a_result(parts: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"".join(parts))
        theirs.shutdown(socket.SHUT_WR)
        played = Session(CountingEnv(), NoEndpoint(), ours, Limits(), Monitor(None))  # type: ignore[arg-type]
        result = played.run()
        answers = MessageReader().feed(theirs.recv(1 << 20))
    assert result.reason in ("client-closed", "client-disconnected", "protocol-error")
    updates = sum(message["type"] == "update" for message in answers)
    refusals = sum(message["type"] == "exception" for message in answers)
    assert result.timesteps == updates - refusals
