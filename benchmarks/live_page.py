"""The address of a run's live view, read from the output of `local_eval.py run --watch`."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/[\w-]+/")


def find_address(line: str) -> str | None:
    """Return the live view's address in a line of output; None if the line has no address."""
    found = _ADDRESS.search(line)
    return found[0] if found else None
