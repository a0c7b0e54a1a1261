"""The zones, in the order of `format.ZONES`."""

from __future__ import annotations

from game.art.places import canyon, cavern, foundry, glacier, lagoon, meadow, skyline

ZONES = (
    meadow.zone,
    canyon.zone,
    cavern.zone,
    glacier.zone,
    foundry.zone,
    lagoon.zone,
    skyline.zone,
)
