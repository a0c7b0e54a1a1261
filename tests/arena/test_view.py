"""The live view without a browser: who may see it, what it tells, and when it rests."""

from __future__ import annotations

import base64
import http.client
import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from rich.console import Console

from arena.environment.levels import Level
from arena.evaluation.level_run import LevelLimits, LevelRun
from arena.pages.live import view as live_view
from arena.pages.live.state import JournalTail, Spectator, imagine
from arena.pages.live.view import LiveView, announce
from arena.replay.imagination import Imagination
from arena.server.frame_ring import FrameRingWriter, Step
from tests.helpers.small_models import TINY, write_random_pretrained

SHAPE = (224, 320, 3)
LIMITS = LevelLimits(
    budget_steps=1000, wall_clock_seconds=60.0, connect_seconds=30.0, hang_seconds=30.0
)


class Playing:
    """A level that seems to be played: a made-up server's steps in its window."""

    def __init__(self, folder: Path) -> None:
        self.run = LevelRun(Level("Made", "Up"), folder, None, 1, LIMITS, watched=True)  # type: ignore[arg-type]
        self.run.frame_ring = folder / "frames"
        self.run.state = "playing"
        self.run.started = time.monotonic()
        self._writer = FrameRingWriter(self.run.frame_ring, SHAPE, 12)
        self._timesteps = 0

    def step(self, *, reset: bool = False, episode: int = 0) -> None:
        self._timesteps += 1
        buttons = np.zeros(12, np.uint8)
        buttons[[0, 7]] = 1  # B and RIGHT
        frame = np.full(SHAPE, 40 + self._timesteps % 200, np.uint8)
        shown = None if reset else buttons
        self._writer.write(
            frame, shown, timesteps=self._timesteps, episode=episode, episode_return=2.5
        )


@pytest.fixture
def playing(tmp_path: Path) -> Playing:
    return Playing(tmp_path)


@pytest.fixture(scope="module")
def imagination(tmp_path_factory: pytest.TempPathFactory) -> Imagination:
    return Imagination(write_random_pretrained(tmp_path_factory.mktemp("m") / "tiny", spec=TINY))


@pytest.fixture
def view(playing: Playing) -> Iterator[LiveView]:
    with LiveView({"agent": "<b>tiny</b>", "lock_in": 2000.0}, None) as view:
        view.show([playing.run])
        yield view


def ask(view: LiveView, path: str = "", *, method: str = "GET", **headers: str) -> Any:
    """The answer to a request: its status, headers and body."""
    address = urlsplit(view.address)
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=30)
    full = address.path + path if not path.startswith("/") else path
    connection.request(method, full, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return SimpleNamespace(status=answer.status, headers=answer.headers, body=body)


class Page:
    """An open page: reads the stream of states."""

    def __init__(self, view: LiveView) -> None:
        address = urlsplit(view.address)
        self.socket = socket.create_connection(("127.0.0.1", address.port or 0), timeout=60)
        request = f"GET {address.path}events HTTP/1.1\r\nHost: localhost\r\n\r\n"
        self.socket.sendall(request.encode())
        self._stream = self.socket.makefile("rb")
        self.head = [line.strip() for line in iter(self._stream.readline, b"\r\n")]

    def states(self) -> Iterator[dict[str, Any]]:
        for line in self._stream:
            if line.startswith(b"data: "):
                yield json.loads(line.removeprefix(b"data: "))

    def state_where(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        return next(state for state in self.states() if condition(state))

    def close(self) -> None:
        self._stream.close()
        self.socket.close()


@pytest.mark.parametrize("path", ["", "page.css", "page.js"])
def test_the_page_is_served_to_who_knows_the_token(view: LiveView, path: str) -> None:
    answer = ask(view, path)
    assert answer.status == 200 and len(answer.body) > 500
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/events",
        "/wrong/",
        "/wrong/events",
        "//",
        "/%2e%2e/",
    ],
)
def test_without_the_token_there_is_nothing(view: LiveView, path: str) -> None:
    answer = ask(view, path)
    token = urlsplit(view.address).path.strip("/")
    assert answer.status == 404 and token.encode() not in answer.body


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /\xff\xfe/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b"/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        b"\0\1\2\r\n\r\n",
        b"GET\r\n\r\n",
    ],
)
def test_hostile_requests_get_no_page(view: LiveView, request_bytes: bytes) -> None:
    address = ("127.0.0.1", urlsplit(view.address).port or 0)
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert b" 200 " not in answer.partition(b"\r\n")[0] and b"Live view" not in answer
    assert ask(view).status == 200


