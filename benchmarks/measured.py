"""What a benchmark measured: its JSON in results/, and its table in the README."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.files import write_atomically
from benchmarks.readme_tables import README, renew


def read_measured(path: Path) -> dict[str, Any]:
    """What earlier calls measured; nothing where there is no file.

    Raises:
        UserError: it can't be read.
    """
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} can't be read ({error!r:.80}): give another --out") from None


def write_measured(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result as JSON, making its folder if need be.

    Raises:
        UserError: it can't be written; what was there is untouched.
        ValueError: a figure is infinite or no number.
    """
    text = json.dumps(result, indent=2, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise UserError(f"{path} can't be written ({error.strerror}): give another --out") from None


def show_measured(path: Path, name: str, table: Callable[[dict[str, Any]], str]) -> None:
    """Print what was measured as Markdown, and bring the README up to date.

    Args:
        path: the JSON.
        name: of the table in the README.
        table: makes it of the result.

    Raises:
        UserError: nothing was measured yet, or the file is none of this benchmark.
    """
    if not (result := read_measured(path)):
        raise UserError(f"{path} is missing: measure first")
    try:
        made = table(result)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is no file of this benchmark ({error!r:.80})") from None
    print(made)
    renew(README, {name: made})
