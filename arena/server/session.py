"""One agent's session: it answers the agent's requests under the contest's rules.

A reset costs a timestep. A reset in mid-episode and a step after done are refused. The session ends
at a limit. Every session ends with a `SessionResult`, whatever the agent sends.

To legal messages it answers with the same bytes as OpenAI's server. Therefore it remembers two
things, as that server does:

- A request to reset is kept until a reset happens or the client withdraws it (`"reset": false`).
  After a refused reset, every request is therefore a reset in mid-episode, and is refused.
- Once the server has set a channel, each update contains it, until the client sends that channel.
"""

from __future__ import annotations

import contextlib
import socket
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.gym_remote.channels import (
    PLAIN_ACTION,
    Value,
    describe,
    parse_update,
    plain_answer,
    unfold_buttons,
)
from agent.gym_remote.messages import (
    ClientDisconnectError,
    GymRemoteError,
    MessageReader,
    ProtocolError,
    ResetError,
    ServerDisconnectError,
    TimestepTimeoutError,
    WallClockTimeoutError,
    encode,
    printable,
    shown,
)
from arena.server.endpoint import Endpoint
from arena.server.frame_ring import FrameRingWriter
from arena.server.monitor import Monitor
from arena.server.served_environment import ServedEnvironment, channels_of
from arena.server.session_result import (
    CLIENT_CLOSED,
    CLIENT_DISCONNECTED,
    PROTOCOL_ERROR,
    TIMESTEP_LIMIT,
    WALL_CLOCK_LIMIT,
    SessionLimits,
    SessionResult,
)

ANSWER_CHANNELS = ("ob", "reward", "done", "reset")
RECEIVE_BYTES = 1 << 16
SHORTEST_WAIT_SECONDS = 0.001  # 0 would make the socket non-blocking
SEND_SECONDS = 10.0  # an agent that reads no answer for this long counts as disconnected


