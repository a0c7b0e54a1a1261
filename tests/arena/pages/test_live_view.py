"""The live view without a browser: its server's access rules, its states, and its CPU share."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from arena.pages.live import view as live_view
from arena.pages.live.state import LevelObserver
from arena.pages.live.view import LiveView
from tests.helpers.live_play import SHAPE, Playing


@pytest.fixture
def playing(tmp_path: Path) -> Playing:
    return Playing(tmp_path)


@pytest.fixture
def view(playing: Playing) -> Iterator[LiveView]:
    with LiveView({"agent": "<b>tiny</b>", "lock_in": 2000.0}, None) as view:
        view.show([playing.run])
        yield view


def ask(view: LiveView, path: str = "", *, method: str = "GET", **headers: str) -> Any:
    """The response to a request: status, headers and body."""
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
def test_the_page_is_served_with_the_token(view: LiveView, path: str) -> None:
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
def test_nothing_is_served_without_the_token(view: LiveView, path: str) -> None:
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
def test_only_the_pages_files_are_served(view: LiveView, path: str) -> None:
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


def test_a_page_receives_the_steps_of_a_level(view: LiveView, playing: Playing) -> None:
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
    assert level["now"]["reconstruction"] is None and level["now"]["prediction"] is None
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(level["now"]["frame"]), np.uint8), 1)
    assert picture.shape == SHAPE
    assert abs(int(picture.mean()) - 40 - level["now"]["timesteps"]) <= 2
    page.close()


def page_after_steps(page: Page, playing: Playing) -> dict[str, Any]:
    """Play until the page shows a step after a button press; return the level's state."""
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


def test_the_levels_are_observed_only_while_a_page_is_open(
    view: LiveView, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    look = LevelObserver.look
    monkeypatch.setattr(LevelObserver, "look", lambda self: looks.append(1) or look(self))
    time.sleep(0.5)
    assert not looks
    page = Page(view)
    next(page.states())
    assert looks
    page.close()
    deadline = time.monotonic() + 60
    while view.open_pages and time.monotonic() < deadline:
        time.sleep(0.05)
    assert view.open_pages == 0
    seen = len(looks)
    time.sleep(1)
    assert len(looks) <= seen + 1  # one may have been in progress


def test_two_pages_receive_the_same_states(view: LiveView) -> None:
    pages = [Page(view), Page(view)]
    states = [next(page.states()) for page in pages]
    assert states[0]["levels"][0]["name"] == states[1]["levels"][0]["name"]
    for page in pages:
        page.close()


def test_many_connections_are_refused_instead_of_served(view: LiveView) -> None:
    port = urlsplit(view.address).port or 0
    idle = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(64)]
    idle[-1].sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert idle[-1].recv(12) == b"HTTP/1.1 404"  # the 64th is served; now all are in use
    extra = socket.create_connection(("127.0.0.1", port), timeout=30)
    assert extra.recv(1) == b""
    for connection in (*idle, extra):
        connection.close()


def test_observing_uses_a_fixed_share_of_the_cpus(
    view: LiveView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_view, "BUSY_SHARE", 0.05)
    look = LevelObserver.look

    def slow(self: LevelObserver) -> dict[str, Any]:
        until = time.thread_time() + 0.02
        while time.thread_time() < until:
            pass
        return look(self)

    monkeypatch.setattr(LevelObserver, "look", slow)
    page = Page(view)
    states = page.states()
    next(states)
    began = time.monotonic()
    for _ in range(4):
        next(states)
    cores = len(live_view.os.sched_getaffinity(0))
    # Four states that take 20 ms each need at least 4 x 20 ms / share.
    assert time.monotonic() - began > 4 * 0.02 / (0.05 * cores) * 0.5
    page.close()


def test_the_report_is_served_only_once_there_is_one(view: LiveView, tmp_path: Path) -> None:
    assert ask(view, "report.html").status == 404
    page = tmp_path / "report.html"
    page.write_bytes(b"<script>alert(1)</script>")
    view.offer_report(page)
    answer = ask(view, "report.html")
    assert answer.status == 200 and answer.body == page.read_bytes()
    assert answer.headers["Content-Type"].startswith("application/octet-stream")  # never run here
    assert ask(view, "/report.html").status == 404


def test_the_live_view_has_the_colours_of_the_report() -> None:
    pages = Path(live_view.__file__).parents[1]
    found = []
    for name in ("live/static/page.css", "templates/report.css"):
        text = (pages / name).read_text()
        found.append(
            [
                dict(re.findall(r"(--\w+): ([^;]+);", block))
                for block in re.findall(r":root[^{]*\{(.*?)\}", text, re.DOTALL)
            ]
        )
    live, report = found
    assert len(live) == len(report) == 2  # light and dark
    for ours, theirs in zip(live, report, strict=True):
        assert len(ours) > 5 and ours.items() <= theirs.items()
