"""The small picture of a level is of that level."""

from __future__ import annotations

from pathlib import Path

import pytest

from game import format as fmt
from game.cartridge import maps
from game.cartridge.rom import RomError
from game.levels.levelset import read_ways
from game.shipped import GAME, INTEGRATIONS

ROM = INTEGRATIONS / GAME / "rom.md"


def test_a_map_has_the_levels_size_its_start_and_its_ground() -> None:
    course = read_ways(INTEGRATIONS / GAME)["MeadowZone.Act3"]
    level_map = maps.draw(ROM, "MeadowZone.Act3")
    assert level_map is not None
    height, width, _ = level_map.picture.shape
    assert width == maps.PIXELS * level_map.width // fmt.CELL
    assert level_map.start_x == course.start[0]
    assert level_map.end_x <= max(point.x for point in course.points) < level_map.width
    # Where the player starts there is sky above and ground below.
    column = level_map.picture[:, level_map.start_x * maps.PIXELS // fmt.CELL].astype(int)
    assert (column[0] == maps.SKY).all()
    assert abs(column[height - 1] - maps.SKY).sum() > 60


def test_every_level_has_one_and_no_two_are_alike() -> None:
    pictures = [maps.webp(found) for name in read_ways(INTEGRATIONS / GAME)
                if (found := maps.draw(ROM, name))]  # fmt: skip
    assert len(pictures) == 48 == len(set(pictures))
    assert max(map(len, pictures)) < 60_000


def test_what_is_no_such_level_or_rom_is_told(tmp_path: Path) -> None:
    assert maps.draw(ROM, "MeadowZone.Act99") is None
    broken = tmp_path / "rom.md"
    broken.write_bytes(ROM.read_bytes()[:-1])
    with pytest.raises(RomError, match="cut"):
        maps.draw(broken, "MeadowZone.Act3")
