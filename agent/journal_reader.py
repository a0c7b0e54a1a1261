"""Reads journal.jsonl, which `agent.journal` writes: a complete file, or one that still grows.

A killed agent leaves an incomplete last line, and another program may write a file of the same
name, or put something else in its place. Therefore lines without an episode are counted and
skipped, and a file of another kind or size is a problem of the content; neither raises an error.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.evolution.candidates import DRAWN
from agent.guarded_files import open_guarded
from agent.journal import EpisodeEntry

MAX_READ_BYTES = 1 << 20  # read at once from a growing file
MAX_JOURNAL_BYTES = 1 << 25  # 80,000 episodes; a full budget of 1,000,000 has some thousands


@dataclass(frozen=True)
class JournalContent:
    """The content of a journal file.

    Attributes:
        episodes: the episodes in the order played.
        lines: number of lines, including those without an episode.
        broken: number of lines without an episode, including a cut last line.
        cut: whether the last line is not valid JSON.
        problem: why the file was not read, as one line; "" if it was.
    """

    episodes: list[EpisodeEntry]
    lines: int
    broken: int
    cut: bool
    problem: str = ""


def read_journal(path: Path) -> JournalContent | None:
    """Read a whole journal; return None if the file does not exist."""
    episodes, lines, cut = [], 0, False
    try:
        with open_guarded(path, MAX_JOURNAL_BYTES) as file:
            for line in file:
                values = _values(line)
                lines, cut = lines + 1, values is _NOT_JSON
                entry = _entry(values)
                if entry is not None:
                    episodes.append(entry)
    except FileNotFoundError:
        return None
    except OSError as error:
        return JournalContent([], 0, 0, False, str(error))
    return JournalContent(episodes, lines, lines - len(episodes), cut)


class JournalFollower:
    """Reads a journal while the agent writes it."""

    def __init__(self, path: Path) -> None:
        """Remember the path; the file may not exist yet."""
        self._path = path
        self._position = 0

    def read(self) -> list[EpisodeEntry]:
        """Return the episodes added since the last call; an incomplete line waits for the next.

        One call reads at most `MAX_READ_BYTES`, all calls together `MAX_JOURNAL_BYTES`.
        """
        if self._position > MAX_JOURNAL_BYTES:
            return []
        try:
            with open_guarded(self._path) as file:
                file.seek(self._position)
                new = file.read(MAX_READ_BYTES)
        except OSError:
            return []
        whole = new[: new.rfind(b"\n") + 1]
        self._position += len(whole)
        entries = [_entry(_values(line)) for line in whole.splitlines()]
        return [entry for entry in entries if entry is not None]


def lock_in_timesteps(episodes: Iterable[EpisodeEntry]) -> int | None:
    """Return the timesteps used before the first locked-in episode; None if there is none."""
    for entry in episodes:
        if entry.locked:
            return entry.timesteps - entry.length - 1  # the reset is a timestep too
    return None


_NOT_JSON = object()


def _values(line: bytes) -> object:
    if not line.startswith(b"{"):  # without this, millions of empty lines take minutes
        return _NOT_JSON
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _entry(values: object) -> EpisodeEntry | None:
    """Return the episode of a parsed line; None if a value is missing or has another type."""
    if not isinstance(values, dict):
        return None
    counts = [values.get(name) for name in ("episode", "candidate", "length", "timesteps")]
    numbers = [values.get(name) for name in ("episode_return", "steps_per_second")]
    origin, seconds = values.get("origin", DRAWN), values.get("seconds")
    returned_to = values.get("returned_to")
    if not (
        all(map(_is_count, counts))
        and all(map(_is_number, numbers))
        and isinstance(values.get("locked"), bool)
        and isinstance(origin, str)
        and (returned_to is None or _is_number(returned_to))
        and (seconds is None or _are_seconds(seconds))
        and 1 <= values["length"] < values["timesteps"]
    ):
        return None
    return EpisodeEntry(
        episode=values["episode"],
        candidate=values["candidate"],
        episode_return=float(values["episode_return"]),
        length=values["length"],
        timesteps=values["timesteps"],
        locked=values["locked"],
        steps_per_second=float(values["steps_per_second"]),
        origin=origin,
        returned_to=None if returned_to is None else float(returned_to),
        seconds=seconds,
    )


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 1 << 53


def _is_number(value: Any) -> bool:
    """Return whether a value is a number that fits a float; NaN and infinities count as numbers."""
    if type(value) is int:
        return abs(value) < 1 << 63
    return isinstance(value, float)


def _are_seconds(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_number(seconds) and math.isfinite(seconds) for seconds in value.values()
    )
