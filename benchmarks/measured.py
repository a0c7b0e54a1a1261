"""Reads, writes and shows a benchmark's result: its JSON file, and its table in the documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from agent.errors import UserError
from agent.files import write_atomically
from benchmarks.measured_tables import update_documents


def read_measured(path: Path) -> dict[str, Any]:
    """Return the stored result; an empty result if there is no file.

    Raises:
        UserError: the file can't be read.
    """
    try:
        return dict(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path} can't be read ({error!r:.80}): give another --out") from None


def write_measured(path: Path, result: Mapping[str, Any]) -> None:
    """Write a result as JSON; its folder is created if it does not exist.

    Raises:
        UserError: it can't be written; the old file is unchanged.
        ValueError: a number is infinite or NaN.
    """
    text = json.dumps(result, indent=2, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    except OSError as error:
        raise UserError(f"{path} can't be written ({error.strerror}): give another --out") from None


def show_measured(path: Path, name: str, table: Callable[[dict[str, Any]], str]) -> None:
    """Print a result as Markdown, and write it into the documents.

    Args:
        path: the JSON file.
        name: name of the table in the documents.
        table: function that formats the result as Markdown.

    Raises:
        UserError: nothing was measured yet, or another program wrote the file.
    """
    if not (result := read_measured(path)):
        raise UserError(f"{path} is missing: measure first, without --show")
    try:
        made = table(result)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is not a file of this benchmark ({error!r:.80})") from None
    print(made)
    update_documents({name: made})
