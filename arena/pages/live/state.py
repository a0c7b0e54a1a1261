"""What the live view tells of a level: numbers from its files, pictures from its window.

Everything here is computed when somebody looks, in the process that watches: the level's server
and agent know nothing of it but the window.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agent import journal
from agent.buttons import GENESIS_BUTTONS, from_genesis
from agent.errors import ModelError
from arena.evaluation.level_run import LevelRun
from arena.evaluation.score import level_score
from arena.replay.imagination import Imagination
from arena.server.frame_ring import FrameRingReader, Step

# M starts from nothing so many steps before the picture, as it does in play after each sequence:
# a quarter of a second, in which it sees where things move.
WARM_UP_STEPS = 4
SHOWN_RETURNS = 80
JPEG_QUALITY = 85
JOURNAL_BYTES = 1 << 20  # read at once; an agent's journal may be anything


class Spectator:
    """Looks at one level."""

    def __init__(self, run: LevelRun, imagination: Imagination | None) -> None:
        """Choose the level.

        Args:
            run: the level's run.
            imagination: of the agent's model; None: there is nothing to show beside the frame.
        """
        self.run = run
        self._imagination = imagination
        self._journal = JournalTail(run.folder / "out" / journal.FILE_NAME)
        self._ring: FrameRingReader | None = None
        self._last: dict[str, Any] | None = None

    def look(self) -> dict[str, Any]:
        """The level's state as JSON values; the page's script names what each means.

        Asks the level's server to show its next steps: they are what the next look finds.
        """
        run = self.run
        now = self._now()
        self._journal.read()
        seconds = time.monotonic() - run.started if run.started else 0.0
        timesteps = run.limits.budget_steps if run.state == "done" else run.timesteps
        if now is not None:
            timesteps = now["timesteps"]
        return {
            "name": run.level.name,
            "game": run.level.game,
            "game_state": run.level.state,
            "state": run.state,
            "timesteps": timesteps,
            "budget_steps": run.limits.budget_steps,
            "steps_per_second": finite(timesteps / seconds) if now and seconds else None,
            "score": finite(level_score(run.returns)),
            "best": finite(max(run.returns, default=None)),
            "episodes": len(run.returns),
            "returns": [finite(value) for value in run.returns[-SHOWN_RETURNS:]],
            "candidates": self._journal.candidates,
            "locked_in_at": self._journal.locked_in_at,
            "now": now,
        }

    def close(self) -> None:
        """Look no more."""
        if self._ring is not None:
            self._ring.close()
            self._ring = None

    def _now(self) -> dict[str, Any] | None:
        if self.run.state != "playing" or self.run.frame_ring is None:
            self.close()
            return None
        if self._ring is None:
            self._ring = FrameRingReader(self.run.frame_ring)
        self._ring.request(WARM_UP_STEPS + 1)
        if self._last is not None and self._last["sequence"] == self._ring.newest():
            return self._last
        steps = self._ring.read(WARM_UP_STEPS + 1 if self._imagination else 1)
        self._last = self._pictures(steps) if steps else None
        return self._last

    def _pictures(self, steps: Sequence[Step]) -> dict[str, Any]:
        now, seen, expected = steps[-1], None, None
        if self._imagination is not None:
            # A model whose values are not finite: its agent says so itself, and ends.
            with contextlib.suppress(ModelError):
                seen, expected = imagine(self._imagination, steps)
        return {
            "sequence": now.sequence,
            "timesteps": now.timesteps,
            "episode": now.episode,
            "episode_return": finite(now.episode_return),
            "buttons": pressed(now.buttons),
            "frame": encode_jpeg(now.frame),
            "seen": None if seen is None else encode_jpeg(seen),
            "expected": None if expected is None else encode_jpeg(expected),
        }


def imagine(
    imagination: Imagination, steps: Sequence[Step]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """V's reconstruction of the last step, and what M expected after those before; None: no idea.

    Args:
        imagination: forgets what it knew.
        steps: consecutive steps of one episode, at least one.
    """
    imagination.reset()
    expected = None
    for before, after in itertools.pairwise(steps):
        assert after.buttons is not None, "a reset in mid-episode"
        action = from_genesis(after.buttons)
        if after is steps[-1]:
            imagination.observe(before.frame)
            expected = imagination.expect(action)
        else:
            imagination.follow(before.frame, action)
    return imagination.see(steps[-1].frame), expected


class JournalTail:
    """Reads an agent's journal as it grows.

    Attributes:
        candidates: how many different ones have finished an episode; None: nothing is known.
        locked_in_at: timesteps used when the first locked-in episode began; None: none did.
    """

    def __init__(self, path: Path) -> None:
        self.candidates: int | None = None
        self.locked_in_at: int | None = None
        self._path = path
        self._seen: set[int] = set()
        self._place = 0

    def read(self) -> None:
        """Take in what is new. Lines of another form, and a last one without end, are left out."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._place)
                new = file.read(JOURNAL_BYTES)
        except OSError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        self._place += len(whole)
        for line in whole.splitlines():
            try:
                entry = json.loads(line)
                candidate, locked = int(entry["candidate"]), bool(entry["locked"])
                began = int(entry["timesteps"]) - int(entry["length"]) - 1
            except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
                continue
            self._seen.add(candidate)
            self.candidates = len(self._seen)
            if locked and self.locked_in_at is None:
                self.locked_in_at = began


def encode_jpeg(frame: NDArray[np.uint8]) -> str:
    """A picture, uint8 (height, width, 3) RGB, as JPEG in base64."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), quality)
    return base64.b64encode(data.tobytes()).decode("ascii")


def pressed(buttons: NDArray[np.uint8] | None) -> list[str]:
    """The names of the pressed buttons."""
    if buttons is None:
        return []
    return [name for name, down in zip(GENESIS_BUTTONS, buttons, strict=False) if down]


def finite(value: float | None) -> float | None:
    """A number that JSON has; None in place of NaN and infinities."""
    return value if value is not None and math.isfinite(value) else None
