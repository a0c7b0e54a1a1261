"""Reports finished episodes: JSON lines in a file, and `key=value` lines on stderr.

The report and the tuner read the file; the contest shows only the container's stderr. An error
while writing, such as a full disk, ends the file but not the play.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from agent.evolution.candidates import DRAWN

FILE_NAME = "journal.jsonl"


@dataclass(frozen=True)
class EpisodeEntry:
    """A finished episode. The fields are the keys of a line in the journal.

    A line contains `origin` only if it is not "drawn", and `returned_to` only if it is not None.

    Attributes:
        episode: number of the episode, from 0.
        candidate: index of the controller that played, in the order of drawing, from 0.
        episode_return: sum of the rewards.
        length: agent steps, without the reset.
        timesteps: timesteps of the budget used so far, resets included.
        locked: whether the candidate was locked in when the episode began.
        steps_per_second: agent steps per wall-clock second.
        origin: "drawn", or "mean" or "hall_of_fame" of the packed model.
        returned_to: points reached by following the explorer's recorded trajectories only.
        seconds: wall-clock seconds by part (see `agent.play.timing`).
    """

    episode: int
    candidate: int
    episode_return: float
    length: int
    timesteps: int
    locked: bool
    steps_per_second: float
    origin: str = DRAWN
    returned_to: float | None = None
    seconds: Mapping[str, float] | None = None

    def values(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        values = asdict(self)
        if self.origin == DRAWN:
            del values["origin"]
        if self.returned_to is None:
            del values["returned_to"]
        return values


class Journal:
    """Writes entries as they happen and flushes each at once."""

    def __init__(self, folder: Path) -> None:
        """Open FOLDER/journal.jsonl for appending; if that fails, report it and write no file."""
        self._file: TextIO | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / FILE_NAME).open("a", encoding="utf-8")
        except OSError as error:
            self.event("no_journal", reason=error.strerror, folder=folder)

    def episode(self, entry: EpisodeEntry) -> None:
        """Record a finished episode."""
        values = entry.values()
        self.event("episode", **{key: value for key, value in values.items() if key != "seconds"})
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(values) + "\n")
            self._file.flush()
        except OSError as error:
            self._file = None
            self.event("journal_ends", reason=error.strerror)

    @staticmethod
    def event(name: str, **values: object) -> None:
        """Write one `key=value` line to stderr; a value that contains white space is quoted."""
        words = [f"event={name}", *(f"{key}={_word(value)}" for key, value in values.items())]
        print(" ".join(words), file=sys.stderr, flush=True)


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return json.dumps(text) if any(character.isspace() for character in text) else text