class _End(Exception):
    """The session has ended. It holds the error for the client, and the reason for the result."""

    def __init__(self, error: GymRemoteError | None, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.error = error
        self.reason = reason
        self.detail = detail


class Session:
    """Answers the requests of one agent under the contest's rules."""

    def __init__(
        self,
        env: ServedEnvironment,
        endpoint: Endpoint,
        connection: socket.socket,
        limits: SessionLimits,
        monitor: Monitor,
        ring: FrameRingWriter | None = None,
    ) -> None:
        self._env = env
        self._endpoint = endpoint
        self._connection = connection
        self._limits = limits
        self._monitor = monitor
        self._ring = ring
        self._reader = MessageReader()
        self._channels = channels_of(env)
        self._actions: dict[int, NDArray[np.uint8]] = {}  # a cache for `_unfold`; at most 4,096
        self._action: NDArray[np.uint8] | None = None
        self._done = True  # until the first reset
        self._reset_requested = False
        self._answer_values: dict[str, Value] = {}  # of the channels that each update contains
        self._timesteps = 0
        self._emulator_seconds = 0.0
        # The timeout makes the process wait in poll: in recv, the kernel would wake it once more,
        # when the client reads the answer.
        connection.settimeout(SEND_SECONDS)

    def run(self) -> SessionResult:
        """Play until a limit is reached or the client disconnects, and tell the client why.

        Raises:
            KeyboardInterrupt: the server was stopped; the client was informed.
            Exception: the environment or a file raised it; the client was informed.
        """
        started = time.monotonic()
        try:
            self._send("description", describe(self._channels))
            self._play()
        except _End as end:
            if end.error is not None:
                self._close(end.error)
            seconds = time.monotonic() - started
            episodes = self._monitor.episodes
            return SessionResult(
                self._timesteps, end.reason, episodes, seconds, end.detail, self._emulator_seconds
            )
        except KeyboardInterrupt:
            self._close(ServerDisconnectError("the server was stopped"))
            raise
        except Exception as error:
            self._close(GymRemoteError(f"the server failed: {type(error).__name__}"))
            raise
        raise AssertionError("a session ends by _End")

    def _play(self) -> None:
        while True:
            for request in self._requests(self._receive()):
                self._check_clock()
                if isinstance(request, np.ndarray):
                    self._action = request
                    self._play_timestep()
                else:
                    self._handle(request)
                if self._limits.budget_is_used(self._timesteps):
                    raise _End(TimestepTimeoutError(), TIMESTEP_LIMIT)

    def _requests(self, data: bytes) -> list[dict[str, Any] | NDArray[np.uint8]]:
        """Return the messages that have arrived; for one in the plain form, return its action."""
        plain = None if self._reader.pending else PLAIN_ACTION.fullmatch(data)
        action = self._actions.get(int(plain[1])) if plain else None
        if action is not None:
            return [action]
        try:
            return [*self._reader.feed(data)]
        except ProtocolError as error:
            raise _end_of(error) from None

    def _handle(self, message: dict[str, Any]) -> None:
        kind, content = message["type"], message["content"]
        if kind in ("close", "exception"):
            self._send_last({"reason": None})
            raise _End(None, CLIENT_CLOSED, _reason(content))
        try:
            if kind != "update":
                raise ProtocolError(f"the client sent a message of type {shown(kind)}")
            values = parse_update(content, self._channels)
        except ProtocolError as error:
            raise _end_of(error) from None
        if "ac" in values:
            self._action = self._unfold(int(values["ac"]))
        self._reset_requested = bool(values.get("reset", self._reset_requested))
        for name in values:
            self._answer_values.pop(name, None)
        self._play_timestep()

    def _play_timestep(self) -> None:
        """Reset or step, or refuse the request. An action that comes with a reset is ignored."""
        if self._reset_requested and self._done:
            self._reset()
        elif not (self._reset_requested or self._done):
            self._step()
        else:
            self._monitor.refusal()
            self._send("exception", {"reason": None, "exception": ResetError.ID})
            self._send_answer()

    def _reset(self) -> None:
        self._monitor.reset()
        frame = self._env.reset()
        self._endpoint.write(frame)
        self._reset_requested = False
        self._answer_values["reset"] = False
        self._answer(0.0, False)
        self._write_to_ring(frame, None)

    def _step(self) -> None:
        if self._action is None:
            raise _end_of(ProtocolError("the client sent neither an action nor a reset"))
        begun = time.perf_counter()
        frame, reward, done, _ = self._env.step(self._action)
        self._emulator_seconds += time.perf_counter() - begun
        self._monitor.step(reward)
        self._endpoint.write(frame)
        self._answer(reward, done)
        self._write_to_ring(frame, self._action)

    def _write_to_ring(self, frame: NDArray[np.uint8], buttons: NDArray[np.uint8] | None) -> None:
        if self._ring is None:
            return
        self._ring.write(
            frame,
            buttons,
            timesteps=self._timesteps,
            episode=self._monitor.episodes,
            episode_return=self._monitor.episode_return,
        )

    def _answer(self, reward: float, done: bool) -> None:
        self._done = bool(done)
        self._answer_values |= {"ob": True, "reward": float(reward), "done": self._done}
        self._timesteps += 1
        self._send_answer()

    def _send_answer(self) -> None:
        values = self._answer_values
        if len(values) == len(ANSWER_CHANNELS):
            self._send_bytes(plain_answer(values["reward"], bool(values["done"])))
        else:
            self._send("update", {name: values[name] for name in ANSWER_CHANNELS if name in values})

    def _unfold(self, folded: int) -> NDArray[np.uint8]:
        action = self._actions.get(folded)
        if action is None:
            action = unfold_buttons(folded, self._channels["ac"].folds)
            self._actions[folded] = action
        return action

    def _check_clock(self) -> None:
        if self._limits.seconds_left() <= 0:
            raise _End(WallClockTimeoutError(), WALL_CLOCK_LIMIT)

    def _receive(self) -> bytes:
        """Receive what the client has sent; b"" if it sent nothing within the timeout."""
        left = self._limits.seconds_left()
        if left < SEND_SECONDS:
            self._connection.settimeout(max(left, SHORTEST_WAIT_SECONDS))
        try:
            data = self._connection.recv(RECEIVE_BYTES)
        except TimeoutError:
            self._check_clock()
            return b""
        except OSError:
            data = b""
        if not data:
            cut = self._reader.pending
            detail = f"in the middle of a message, after {cut} bytes" if cut else ""
            raise _End(ClientDisconnectError(), CLIENT_DISCONNECTED, detail)
        return data

    def _send(self, kind: str, content: object) -> None:
        self._send_bytes(encode(kind, content))

    def _send_bytes(self, data: bytes) -> None:
        try:
            self._connection.sendall(data)
        except TimeoutError:
            detail = f"it read no answer for {SEND_SECONDS:g} s"
            raise _End(None, CLIENT_DISCONNECTED, detail) from None
        except OSError:
            self._read_close()
            raise _End(None, CLIENT_DISCONNECTED) from None

    def _read_close(self) -> None:
        """Read what a disconnected client sent last: it may have closed the session properly."""
        for message in self._requests(self._receive()):
            if isinstance(message, dict) and message["type"] == "close":
                raise _End(None, CLIENT_CLOSED, _reason(message["content"]))

    def _close(self, error: GymRemoteError) -> None:
        self._send_last({"reason": error.reason, "exception": error.id})

    def _send_last(self, content: object) -> None:
        with contextlib.suppress(OSError):  # the client may have disconnected already
            self._connection.send(encode("close", content), socket.MSG_DONTWAIT)


def _end_of(error: ProtocolError) -> _End:
    return _End(GymRemoteError(str(error)), PROTOCOL_ERROR, str(error))


def _reason(content: object) -> str:
    """Return the reason in a client's last message, as one line."""
    reason = content.get("reason") if isinstance(content, dict) else None
    return printable(reason) if isinstance(reason, str) else ""
