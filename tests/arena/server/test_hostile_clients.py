"""The server against clients that send nonsense, disconnect or stop reading."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.gym_remote.messages import (
    MessageReader,
    encode,
)
from arena.server import session
from arena.server.monitor import Monitor
from arena.server.session import Session
from arena.server.session_result import SessionLimits
from tests.helpers.served_game import (
    RESET,
    SHAPE,
    STEP,
    CountingEnv,
    Running,
)


@pytest.mark.parametrize(
    ("data", "reason"),
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
    ],
)
def test_a_hostile_client_ends_its_session_with_one_clear_line(
    base: Path, data: bytes, reason: str
) -> None:
    running = Running(base)
    raw = running.raw()
    close = raw.ask(data)
    assert close["type"] == "close" and close["content"]["exception"] == 0
    assert reason in close["content"]["reason"]
    result = running.result()
    assert (result.reason, result.timesteps) == ("protocol-error", 0)
    assert reason in result.detail and result.detail.isprintable()


def test_a_step_without_any_action_ends_the_session(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    raw.ask(RESET)
    assert "neither an action" in raw.ask(encode("update", {}))["content"]["reason"]
    assert running.result().reason == "protocol-error"


def test_a_message_of_a_hundred_megabytes_is_not_buffered(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    with pytest.raises(OSError):
        for _ in range(100):
            raw.socket.sendall(b"x" * 1_000_000)
    assert "longer than" in running.result().detail


def test_a_client_disconnects_in_the_middle_of_a_message(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    raw.ask(RESET)
    raw.socket.sendall(STEP[:12])
    raw.socket.close()
    result = running.result()
    assert (result.reason, result.timesteps) == ("client-disconnected", 1)
    assert result.detail == "in the middle of a message, after 12 bytes"


def test_a_client_disconnects_without_reading(base: Path) -> None:
    running = Running(base)
    raw = running.raw()
    raw.socket.sendall(RESET + STEP * 200)
    raw.socket.close()
    assert running.result().reason == "client-disconnected"


def test_a_client_that_never_reads_is_disconnected(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "SEND_SECONDS", 0.3)
    running = Running(base)
    raw = running.raw()
    with contextlib.suppress(OSError):
        while True:  # until both directions are full
            raw.socket.sendall(STEP * 100)
    result = running.result()
    assert (result.reason, result.detail) == ("client-disconnected", "it read no answer for 0.3 s")


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
        played = Session(CountingEnv(), NoEndpoint(), ours, SessionLimits(), Monitor(None))  # type: ignore[arg-type]
        result = played.run()
        answers = MessageReader().feed(theirs.recv(1 << 20))
    assert result.reason in ("client-closed", "client-disconnected", "protocol-error")
    updates = sum(message["type"] == "update" for message in answers)
    refusals = sum(message["type"] == "exception" for message in answers)
    assert result.timesteps == updates - refusals
