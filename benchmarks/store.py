"""Files of measurements that can be continued: JSON with settings and one row for each play.

The contest's plays, the calibration and the ablations have this format. To continue, a
benchmark reads its file and runs only the plays that are missing from it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from agent.errors import UserError
from agent.files import write_atomically
from arena.evaluation.differences import differences

FORMAT = "world-models-contest/"  # followed by the kind of the measurement
VERSION = 3
Values = Mapping[str, Any]
Measurement = TypeVar("Measurement")


class StoreError(UserError):
    """A file of measurements is missing, damaged, of another kind, or has other settings."""


def load_rows(
    path: Path, kind: str, build: Callable[[Values, list[Values]], Measurement]
) -> Measurement:
    """Read a file of measurements.

    Args:
        path: the JSON file.
        kind: kind of the measurement, such as "contest-scores".
        build: function that makes the measurement from the file's values and its rows.

    Raises:
        StoreError: the file is missing, damaged or of another kind.
    """
    try:
        content = json.loads(path.read_bytes())
        if (content["format"], content["version"]) != (FORMAT + kind, VERSION):
            found = f"{content['format']!r:.60} version {content['version']!r:.20}"
            raise ValueError(f"it is {found}, not {FORMAT + kind!r} version {VERSION}")
        return build(content, content["rows"])
    except FileNotFoundError:
        raise StoreError(f"{path} does not exist: measure first, without --show") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(
            f"{path} is not a file of {kind.replace('-', ' ')}"
            f" ({type(error).__name__}: {error!s:.160}): remove it, or give another --out"
        ) from None


def save_rows(path: Path, kind: str, values: Values, rows: Iterable[Values]) -> None:
    """Write a file of measurements atomically, one line for each row.

    Args:
        path: the JSON file; its folder is created if it does not exist.
        kind: kind of the measurement.
        values: what the rows have in common, JSON values by name; not empty.
        rows: one for each play or run.

    Raises:
        StoreError: the file can't be written; the old file is unchanged.
    """
    head = json.dumps({"format": FORMAT + kind, "version": VERSION, **values}, indent=1)
    lines = ",\n".join(json.dumps(row) for row in rows)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, f'{head[:-2]},\n "rows": [\n{lines}\n]}}\n'.encode())
    except OSError as error:
        raise StoreError(
            f"{path} can't be written ({error.strerror}): free space there, or give another --out"
        ) from None


def check_same(path: Path, measured: Values, now: Values) -> None:
    """Refuse to continue a file that was measured with other settings.

    Raises:
        StoreError: names the settings that differ.
    """
    if different := differences(measured, now):
        raise StoreError(
            f"{path} was measured with other settings ({different}): give the same ones, or"
            " another --out"
        )