def test_a_wrong_token_of_the_same_length_is_refused(view: LiveView) -> None:
    token = urlsplit(view.address).path.strip("/")
    assert len(token) >= 32
    assert ask(view, f"/{token[:-1]}{'A' if token[-1] != 'A' else 'B'}/").status == 404
    assert ask(view, f"/{token[:-1]}/").status == 404


@pytest.mark.parametrize(
    "path", ["../__init__.py", "page.js/", "results.json", "events/1", "%2e%2e/x"]
)
def test_there_is_nothing_but_the_page(view: LiveView, path: str) -> None:
    assert ask(view, path).status == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
@pytest.mark.parametrize("path", ["", "events"])
def test_nothing_can_be_written(view: LiveView, method: str, path: str) -> None:
    answer = ask(view, path, method=method)
    assert answer.status == 405 and answer.headers["Allow"] == "GET"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_another_sites_name_for_this_machine_is_refused(view: LiveView, host: str) -> None:
    assert ask(view, Host=host).status == 403
    assert ask(view, "events", Host=host).status == 403


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1:9999", "localhost"])
def test_a_tunnel_may_end_at_any_port(view: LiveView, host: str) -> None:
    assert ask(view, Host=host).status == 200


def test_only_loopback_listens(view: LiveView) -> None:
    port = urlsplit(view.address).port
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    listening = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    places = [place for place in listening if int(place.split(":")[1], 16) == port]
    assert places == [f"0100007F:{port:04X}"]


def test_a_page_sees_the_play(view: LiveView, playing: Playing) -> None:
    page = Page(view)
    assert (
        page.head[0].endswith(b"200 OK")
        and b"Content-Type: text/event-stream; charset=utf-8" in page.head
    )
    playing.run.returns = [100.0, 300.0]
    first = page.state_where(lambda state: state["levels"][0]["state"] == "playing")
    assert (first["agent"], first["lock_in"], first["ended"]) == ("<b>tiny</b>", 2000.0, False)
    level = page_after_steps(page, playing)
    assert level["name"] == "Made:Up" and level["budget_steps"] == 1000
    assert (level["score"], level["best"], level["episodes"]) == (200.0, 300.0, 2)
    assert level["now"]["buttons"] == ["B", "RIGHT"] and level["now"]["episode_return"] == 2.5
    assert level["now"]["seen"] is None and level["now"]["expected"] is None
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(level["now"]["frame"]), np.uint8), 1)
    assert picture.shape == SHAPE
    assert abs(int(picture.mean()) - 40 - level["now"]["timesteps"]) <= 2
    page.close()


def page_after_steps(page: Page, playing: Playing) -> dict[str, Any]:
    """Play until the page shows a step that a button led to; the level's state then."""
    playing.step(reset=True)
    for state in page.states():
        level = state["levels"][0]
        if level["now"] and level["now"]["buttons"]:
            return dict(level)
        playing.step()
    raise AssertionError("the stream ended")


def test_the_last_state_says_that_the_run_has_ended(playing: Playing) -> None:
    with LiveView({"agent": "tiny", "lock_in": None}, None) as view:
        view.show([playing.run])
        page = Page(view)
        next(page.states())
        playing.run.state = "done"
    states = list(page.states())
    assert states[-1]["ended"] and states[-1]["levels"][0]["state"] == "done"
    with pytest.raises(OSError):
        Page(view)


def test_nobody_looks_when_no_page_is_open(view: LiveView, playing: Playing) -> None:
    looks = []
    spectator = view._spectators[0]
    look = spectator.look
    spectator.look = lambda: looks.append(1) or look()  # type: ignore[method-assign, func-returns-value]
    time.sleep(0.5)
    assert not looks
    page = Page(view)
    next(page.states())
    assert looks
    page.close()
    deadline = time.monotonic() + 60
    while view._viewers and time.monotonic() < deadline:
        time.sleep(0.05)
    assert view._viewers == 0
    seen = len(looks)
    time.sleep(1)
    assert len(looks) <= seen + 1  # one may have been under way


def test_two_pages_see_the_same_looks(view: LiveView) -> None:
    pages = [Page(view), Page(view)]
    states = [next(page.states()) for page in pages]
    assert states[0]["levels"][0]["name"] == states[1]["levels"][0]["name"]
    for page in pages:
        page.close()


