"""All of the game's pictures, computed: `shared()` and `zones()` are what the packer takes."""

from __future__ import annotations

from game.art import font, player, sprites
from game.art.places import ZONES
from game.art.shared_palette import SHARED
from game.format import SharedArt, ZoneArt


def shared() -> SharedArt:
    """Player, objects and font."""
    return SharedArt(SHARED.palette, player.player(), sprites.sprites(), font.font())


def zones() -> list[ZoneArt]:
    """The seven zones, in the order of `format.ZONES`."""
    return [zone() for zone in ZONES]
