"""Palette line 0: the colours of the player, the rings, the springs, the spikes and the HUD."""

from __future__ import annotations

from game.art.drawing import Line

SHARED = Line(
    0,
    ink="101", white="777", plates="310 520 741", scarf="055",
    skin="643 775", scarf_dark="034", gold="760 775", red="700 401", steel="556 224",
)  # fmt: skip
INK, WHITE = int(SHARED["ink"][0]), int(SHARED["white"][0])
RUST, COPPER, ORANGE = (int(c) for c in SHARED["plates"])
TEAL, TEAL_DARK = int(SHARED["scarf"][0]), int(SHARED["scarf_dark"][0])
SKIN_DARK, SKIN = (int(c) for c in SHARED["skin"])
GOLD, PALE = (int(c) for c in SHARED["gold"])
RED, MAROON = (int(c) for c in SHARED["red"])
STEEL, IRON = (int(c) for c in SHARED["steel"])
