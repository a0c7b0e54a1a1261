"""The zones, one module each; ZONES has the functions that draw them, as in `format.ZONES`."""

from __future__ import annotations

from game.art.zones import canyon, cavern, foundry, glacier, lagoon, meadow, skyline

ZONES = (
    meadow.zone,
    canyon.zone,
    cavern.zone,
    glacier.zone,
    foundry.zone,
    lagoon.zone,
    skyline.zone,
)
