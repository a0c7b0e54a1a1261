"""The client against servers that follow the protocol, including slow ones."""

from __future__ import annotations

import errno
import os
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.gym_remote import client
from agent.gym_remote.messages import (
    GymRemoteError,
    ResetError,
    ServerDisconnectError,
    TimestepTimeoutError,
    encode,
    exception_from_id,
)
from tests.helpers.scripted_server import (
    AFTER_RESET,
    AFTER_STEP,
    NO_BUTTONS,
    REFUSAL,
    SHAPE,
    Server,
    connected,
)


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


@pytest.mark.parametrize("buttons", [np.zeros(11, np.uint8), np.full(12, 2, np.uint8)])
def test_invalid_buttons_are_not_sent(server: Server, buttons: np.ndarray) -> None:
    env = connected(server, AFTER_STEP)
    with pytest.raises(ValueError):
        env.send_action(buttons)
    assert env.step(NO_BUTTONS)[1] == 1.5
    env.close()
