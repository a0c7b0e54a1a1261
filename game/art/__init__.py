"""All pictures of the game, computed: `draw_shared` and `draw_zones` draw what a ROM holds."""

from __future__ import annotations

from game.art.shared import font, objects, player
from game.art.shared.palette import SHARED
from game.art.zones import ZONES
from game.format import SharedArt, ZoneArt


def draw_shared() -> SharedArt:
    """Draw the player, the objects and the font."""
    return SharedArt(SHARED.palette, player.player(), objects.sprites(), font.font())


def draw_zones() -> list[ZoneArt]:
    """Draw the seven zones, in the order of `format.ZONES`."""
    return [zone() for zone in ZONES]
