"""The server answers with the same bytes as OpenAI's server, whatever a client requests in which
order: legal and illegal resets and steps, withdrawn resets, old channels that are sent again.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agent.gym_remote.messages import encode
from arena.server.monitor import Monitor
from arena.server.session import Session
from arena.server.session_result import SessionLimits
from tests.helpers.openai_server import OpenAIServer
from tests.helpers.served_game import CountingEnv

SEQUENCES = 3000


class NoEndpoint:
    def write(self, array: np.ndarray) -> None:
        pass


def update(**content: Any) -> dict[str, Any]:
    return {"type": "update", "content": content}


def played(messages: list[dict[str, Any]], limit: int | None, monitor: Monitor) -> bytes:
    """Everything that our server sends after its description."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"".join(encode(one["type"], one["content"]) for one in messages))
        theirs.shutdown(socket.SHUT_WR)
        limits = SessionLimits(timesteps=limit)
        Session(CountingEnv(), NoEndpoint(), ours, limits, monitor).run()  # type: ignore[arg-type]
        return theirs.recv(1 << 20).partition(b"\f")[2]


def expected(messages: list[dict[str, Any]], limit: int | None) -> bytes:
    server = OpenAIServer(CountingEnv(), limit)
    return b"".join(map(server.answer, messages)) + server.end_of_file()


RESET, STEP = update(reset=True), update(ac=5)
REQUESTS = (
    st.sampled_from([RESET, STEP, STEP, STEP, update(ac=5, reset=True), update(ac=5, reset=False)])
    | st.fixed_dictionaries(
        {},
        optional={
            "ac": st.integers(0, 4095),
            "ob": st.just(True),
            "reward": st.floats(allow_nan=False, allow_infinity=False),
            "done": st.booleans(),
            "reset": st.booleans(),
        },
    ).map(lambda content: update(**content))
    | st.just({"type": "close", "content": {"reason": None}})
)


# The first request carries an action: without any, OpenAI's server crashes at the first step.
@given(st.lists(REQUESTS, max_size=25), st.none() | st.integers(1, 12))
@example([RESET, *[STEP] * 2, update(ac=5, reset=True), STEP, STEP, update(reset=False)], None)
@example([RESET, *[STEP] * 5, RESET, STEP], None)
@settings(max_examples=SEQUENCES)
def test_any_sequence_is_answered_as_by_openai(
    requests: list[dict[str, Any]], limit: int | None
) -> None:
    messages = [update(ac=0), *requests]
    assert played(messages, limit, Monitor(None)) == expected(messages, limit)


def test_after_a_refused_reset_everything_is_refused_and_no_row_is_written(tmp_path: Path) -> None:
    early_reset = [RESET, *[STEP] * 3, update(ac=5, reset=True)]
    monitor = Monitor(tmp_path)
    answers = played([*early_reset, *[STEP, RESET] * 10], None, monitor)
    monitor.close()
    kinds = [json.loads(line)["type"] for line in answers.split(b"\f")[:-1]]
    assert kinds == ["update"] * 4 + ["exception", "update"] * 21 + ["close"]
    refused = json.loads(answers.split(b"\f")[5])
    assert refused == update(ob=True, reward=5.0, done=False)
    assert (tmp_path / "monitor.csv").read_text().split() == ["r,l,t"]


def test_a_client_that_withdraws_its_reset_plays_on(tmp_path: Path) -> None:
    messages = [RESET, STEP, RESET, update(ac=5, reset=False), STEP, STEP, RESET]
    monitor = Monitor(tmp_path)
    played(messages, None, monitor)
    monitor.close()
    assert (tmp_path / "monitor.csv").read_text().splitlines()[1].startswith("20.0,4,")
