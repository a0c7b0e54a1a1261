"""The live view's web server: loopback only, read-only, and protected by a token in its address.

Another site's page in the same browser can reach 127.0.0.1 through a domain name that resolves to
it (DNS rebinding). The server therefore checks the Host header, and the other page does not know
the token. The live page consists of three files in static/ and loads nothing from other servers.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socketserver
import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PAGE_DIR = Path(__file__).parent / "static"
FILES = {
    "": ("index.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
}
EVENTS = "events"
REPORT = "report.html"
HOSTS = ("127.0.0.1", "localhost")  # with any port: the request may come through a tunnel
MAX_CONNECTIONS = 64
TOKEN_BYTES = 24
IDLE_SECONDS = 30.0  # after which a connection that sends or receives nothing is closed
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",  # the token is in the address
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class LiveServer:
    """Serves the page and its stream of states, in its own threads."""

    def __init__(
        self, states: Callable[[], Generator[bytes]], report: Callable[[], bytes | None]
    ) -> None:
        """Bind a free port.

        Args:
            states: creates the stream of one page: JSON of one line each, or empty bytes that
                only test the connection.
            report: returns the run's report; None if there is none.
        """
        self._token = secrets.token_urlsafe(TOKEN_BYTES)
        self._http = _Server(self._token, states, report)
        self._thread = threading.Thread(target=self._serve, name="live server", daemon=True)

    @property
    def address(self) -> str:
        """The page's address."""
        return f"http://127.0.0.1:{self._http.server_address[1]}/{self._token}/"

    def start(self) -> None:
        """Start serving."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; open streams end when their iterators end."""
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def _serve(self) -> None:
        # On Linux each thread has its own priority; the connections' threads inherit this one.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        self._http.serve_forever(poll_interval=0.2)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS
    block_on_close = False

    def __init__(
        self,
        token: str,
        states: Callable[[], Generator[bytes]],
        report: Callable[[], bytes | None],
    ) -> None:
        self.token = token.encode()
        self.report = report
        self.states = states
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Bind without http.server's lookup of the host name, which may use the network."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for a connection; refuse it if there are too many."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection until it is closed."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a page that was closed during a response."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "live-view"
    sys_version = ""
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        """Respond with the page, one of its files, or its stream."""
        if (self.headers.get("Host") or "").partition(":")[0] not in HOSTS:
            return self._refuse(
                HTTPStatus.FORBIDDEN,
                "this page is served to this machine only; open the address that the run printed",
            )
        token, _, name = self.path.partition("?")[0].removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(errors="replace"), self.server.token):
            return self._refuse(
                HTTPStatus.NOT_FOUND, "not found: open the address that the run printed"
            )
        if name == EVENTS:
            return self._stream()
        report = self.server.report() if name == REPORT else None
        if report is not None:  # the page saves it; no browser shows it as a page of this server
            return self._answer(HTTPStatus.OK, report, "application/octet-stream")
        if name not in FILES:
            return self._refuse(
                HTTPStatus.NOT_FOUND, "not found: open the address that the run printed"
            )
        file, kind = FILES[name]
        self._answer(HTTPStatus.OK, (PAGE_DIR / file).read_bytes(), kind)

    def _refuse_method(self) -> None:
        self.close_connection = True  # its body is not read
        self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "this page is read-only: use GET")

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse_method

    def _stream(self) -> None:
        """Send server-sent events, one per state, until the run ends or the page is closed."""
        self.close_connection = True
        self._head(HTTPStatus.OK, "text/event-stream")
        self.end_headers()
        with closing(self.server.states()) as states, suppress(OSError):  # the page was closed
            for state in states:
                self.wfile.write(b"data: " + state + b"\n\n" if state else b":\n\n")

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self._answer(status, reason.encode() + b"\n", "text/plain")

    def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self._head(status, kind)
        self.send_header("Content-Length", str(len(body)))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _head(self, status: HTTPStatus, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")

    def log_message(self, format: str, *values: Any) -> None:
        """Log nothing: the terminal shows the run's progress."""
