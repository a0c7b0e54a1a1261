"""A page out of a template: escaped by Jinja, with everything it needs inside.

The page's own policy (see layout.html) forbids the browser any request, so that a report opened
from disk is all there is to it, and what a file of a foreign agent says can load nothing.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import plotly
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from arena.evaluation.score import Interval
from arena.pages.figures import Figure

HERE = Path(__file__).parent / "templates"
NOTHING = "–"


def render(template: str, figures: Mapping[str, Figure], **values: Any) -> bytes:
    """Fill in a template.

    Args:
        template: file name beside this module.
        figures: the page's plots by the id of their place in it.
        values: what the template asks for.
    """
    page = _environment().get_template(template)
    text = page.render(
        style=_file("report.css"),
        script=_file("report.js"),
        plotly=_plotly(),
        figures=json_for_script(figures),
        written=datetime.now(UTC).isoformat(timespec="minutes").replace("+00:00", " UTC"),
        **values,
    )
    return text.encode()


def json_for_script(content: Any) -> Markup:
    """JSON that may stand in a script element: no text in it can end the element.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028"))


def number(value: float | None) -> str:
    """A score for people."""
    return NOTHING if value is None else f"{value:,.1f}"


def count(value: float | None) -> str:
    """A whole number for people."""
    return NOTHING if value is None else f"{value:,.0f}"


def pair(interval: Interval | None) -> str:
    """An interval for people."""
    return NOTHING if interval is None else f"{number(interval[0])} to {number(interval[1])}"


def signed(value: float | None) -> str:
    """A difference for people."""
    return NOTHING if value is None else f"{value:+,.1f}".replace("-", "−")


def signed_pair(interval: Interval | None) -> str:
    """The interval of a difference for people."""
    return NOTHING if interval is None else f"{signed(interval[0])} to {signed(interval[1])}"


def percent(share: float) -> str:
    """A share for people; what is not nothing is not called 0."""
    return f"{100 * share:.1f}%" if 0 < share < 0.01 else f"{100 * share:.0f}%"


def plural(amount: int, word: str) -> str:
    """`1 level`, `2 levels`."""
    return f"{amount:,} {word}{'' if amount == 1 else 's'}"


def duration(seconds: float | None) -> str:
    """A time span for people."""
    if seconds is None:
        return NOTHING
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = (number, count, pair, signed, signed_pair, percent, plural, duration)
    environment.filters |= {function.__name__: function for function in shown}
    return environment


def _file(name: str) -> Markup:
    """A file of our own, which goes into the page as it is."""
    return Markup((HERE / name).read_text(encoding="utf-8"))


def _plotly() -> Markup:
    script = importlib.resources.files(plotly) / "package_data" / "plotly.min.js"
    return Markup(script.read_text(encoding="utf-8"))
