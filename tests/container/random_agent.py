"""A contest agent of the standard library alone: random buttons over the raw socket.

It stands for all the images that others built for the contest, so it shares no code with ours.
"""

import contextlib
import json
import random
import socket
import time
from collections.abc import Iterator

END = b"\f"


def connect() -> socket.socket:
    while True:
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect("tmp/sock/sock")
            return server
        except OSError:
            server.close()
            time.sleep(0.1)


def messages(server: socket.socket) -> Iterator[dict]:
    data = b""
    while chunk := server.recv(65536):
        *whole, data = (data + chunk).split(END)
        yield from map(json.loads, whole)


def main() -> None:
    server = connect()
    for message in messages(server):
        if message["type"] == "close":
            print("closed:", message["content"])
            return
        if message["type"] == "exception":
            continue  # an update follows it
        if message["type"] == "description" or message["content"].get("done"):
            content = {"reset": True}
        else:
            content = {"ac": random.getrandbits(12)}
        with contextlib.suppress(BrokenPipeError):  # the budget has ended: `close` is on its way
            server.sendall(json.dumps({"type": "update", "content": content}).encode() + END)


if __name__ == "__main__":
    main()
