"""The client against scripted servers: correct ones, slow ones, and faulty ones."""

from __future__ import annotations

import errno
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.errors import UserError
from agent.gym_remote import client
from agent.gym_remote.channels import Channel, describe, parse_description
from agent.gym_remote.client import GymRemoteClient
from agent.gym_remote.connection import ConnectError, Connection
from agent.gym_remote.messages import (
    GymRemoteError,
    MessageReader,
    ProtocolError,
    ResetError,
    ServerDisconnectError,
    TimestepTimeoutError,
    encode,
    exception_from_id,
)

SHAPE = (4, 5, 3)
CHANNELS = {
    "ac": Channel("ac", "int_fold", folds=(2,) * 12),
    "ob": Channel("ob", "np", SHAPE, np.dtype(np.uint8)),
    "reward": Channel("reward", "float"),
    "done": Channel("done", "bool"),
    "reset": Channel("reset", "bool"),
}
DESCRIPTION = encode("description", describe(CHANNELS))
AFTER_RESET = encode("update", {"ob": True, "reset": False, "reward": 0, "done": False})
AFTER_STEP = encode("update", {"ob": True, "reward": 1.5, "done": False})
REFUSAL = encode("exception", {"exception": 5, "reason": None})
NO_BUTTONS = np.zeros(12, np.uint8)


