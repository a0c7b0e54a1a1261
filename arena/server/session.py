"""One agent's run: requests in, answers out, and the contest's rules in between.

A reset costs a timestep, a reset in mid-episode and a step after done are refused, the limits end
the run. Whatever an agent sends, it ends in a `ServeResult`.
"""

from __future__ import annotations

import contextlib
import math
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agent.gym_remote.channels import (
    PLAIN_ACTION,
    Channel,
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
from arena.server.frame_ring import WindowWriter
from arena.server.monitor import Monitor

RECEIVE_BYTES = 1 << 16
SHORTEST_WAIT_SECONDS = 0.001  # 0 would make the socket non-blocking
SEND_SECONDS = 10.0  # an agent that takes no answer for so long is gone

TIMESTEP_LIMIT = "timestep-limit"
WALL_CLOCK_LIMIT = "wall-clock-limit"
CLIENT_CLOSED = "client-closed"
CLIENT_DISCONNECTED = "client-disconnected"
PROTOCOL_ERROR = "protocol-error"
NEVER_CONNECTED = "never-connected"
FAILURES = (PROTOCOL_ERROR, NEVER_CONNECTED)  # the others are ends that an agent may choose


class Environment(Protocol):
    """What can be served: a `ContestEnv`, or a made-up one in a test."""

    n_buttons: int
    observation_shape: tuple[int, ...]

    def reset(self) -> NDArray[np.uint8]: ...

    def step(self, buttons: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float, bool, Any]: ...


@dataclass(frozen=True)
class ServeResult:
    """How a run ended.

    Attributes:
        timesteps: consumed of the budget, resets included.
        reason: timestep-limit, wall-clock-limit, client-closed, client-disconnected,
            protocol-error or never-connected.
        episodes: those that count for the score: finished, and followed by a reset.
        seconds: from the connection to the end.
        detail: what the client did wrong, or the reason that it gave; else "".
        emulator_seconds: of them, those that the environment computed.
    """

    timesteps: int
    reason: str
    episodes: int
    seconds: float
    detail: str = ""
    emulator_seconds: float = 0.0


@dataclass(frozen=True)
class Limits:
    """When a run ends by itself. The clock starts with the object."""

    timesteps: int | None = None
    wall_clock_seconds: float | None = None
    connect_seconds: float | None = None
    started: float = field(default_factory=time.monotonic)

    def seconds_left(self) -> float:
        """To the wall-clock limit; infinite without one."""
        if self.wall_clock_seconds is None:
            return math.inf
        return self.started + self.wall_clock_seconds - time.monotonic()

    def budget_is_up(self, timesteps: int) -> bool:
        """Whether this many timesteps use up the budget."""
        return self.timesteps is not None and timesteps >= self.timesteps


class _End(Exception):
    """The run is over: what to tell the client, and what to write down."""

    def __init__(self, error: GymRemoteError | None, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.error = error
        self.reason = reason
        self.detail = detail


class Session:
    """One agent's run: requests in, answers out, the contest's rules in between."""

    def __init__(
        self,
        env: Environment,
        endpoint: Endpoint,
        connection: socket.socket,
        limits: Limits,
        monitor: Monitor,
        window: WindowWriter | None = None,
    ) -> None:
        self._env = env
        self._endpoint = endpoint
        self._connection = connection
        self._limits = limits
        self._monitor = monitor
        self._window = window
        self._reader = MessageReader()
        self._channels = _channels(env)
        self._actions: dict[int, NDArray[np.uint8]] = {}  # unfolded before; at most 4,096
        self._action: NDArray[np.uint8] | None = None
        self._done = True  # until the first reset
        self._reward = 0.0
        self._timesteps = 0
        self._emulator_seconds = 0.0
        # In poll, and not in recv: there the kernel wakes the process once more, when the client
        # takes the answer.
        connection.settimeout(SEND_SECONDS)

    def run(self) -> ServeResult:
        """Play until a limit is reached or the client goes, and tell it why.

        Raises:
            KeyboardInterrupt: the server is to stop; the client was told.
            Exception: whatever the environment or a file raised; the client was told.
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
            return ServeResult(
                self._timesteps, end.reason, episodes, seconds, end.detail, self._emulator_seconds
            )
        except KeyboardInterrupt:
            self._close(ServerDisconnectError("the server was stopped"))
            raise
        except Exception as error:
            self._close(GymRemoteError(f"the server failed: {type(error).__name__}"))
            raise
        raise AssertionError("a run ends by _End")

    def _play(self) -> None:
        while True:
            for request in self._requests(self._receive()):
                self._check_clock()
                if isinstance(request, np.ndarray):
                    self._action = request
                    self._step()
                else:
                    self._handle(request)
                if self._limits.budget_is_up(self._timesteps):
                    reason = f"all {self._timesteps} timesteps are used"
                    raise _End(TimestepTimeoutError(reason), TIMESTEP_LIMIT)

    def _requests(self, data: bytes) -> list[dict[str, Any] | NDArray[np.uint8]]:
        """The messages that have arrived; one in plain form as its action."""
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
            raise _End(None, CLIENT_CLOSED, _reason(content))
        try:
            if kind != "update":
                raise ProtocolError(f"the client sent a message of type {shown(kind)}")
            values = parse_update(content, self._channels)
            if "ac" in values:
                self._action = self._unfold(int(values["ac"]))
            if not values.get("reset") and self._action is None:
                raise ProtocolError("the client sent neither an action nor a reset")
        except ProtocolError as error:
            raise _end_of(error) from None
        # An update holds what changed, and old actions stay beside a reset: only the reset tells.
        if values.get("reset"):
            self._reset()
        else:
            self._step()

    def _reset(self) -> None:
        if not self._done:
            return self._refuse("a reset in mid-episode: play the episode out")
        self._monitor.reset()
        frame = self._env.reset()
        self._endpoint.write(frame)
        self._answer(0.0, False)
        if self._window is not None:
            self._show(self._window, frame, None)

    def _step(self) -> None:
        if self._done:
            return self._refuse("a step where no episode is under way: reset first")
        assert self._action is not None
        begun = time.perf_counter()
        frame, reward, done, _ = self._env.step(self._action)
        self._emulator_seconds += time.perf_counter() - begun
        self._monitor.step(reward)
        self._endpoint.write(frame)
        self._answer(reward, done)
        if self._window is not None:
            self._show(self._window, frame, self._action)

    def _show(
        self,
        window: WindowWriter,
        frame: NDArray[np.uint8],
        buttons: NDArray[np.uint8] | None,
    ) -> None:
        window.write(
            frame,
            buttons,
            timesteps=self._timesteps,
            episode=self._monitor.episodes,
            episode_return=self._monitor.episode_return,
        )

    def _answer(self, reward: float, done: bool) -> None:
        self._reward, self._done = reward, done
        self._timesteps += 1
        self._send_bytes(plain_answer(reward, done))

    def _unfold(self, folded: int) -> NDArray[np.uint8]:
        action = self._actions.get(folded)
        if action is None:
            action = unfold_buttons(folded, self._channels["ac"].folds)
            self._actions[folded] = action
        return action

    def _refuse(self, reason: str) -> None:
        self._send("exception", {"reason": reason, "exception": ResetError.ID})
        self._send_bytes(plain_answer(self._reward, self._done))

    def _check_clock(self) -> None:
        if self._limits.seconds_left() <= 0:
            raise _End(WallClockTimeoutError("the time is up"), WALL_CLOCK_LIMIT)

    def _receive(self) -> bytes:
        """What the client has sent; nothing when it took its time."""
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
            self._hear_out()
            raise _End(None, CLIENT_DISCONNECTED) from None

    def _hear_out(self) -> None:
        """The client has gone: it may have said goodbye, behind requests that nobody awaits."""
        for message in self._requests(self._receive()):
            if isinstance(message, dict) and message["type"] == "close":
                raise _End(None, CLIENT_CLOSED, _reason(message["content"]))

    def _close(self, error: GymRemoteError) -> None:
        content = {"reason": error.reason, "exception": error.id}
        with contextlib.suppress(OSError):  # it may be the client's absence that ends the run
            self._connection.send(encode("close", content), socket.MSG_DONTWAIT)


def _channels(env: Environment) -> dict[str, Channel]:
    """The channels in the order and with the annotations of OpenAI's server."""
    shape = tuple(env.observation_shape)
    buttons = {"n": str(env.n_buttons), "type": "MultiBinary"}
    box = {"type": "Box", "shape": str(shape)}
    return {
        "ac": Channel("ac", "int_fold", folds=(2,) * env.n_buttons, annotations=buttons),
        "ob": Channel("ob", "np", shape, np.dtype(np.uint8), annotations=box),
        "reward": Channel("reward", "float"),
        "done": Channel("done", "bool"),
        "reset": Channel("reset", "bool"),
    }


def _end_of(error: ProtocolError) -> _End:
    return _End(GymRemoteError(str(error)), PROTOCOL_ERROR, str(error))


def _reason(content: object) -> str:
    """The reason that a client's last message gives, as one line."""
    reason = content.get("reason") if isinstance(content, dict) else None
    return printable(reason) if isinstance(reason, str) else ""
