"""What the agent tells of its play: a JSON line an episode to a file, `key=value` lines to stderr.

The file is for later tools (resume, report, tuning the lock-in); stderr is all that a contest
shows of a container. Neither may ever stop the play: a disk that fills up ends the file only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from agent.candidates import DRAWN
from agent.play.episode import Switch

FILE_NAME = "journal.jsonl"


@dataclass(frozen=True)
class EpisodeEntry:
    """One finished episode, in the order played. These are the keys of a journal line.

    `origin`, `switches` and `returned_to` stand in a line only where they say something.
    """

    episode: int  # from 0
    candidate: int  # index of the controller that played, as drawn, from 0
    episode_return: float  # sum of the rewards
    length: int  # agent steps, without the reset
    timesteps: int  # of the budget used so far, resets included
    locked: bool  # the candidate was locked in when the episode began
    steps_per_second: float
    origin: str = (
        DRAWN  # of the candidate: "drawn", or "mean" or "hall_of_fame" of the packed model
    )
    switches: tuple[Switch, ...] = ()  # who took over in mid-episode, after which step
    returned_to: float | None = None  # points that the memory of the level played alone
    # seconds by part: vision, memory, controller, waiting (see agent.play.timing)
    seconds: Mapping[str, float] | None = None

    def values(self) -> dict[str, Any]:
        """The entry as JSON values."""
        values = asdict(self)
        if self.origin == DRAWN:
            del values["origin"]
        if not self.switches:
            del values["switches"]
        if self.returned_to is None:
            del values["returned_to"]
        return values


class Journal:
    """Writes entries as they happen, each flushed at once."""

    def __init__(self, folder: Path) -> None:
        """Open FOLDER/journal.jsonl for appending; where that can't be, say so and go on."""
        self._file: TextIO | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / FILE_NAME).open("a", encoding="utf-8")
        except OSError as error:
            self.event("no_journal", reason=error.strerror, folder=folder)

    def episode(self, entry: EpisodeEntry) -> None:
        """Record a finished episode."""
        values = entry.values()
        # stderr is for people: counts, and no tables
        switches = {"switches": len(entry.switches)} if entry.switches else {}
        told = {name: value for name, value in values.items() if name != "seconds"}
        self.event("episode", **(told | switches))
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
        """Write one `key=value` line to stderr; a text with blanks is quoted."""
        words = [f"event={name}", *(f"{key}={_word(value)}" for key, value in values.items())]
        print(" ".join(words), file=sys.stderr, flush=True)


def _word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return json.dumps(text) if any(character.isspace() for character in text) else text