class Server:
    """Serves one connection in a thread: sends one scripted answer after each request."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.received: list[dict[str, Any]] = []
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()

    def start(
        self,
        *answers: bytes,
        description: bytes = DESCRIPTION,
        ob: bytes | None = bytes(60),
        before: Callable[[], None] = lambda: None,
        stay: bool = False,
    ) -> None:
        if ob is not None:
            (self.base / "ob").write_bytes(ob)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

        def run() -> None:
            before()
            listener.bind(str(self.base / "sock"))
            listener.listen(1)
            connection, _ = listener.accept()
            with listener, connection:
                self._serve(connection, description, answers, stay)

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def _serve(
        self, connection: socket.socket, description: bytes, answers: tuple[bytes, ...], stay: bool
    ) -> None:
        reader = MessageReader()
        try:
            connection.sendall(description)
            for answer in answers:
                while not (messages := reader.feed(connection.recv(4096))):
                    pass
                self.received += messages
                connection.sendall(answer)
            if stay:
                self._stop.wait(20)
        except OSError:
            pass

    def stop(self) -> None:
        self._stop.set()
        if self._thread:
            self._thread.join(20)
            assert not self._thread.is_alive()


@pytest.fixture
def base() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wm") as folder:  # short: a socket's path is limited
        yield Path(folder)


@pytest.fixture
def server(base: Path) -> Iterator[Server]:
    server = Server(base)
    yield server
    server.stop()


def connected(server: Server, *answers: bytes, **how: Any) -> GymRemoteClient:
    server.start(*answers, **how)
    return GymRemoteClient.connect(server.base, 10, describe_seconds=5, answer_seconds=5)


def test_an_episode_is_exchanged_byte_for_byte(server: Server) -> None:
    last = encode("update", {"ob": True, "reward": -2, "done": True, "reset": False})
    env = connected(server, AFTER_RESET, AFTER_STEP, AFTER_STEP, last, ob=bytes(range(60)))
    assert (env.n_buttons, env.observation_shape) == (12, SHAPE)
    frame = env.reset()
    assert frame.dtype == np.uint8 and frame.tobytes() == bytes(range(60))
    right = np.zeros(12, np.uint8)
    right[7] = 1
    for _ in range(2):  # the second time with the stored message
        _, reward, done = env.step(right)
        assert (reward, done) == (1.5, False)
        assert type(reward) is float and type(done) is bool
    env.send_action(NO_BUTTONS)
    _, reward, done = env.receive()
    assert (reward, done) == (-2.0, True)
    env.close()
    env.close()
    assert [message["content"] for message in server.received] == [
        {"reset": True},
        {"ac": 128},
        {"ac": 128},
        {"ac": 0},
    ]


def test_the_observation_is_a_copy_and_its_file_is_unchanged(server: Server, base: Path) -> None:
    env = connected(server, AFTER_RESET, AFTER_STEP, ob=bytes([7]) * 60, stay=True)
    assert (base / "ob").read_bytes() == bytes([7]) * 60  # OpenAI's client would have emptied it
    frame = env.reset()
    with (base / "ob").open("r+b") as file:
        file.write(bytes([9]) * 60)
    assert (frame == 7).all()
    frame[:] = 1  # a copy: writable, and independent of the file
    second, _, _ = env.step(NO_BUTTONS)
    assert (second == 9).all() and second is not frame
    env.close()


@pytest.mark.parametrize("refusal", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_read_only_observation_file_is_enough(
    server: Server, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    really_open = os.open

    def no_writing(path: Any, flags: int, *mode: int) -> int:
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise OSError(refusal, os.strerror(refusal))
        return really_open(path, flags, *mode)

    monkeypatch.setattr(client.os, "open", no_writing)
    env = connected(server, AFTER_RESET, ob=bytes([3]) * 60)
    monkeypatch.undo()
    assert (env.reset() == 3).all()
    env.close()


def test_the_client_connects_to_a_server_that_starts_later(server: Server) -> None:
    started = time.monotonic()
    env = connected(server, before=lambda: time.sleep(0.4))
    assert 0.4 <= time.monotonic() - started < 2
    env.close()


def test_the_client_waits_until_a_stale_socket_is_replaced(server: Server, base: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stale:
        stale.bind(str(base / "sock"))

    def replace() -> None:
        time.sleep(0.2)
        (base / "sock").unlink()

    connected(server, before=replace).close()


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


def test_after_a_refused_reset_answers_still_match_requests(server: Server) -> None:
    env = connected(server, AFTER_RESET, REFUSAL + AFTER_RESET, AFTER_STEP, AFTER_STEP)
    env.reset()
    with pytest.raises(ResetError):
        env.reset()
    assert env.step(NO_BUTTONS)[1:] == (1.5, False)
    assert env.step(NO_BUTTONS)[1:] == (1.5, False)
    # OpenAI's server keeps a refused reset: the next step, and only that one, withdraws it.
    sent = [message["content"] for message in server.received]
    assert sent[2:] == [{"ac": 0, "reset": False}, {"ac": 0}]
    env.close()


@pytest.mark.parametrize("id", [0, 1, 2, 3, 4, 5, 99])
def test_each_exception_id_raises_its_class(server: Server, id: int) -> None:
    expected = type(exception_from_id(id, None))
    refused = encode("exception", {"exception": id, "reason": "why"})
    closed = encode("close", {"exception": id, "reason": "why"})
    env = connected(server, refused + AFTER_RESET, closed)
    for _ in range(2):
        with pytest.raises(GymRemoteError, match="why") as caught:
            env.reset()
        assert type(caught.value) is expected and caught.value.id == id


def test_a_close_after_a_refusal_is_raised(server: Server) -> None:
    env = connected(server, REFUSAL + encode("close", {"exception": 1, "reason": None}))
    with pytest.raises(TimestepTimeoutError):
        env.reset()


@pytest.mark.parametrize("stay", [False, True])
def test_a_limit_sent_with_the_last_answer_is_raised_next(server: Server, stay: bool) -> None:
    limit = encode("close", {"reason": "all used", "exception": 1})
    env = connected(server, AFTER_RESET, AFTER_STEP + limit, stay=stay)
    env.reset()
    assert env.step(NO_BUTTONS)[1] == 1.5  # the last step counts
    for _ in range(2):  # every later step raises the same error
        with pytest.raises(TimestepTimeoutError, match="all used"):
            env.step(NO_BUTTONS)
    env.close()


def test_the_reason_is_found_after_a_failed_send(server: Server) -> None:
    env = connected(server, AFTER_RESET)
    env.reset()
    server.stop()  # it closes without a message: the send fails before anything is read
    for _ in range(2):
        with pytest.raises(ServerDisconnectError, match="without a reason"):
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


@pytest.mark.parametrize("buttons", [np.zeros(11, np.uint8), np.full(12, 2, np.uint8)])
def test_invalid_buttons_are_not_sent(server: Server, buttons: np.ndarray) -> None:
    env = connected(server, AFTER_STEP)
    with pytest.raises(ValueError):
        env.send_action(buttons)
    assert env.step(NO_BUTTONS)[1] == 1.5
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
