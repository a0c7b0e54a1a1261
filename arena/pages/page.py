"""Fills in an HTML template; Jinja escapes all values, and the page contains all that it needs.

The page's content security policy (see layout.html) forbids every request. A report therefore
works offline, and text from another agent's files can't load anything.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import plotly
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from agent.command_line.terminal import printable
from arena.evaluation.score import Interval
from arena.pages.traces import Figure

HERE = Path(__file__).parent / "templates"
NOTHING = "–"


def render(template: str, figures: Mapping[str, Figure], **values: Any) -> bytes:
    """Fill in a template.

    Args:
        template: name of a file in templates/.
        figures: plots by the id of their element.
        values: the template's variables.
    """
    page = _environment().get_template(template)
    text = page.render(
        style=_file("report.css"),
        script=_file("report.js"),
        plotly=_plotly() if figures else "",  # five megabytes
        figures=json_for_script(figures),
        written=datetime.now(UTC).isoformat(timespec="minutes").replace("+00:00", " UTC"),
        **values,
    )
    # No control characters, and no bytes of a path that is not UTF-8: neither is valid HTML.
    return printable(text).encode(errors="replace")


def json_for_script(content: Any) -> Markup:
    """Encode JSON for a script element: no text in it can end the element.

    Raises:
        ValueError: a number is NaN or infinite.
    """
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028"))


def number(value: float | None) -> str:
    """Format a score."""
    return NOTHING if value is None else f"{value:z,.1f}"  # z: not -0.0


def count(value: float | None) -> str:
    """Format a whole number."""
    return NOTHING if value is None else f"{value:z,.0f}"


def pair(interval: Interval | None) -> str:
    """Format an interval."""
    return NOTHING if interval is None else f"{number(interval[0])} to {number(interval[1])}"


def signed(value: float | None) -> str:
    """Format a difference with its sign."""
    return NOTHING if value is None else f"{value:+z,.1f}".replace("-", "−")


def signed_pair(interval: Interval | None) -> str:
    """Format the interval of a difference."""
    return NOTHING if interval is None else f"{signed(interval[0])} to {signed(interval[1])}"


def percent(share: float) -> str:
    """Format a share in percent; a small share that is not 0 is not shown as 0%."""
    return f"{100 * share:.1f}%" if 0 < share < 0.01 else f"{100 * share:.0f}%"


def plural(amount: int, word: str) -> str:
    """Format an amount with its noun: `1 level`, `2 levels`."""
    return f"{amount:,} {word}{'' if amount == 1 else 's'}"


def options(text: str) -> Markup:
    """Escape a text, and keep each command line option in it on one line."""
    whole = r'<span class="option">\g<0></span>'
    return Markup(re.sub(r"--[a-z][a-z-]*", whole, str(escape(text))))


def breakable(name: str) -> Markup:
    """Escape a name that may be broken after each underscore, as in a narrow column."""
    return Markup(str(escape(name)).replace("_", "_<wbr>"))


def duration(seconds: float | None) -> str:
    """Format a duration."""
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
    shown = (
        number,
        count,
        pair,
        signed,
        signed_pair,
        percent,
        plural,
        options,
        breakable,
        duration,
    )
    environment.filters |= {function.__name__: function for function in shown}
    return environment


def _file(name: str) -> Markup:
    """A file of this package, inserted without escaping."""
    return Markup((HERE / name).read_text(encoding="utf-8"))


def _plotly() -> Markup:
    script = importlib.resources.files(plotly) / "package_data" / "plotly.min.js"
    return Markup(script.read_text(encoding="utf-8"))
