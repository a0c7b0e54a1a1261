"""The client against missing, silent and faulty servers: each fault is a one-line error."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import UserError
from agent.gym_remote.channels import describe, parse_description
from agent.gym_remote.client import GymRemoteClient
from agent.gym_remote.connection import ConnectError, Connection
from agent.gym_remote.messages import (
    GymRemoteError,
    ProtocolError,
    ServerDisconnectError,
    encode,
)
from tests.helpers.scripted_server import (
    AFTER_RESET,
    AFTER_STEP,
    CHANNELS,
    DESCRIPTION,
    NO_BUTTONS,
    REFUSAL,
    SHAPE,
    Server,
    connected,
)


@pytest.mark.parametrize("stale", [False, True])
def test_a_missing_server_is_reported_in_one_line(base: Path, stale: bool) -> None:
    if stale:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
            dead.bind(str(base / "sock"))
    started = time.monotonic()
    with pytest.raises(ConnectError, match=r"no contest environment at .* after 0\.3 s"):
        GymRemoteClient.connect(base, 0.3)
    assert 0.3 <= time.monotonic() - started < 2


def test_an_unusable_path_is_reported_in_one_line(base: Path) -> None:
    with pytest.raises(ConnectError, match="too long"):
        GymRemoteClient.connect(base / ("x" * 120), 60)
    (base / "file").touch()
    with pytest.raises(ConnectError, match="Not a directory"):
        GymRemoteClient.connect(base / "file", 60)


def without(name: str, **changes: Any) -> bytes:
    content = {key: value for key, value in describe(CHANNELS).items() if key != name}
    return encode("description", content | changes)


@pytest.mark.parametrize(
    ("description", "said"),
    [
        (without("ob"), "no channel 'ob'"),
        (without("ac", ac=["int", None, {}]), "'ac' is of type int, expected int_fold"),
        (without("ac", ac=["int_fold", f"{[1] * 12},", {}]), "has 1 states, expected 2"),
        (without("ac", ac=["int_fold", "[2, 2, 3],", {}]), "has 3 states, expected 2"),
        (without("ob", ob=["np", '(60,), dtype("<f4")', {}]), "expected uint8"),
        (without("ob", ob=["np", "__import__('os').abort()", {}]), "has the shape"),
        (without("ob", ob=["pickle", None, {}]), "unknown type"),
        (encode("description", None), "the description is None"),
        (encode("update", {}), "'update' without a request"),
        (encode("close", {"reason": "full"}), "full"),
        (encode("close", {"reason": None, "exception": 2}), "WallClockTimeoutError"),
        (encode("close", "bye"), "expected an object"),
        (DESCRIPTION[:50], "in the middle of a message, after 50 bytes"),
        (b"", "without a reason"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n\f", "not JSON"),
        (b"\xff" * 200_000, "longer than"),
    ],
)
def test_an_invalid_description_is_reported_in_one_line(
    server: Server, description: bytes, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        connected(server, description=description)
    assert "\n" not in str(caught.value)


def test_a_silent_server_times_out(server: Server) -> None:
    server.start(description=b"", stay=True)
    with pytest.raises(ConnectError, match="did not answer in time"):
        GymRemoteClient.connect(server.base, 5, describe_seconds=0.2)


def test_an_observation_file_of_another_size_is_refused(server: Server) -> None:
    with pytest.raises(ProtocolError, match=r"ob has 59 bytes, expected 60 for \(4, 5, 3\)"):
        connected(server, ob=bytes(59))


def test_a_missing_observation_file_is_refused(server: Server) -> None:
    with pytest.raises(ConnectError, match="can't be opened"):
        connected(server, ob=None)


def test_a_pipe_instead_of_an_observation_file_is_refused(server: Server, base: Path) -> None:
    os.mkfifo(base / "ob")
    with pytest.raises(ProtocolError, match="not a regular file"):
        connected(server, ob=None)


def test_a_shrinking_observation_file_raises_an_error(server: Server, base: Path) -> None:
    env = connected(server, AFTER_RESET, AFTER_STEP, stay=True)
    env.reset()
    os.truncate(base / "ob", 0)
    with pytest.raises(ProtocolError, match="has 0 bytes"):
        env.step(NO_BUTTONS)
    env.close()


def test_a_connection_closed_in_a_message_is_reported(server: Server) -> None:
    env = connected(server, AFTER_STEP[:17])
    with pytest.raises(ServerDisconnectError, match="in the middle of a message, after 17 bytes"):
        env.reset()


def test_a_server_that_does_not_answer_times_out(server: Server) -> None:
    server.start(stay=True)
    env = GymRemoteClient.connect(server.base, 5, answer_seconds=0.2)
    with pytest.raises(ServerDisconnectError, match="did not answer in time"):
        env.reset()
    env.close()


@pytest.mark.parametrize("what", ["description", "answer"])
def test_the_time_limit_holds_for_a_message_that_arrives_in_parts(base: Path, what: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        connection = Connection(ours)
        connection.allow_seconds(0.3)
        if what == "answer":
            connection.send(encode("update", {"reset": True}))

        def drip() -> None:
            for byte in AFTER_RESET[:-1]:
                try:
                    theirs.send(bytes([byte]))
                except OSError:  # the other end has given up
                    return
                time.sleep(0.05)

        thread = threading.Thread(target=drip)
        started = time.monotonic()
        thread.start()
        with pytest.raises(ServerDisconnectError, match="did not answer in time"):
            connection.read()
        assert time.monotonic() - started < 1
        thread.join(20)


@pytest.mark.parametrize(
    "answer",
    [
        encode("update", {"ob": True, "done": False}),
        encode("update", {"ob": True, "reward": 0.5}),
        encode("update", {"reward": 0.5, "done": False}),
        b'{"type": "update", "content": {"ob": true, "reward": NaN, "done": false}}\f',
        b'{"type": "update", "content": {"ob": true, "reward": 1e999, "done": false}}\f',
        encode("update", {"ob": True, "reward": "1", "done": False}),
        encode("update", {"ob": True, "reward": 1, "done": None}),
        encode("update", [True, 1, False]),
        encode("description", {}),
        encode("exception", {"exception": "5", "reason": None}),
        encode("exception", None),
        b"\xc3\x28\f",
        b"\0" * 70_000,
    ],
)
def test_an_invalid_answer_is_reported_in_one_line(server: Server, answer: bytes) -> None:
    env = connected(server, answer)
    with pytest.raises(ProtocolError) as caught:
        env.step(NO_BUTTONS)
    assert str(caught.value).isprintable()
    env.close()


@pytest.mark.parametrize("answer", [{"reward": 0}, {"ob": True, "done": True}])
def test_an_invalid_answer_to_a_reset_is_reported_in_one_line(
    server: Server, answer: object
) -> None:
    env = connected(server, encode("update", answer))
    with pytest.raises(ProtocolError, match="a reset was answered by"):
        env.reset()
    env.close()


def test_an_answer_without_a_request_is_an_error(server: Server) -> None:
    env = connected(server, AFTER_RESET + AFTER_STEP)
    env.reset()
    with pytest.raises(ProtocolError, match="'update' without a request"):
        env.step(NO_BUTTONS)
    env.close()


class NoScreen:
    shape = SHAPE

    def copy(self) -> np.ndarray:
        return np.zeros(SHAPE, np.uint8)


PIECES = st.sampled_from(
    [
        AFTER_RESET,
        AFTER_STEP,
        REFUSAL,
        DESCRIPTION,
        encode("close", {"exception": 2}),
        b"\f",
        b"{}\f",
    ]
)


@given(st.lists(PIECES | st.binary(max_size=30), max_size=6), st.booleans())
@settings(max_examples=1000)
def test_any_received_bytes_are_an_answer_or_an_error(
    parts: list[bytes], reset_first: bool
) -> None:
    ours, theirs = socket.socketpair()
    channels = parse_description(json.loads(DESCRIPTION[:-1])["content"])
    env = GymRemoteClient(Connection(ours), channels, NoScreen())  # type: ignore[arg-type]
    with ours, theirs:
        theirs.sendall(b"".join(parts))
        theirs.shutdown(socket.SHUT_WR)
        for call in (env.reset,) * reset_first + (lambda: env.step(NO_BUTTONS),) * 8:
            try:
                call()
            except (GymRemoteError, ProtocolError) as error:
                ended = error
        assert isinstance(ended, GymRemoteError | ProtocolError)