def test_many_connections_are_refused_instead_of_served(view: LiveView) -> None:
    port = urlsplit(view.address).port or 0
    idle = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(64)]
    idle[-1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert idle[-1].recv(12) == b"HTTP/1.1 404"  # the 64th still is; and so all are taken now
    extra = socket.create_connection(("127.0.0.1", port), timeout=30)
    assert extra.recv(1) == b""
    for connection in (*idle, extra):
        connection.close()


def test_looking_at_the_play_is_a_fixed_share_of_the_machine(
    view: LiveView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_view, "BUSY_SHARE", 0.05)
    spectator = view._spectators[0]
    look = spectator.look

    def slow() -> dict[str, Any]:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        return look()

    spectator.look = slow  # type: ignore[method-assign]
    page = Page(view)
    states = page.states()
    next(states)
    began = time.monotonic()
    for _ in range(4):
        next(states)
    cores = len(live_view.os.sched_getaffinity(0))
    # Four looks of 20 ms each may come in 4 x 20 ms / share at the soonest.
    assert time.monotonic() - began > 4 * 0.02 / (0.05 * cores) * 0.5
    page.close()


def steps_of_play(count: int) -> list[Step]:
    random = np.random.default_rng(1)
    return [
        Step(
            number,
            number,
            0,
            None if number == 1 else random.integers(0, 2, 12, np.uint8),
            0.0,
            random.integers(0, 256, SHAPE, np.uint8),
        )
        for number in range(1, count + 1)
    ]


def test_pictures_of_the_model_belong_to_the_last_step(imagination: Imagination) -> None:
    steps = steps_of_play(4)
    seen, expected = imagine(imagination, steps)
    alone, nothing = imagine(imagination, steps[-1:])
    np.testing.assert_array_equal(seen, alone)
    assert nothing is None and expected is not None and seen.shape == (64, 64, 3)
    np.testing.assert_array_equal(imagine(imagination, steps)[1], expected)  # nothing is left over
    other, _ = imagine(imagination, [*steps[:-1], steps_of_play(5)[-1]])
    assert not np.array_equal(other, seen)


def test_a_spectator_shows_the_models_pictures(playing: Playing, imagination: Imagination) -> None:
    spectator = Spectator(playing.run, imagination)
    assert spectator.look()["now"] is None
    playing.step(reset=True)
    first = spectator.look()["now"]
    assert first["buttons"] == [] and first["seen"] and first["expected"] is None
    for _ in range(3):
        playing.step()
    now = spectator.look()["now"]
    assert now["timesteps"] == 4 and now["seen"] and now["expected"]
    assert spectator.look()["now"] is now  # the same step is not drawn twice
    playing.run.state = "done"
    assert spectator.look()["now"] is None


def test_numbers_that_json_lacks_are_left_out(playing: Playing) -> None:
    playing.run.returns = [float("nan"), float("inf")]
    level = Spectator(playing.run, None).look()
    assert level["score"] is None and level["best"] is None and level["returns"] == [None, None]
    json.dumps(level, allow_nan=False)


LINE = '{"candidate": %d, "locked": %s, "timesteps": %d, "length": 20}\n'


def test_a_journal_is_read_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    tail = JournalTail(path)
    tail.read()
    assert tail.candidates is None and tail.locked_in_at is None
    with path.open("w") as file:
        for text, expected in (
            (LINE % (0, "false", 21), (1, None)),
            (LINE % (1, "false", 42) + '{"candidate": 7, "lock', (2, None)),
            ("hello\n[]\nnull\n{}\n", (2, None)),
            (LINE % (1, "true", 63) + LINE % (1, "true", 84), (2, 42)),
        ):
            file.write(text)
            file.flush()
            tail.read()
            assert (tail.candidates, tail.locked_in_at) == expected


def said(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    opened: list[str] = []
    happened = threading.Event()

    def remember(address: str) -> None:
        opened.append(address)
        happened.set()

    monkeypatch.setattr(live_view.webbrowser, "open", remember)
    text = io.StringIO()
    announce(Console(file=text, width=40), "http://127.0.0.1:4321/token/", environment)
    happened.wait(5 if "DISPLAY" in environment and "SSH_CONNECTION" not in environment else 0.1)
    return text.getvalue(), opened


def test_the_address_is_always_printed_and_opened_where_there_is_a_display(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = "http://127.0.0.1:4321/token/"
    for environment, opens in (
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"DISPLAY": ":10", "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, False),
    ):
        text, opened = said(environment, monkeypatch)
        assert address in text and opened == [address] * opens
        assert ("ssh -L 4321:127.0.0.1:4321" in text) == ("SSH_CONNECTION" in environment)
