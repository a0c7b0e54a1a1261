"""A model of OpenAI's server: the bytes that it answers to legal messages, written from its rules.

The rules: each channel is marked when the server sets it, and unmarked when the client sends it. An
update contains all marked channels. The value of `reset` stays until the client or a reset changes
it. A request costs a timestep unless it is refused.
"""

from __future__ import annotations

import json
from typing import Any

from tests.helpers.served_game import CountingEnv

ORDER = ("ac", "ob", "reward", "done", "reset")
RESET_ERROR, TIMESTEP_TIMEOUT, CLIENT_DISCONNECT = 5, 1, 3


class OpenAIServer:
    """Answers messages one by one; the description is not part of it."""

    def __init__(self, env: CountingEnv, timestep_limit: int | None) -> None:
        self.timesteps = 0
        self.ended = False
        self._env = env
        self._limit = timestep_limit
        self._values: dict[str, Any] = {}
        self._marked: set[str] = set()
        self._done = True

    def answer(self, message: dict[str, Any]) -> bytes:
        """Answer a message of the client; after the end of the session, with nothing."""
        if self.ended:
            return b""
        if message["type"] == "close":
            self.ended = True
            return _line("close", {"reason": None})
        for name, value in message["content"].items():
            self._values[name] = value
            self._marked.discard(name)
        answer = self._play()
        if self._limit is not None and self.timesteps >= self._limit:
            self.ended = True
            answer += _line("close", {"reason": None, "exception": TIMESTEP_TIMEOUT})
        return answer

    def end_of_file(self) -> bytes:
        """Answer a client that closed the connection without a message."""
        if self.ended:
            return b""
        return _line("close", {"reason": None, "exception": CLIENT_DISCONNECT})

    def _play(self) -> bytes:
        wants_reset = bool(self._values.get("reset"))
        if wants_reset != self._done:
            refusal = {"reason": None, "exception": RESET_ERROR}
            return _line("exception", refusal) + self._update()
        if wants_reset:
            self._env.reset()
            self._set(ob=True, reset=False, reward=0.0, done=False)
            self._done = False
        else:
            buttons = [self._values["ac"] >> bit & 1 for bit in range(12)]
            _, reward, self._done, _ = self._env.step(buttons)
            self._set(ob=True, reward=reward, done=self._done)
        self.timesteps += 1
        return self._update()

    def _set(self, **values: Any) -> None:
        self._values |= values
        self._marked |= values.keys()

    def _update(self) -> bytes:
        return _line("update", {name: self._values[name] for name in ORDER if name in self._marked})


def _line(kind: str, content: object) -> bytes:
    return (json.dumps({"type": kind, "content": content}) + "\f").encode()
