"""Says in one line which settings of a command differ from those of its run folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

MAX_SHOWN = 5  # settings in a line, and values of a setting


def differences(there: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name the settings that differ, as `budget_steps: 3000 -> 5000; seed: 1 -> 2`.

    Args:
        there: JSON values of the settings of a run folder; dicts may be nested.
        now: the settings of the command.

    Returns:
        One line; empty if all are equal. Of a list, such as the levels, only the values that were
        removed or added are shown.
    """
    there, now = _flat(there), _flat(now)
    common = [name for name in there if name in now and there[name] != now[name]]
    # An agent of another kind has other settings too; it is enough to show the two kinds.
    different = common or sorted(there.keys() ^ now.keys())
    shown = []
    for name in different[:MAX_SHOWN]:
        before, after = there.get(name), now.get(name)
        if isinstance(before, list) and isinstance(after, list):
            removed = [value for value in before if value not in after]
            added = [value for value in after if value not in before]
            # Without a removed or added value, the order differs.
            before, after = (removed, added) if removed or added else (before, after)
        shown.append(f"{name}: {_text(before)} -> {_text(after)}")
    return "; ".join(shown + _and_more(different))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _text(value: Any) -> str:
    """Format a setting as people write it: a level as GAME:STATE, a list with commas."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join([*map(_text, value[:MAX_SHOWN]), *_and_more(value)])
    if isinstance(value, dict) and {"game", "state"} <= value.keys():
        return f"{value['game']}:{value['state']}"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 100 else f"{text[:97]}..."


def _and_more(values: Sequence[Any]) -> list[str]:
    return [f"and {len(values) - MAX_SHOWN} more"] if len(values) > MAX_SHOWN else []
