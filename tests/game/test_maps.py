"""The maps of the shipped levels."""

from __future__ import annotations

from pathlib import Path

import pytest

from game import format as fmt
from game.cartridge import maps
from game.cartridge.rom import CartridgeError
from game.levels.routes import read_routes
from game.shipped import GAME, INTEGRATIONS

ROM = INTEGRATIONS / GAME / "rom.md"


def test_a_map_shows_the_size_the_start_and_the_ground_of_a_level() -> None:
    route = read_routes(INTEGRATIONS / GAME)["MeadowZone.Act3"]
    level_map = maps.draw(ROM, "MeadowZone.Act3")
    assert level_map is not None
    height, width, _ = level_map.picture.shape
    assert width == maps.PIXELS * level_map.width // fmt.CELL
    assert level_map.start_x == route.start[0]
    assert level_map.end_x <= max(point.x for point in route.waypoints) < level_map.width
    # Where the player starts there is sky above and ground below.
    column = level_map.picture[:, level_map.start_x * maps.PIXELS // fmt.CELL].astype(int)
    assert (column[0] == maps.SKY).all()
    assert abs(column[height - 1] - maps.SKY).sum() > 60


def test_every_level_has_a_map_and_no_two_are_equal() -> None:
    pictures = [maps.webp(found) for name in read_routes(INTEGRATIONS / GAME)
                if (found := maps.draw(ROM, name))]  # fmt: skip
    assert len(pictures) == 48 == len(set(pictures))
    assert max(map(len, pictures)) < 60_000


def test_an_unknown_level_has_no_map_and_a_broken_rom_is_an_error(tmp_path: Path) -> None:
    assert maps.draw(ROM, "MeadowZone.Act99") is None
    broken = tmp_path / "rom.md"
    broken.write_bytes(ROM.read_bytes()[:-1])
    with pytest.raises(CartridgeError, match="truncated"):
        maps.draw(broken, "MeadowZone.Act3")
