"""The contest's rules of a step and of an episode; nothing here needs the emulator."""

from __future__ import annotations

FRAME_SKIP = 4
STICKINESS = 0.25
MAX_STEPS = 4500  # 18,000 frames at 60 Hz: five minutes
