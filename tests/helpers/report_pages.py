"""Reads a written report page: its text, and the data of its plots."""

from __future__ import annotations

import html
import json
import re


def text_of(page: str) -> str:
    """Return the visible text of a page."""
    body = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body)))


def figures_of(page: str) -> dict:  # type: ignore[type-arg]
    """Return the data of a page's plots."""
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page)
    assert found
    return json.loads(found[1])
