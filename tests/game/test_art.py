"""The art is complete and within the limits of the video chip."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from game import art
from game import format as fmt
from game.art import drawing, scene, tiles
from game.art.autotile import autotile
from game.art.zone_parts import background
from game.art.zones import meadow
from game.format import Cell
from tests.helpers import plain_art


@pytest.fixture(scope="module")
def shared() -> fmt.SharedArt:
    return art.draw_shared()


@pytest.fixture(scope="module")
def zones() -> list[fmt.ZoneArt]:
    return art.draw_zones()


def one_line_per_tile(picture: np.ndarray) -> bool:
    """Return whether each 8x8 tile has only one palette line."""
    height, width = picture.shape
    for y in range(0, height, 8):
        for x in range(0, width, 8):
            tile = picture[y : y + 8, x : x + 8]
            if len(np.unique(tile[tile % 16 > 0] // 16)) > 1:
                return False
    return True


def three_bits(palette: np.ndarray) -> bool:
    """Return whether every channel has one of the chip's eight values."""
    steps = np.rint(np.arange(8) * 255 / 7).astype(np.uint8)
    return bool(np.isin(palette, steps).all())


def test_zones_are_in_order(zones: list[fmt.ZoneArt]) -> None:
    assert tuple(zone.name for zone in zones) == fmt.ZONES


def test_every_cell_has_a_picture_with_one_palette_line_per_tile(zones: list[fmt.ZoneArt]) -> None:
    wanted = set(range(1, 58)) - {int(cell) for cell in fmt.INVISIBLE}
    for zone in zones:
        assert wanted <= set(zone.cells), zone.name
        for number, picture in scene.pictures(zone).items():
            where = f"{zone.name} {number}"
            assert picture.shape == (16, 16) and picture.dtype == np.uint8, where
            assert picture.max() < 64 and (picture % 16).any(), where
            assert one_line_per_tile(picture), where


def test_solid_cells_have_no_holes_and_slopes_follow_their_heights(
    zones: list[fmt.ZoneArt],
) -> None:
    rows = np.arange(16)[:, None]
    for zone in zones:
        for number in (1, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 18, 19, 40, 41):
            assert (zone.cells[number] % 16).all(), (zone.name, number)
        rising = 16 - (np.arange(16) + 1)[None, :]
        assert np.array_equal(zone.cells[fmt.Cell.S45_UP] > 0, rows >= rising)
        gentle = 16 - (9 + np.arange(16) // 4)[None, :]
        assert np.array_equal(zone.cells[fmt.Cell.S14_UP2] > 0, rows >= gentle)


def test_the_zones_keep_the_limits_of_tiles(zones: list[fmt.ZoneArt]) -> None:
    for zone in zones:
        found = tiles.TileSet(fmt.MAX_FOREGROUND_TILES, 1, zone.name)
        for number, picture in scene.pictures(zone).items():
            found.cell(picture, f"cell {number}")
        behind = tiles.TileSet(fmt.MAX_BACKGROUND_TILES, 640, zone.name)
        behind.plane(zone.background)
        assert len(behind.tiles) == background.count_tiles(zone.background)


def test_backgrounds_loops_and_bands(zones: list[fmt.ZoneArt]) -> None:
    for zone in zones:
        assert zone.background.shape == (256, 512)
        assert set(np.unique(zone.background // 16)) <= {0, 2}
        assert zone.loop.shape == (144, 160)
        y, x = np.mgrid[:144, :160] + 0.5
        assert not zone.loop[np.hypot(x - 80, y - 80) < fmt.LOOP_RADIUS].any()
        first_rows = [row for row, _, _ in zone.bands]
        assert first_rows == sorted(first_rows) and first_rows[0] == 0 and len(zone.bands) <= 8
        for line, first, count, frames in zone.cycles:
            assert 0 < line < 4 and first > 0 and first + count <= 16 and frames > 0


def test_sprites_have_their_shapes(zones: list[fmt.ZoneArt], shared: fmt.SharedArt) -> None:
    for zone in zones:
        tiles.plain_tiles(zone.sprites, fmt.ZONE_SPRITES, zone.name)
        for frames in zone.sprites.values():
            assert all(p.any() and not (p[p > 0] % 16 == 0).any() for p in frames)
            assert all(np.isin(p // 16, (0, 3)).all() for p in frames)
    tiles.plain_tiles(shared.sprites, fmt.SHARED_SPRITES, "shared")
    assert all(p.max() < 16 for frames in shared.sprites.values() for p in frames)


def test_walkers_stand_on_the_bottom_row(zones: list[fmt.ZoneArt]) -> None:
    for zone in zones:
        for name in ("patroller", "shooter"):
            for frame in zone.sprites[name]:
                assert frame[-2:].any(), (zone.name, name)


def test_player_is_complete_and_stands_on_row_34(shared: fmt.SharedArt) -> None:
    sizes = {name: (count, 40, 40) for name, count in fmt.PLAYER_FRAMES.items()}
    tiles.plain_tiles(shared.player, sizes, "player")
    for frame in (*shared.player["stand"], *shared.player["crouch"], *shared.player["skid"]):
        assert 33 <= np.flatnonzero(frame.any(axis=1)).max() <= 36
    for frame in shared.player["roll"]:
        rows = np.flatnonzero(frame.any(axis=1))
        assert rows.min() >= 8 and rows.max() <= 31
    assert not np.array_equal(shared.player["roll"][0], shared.player["roll"][1])


def test_font_has_every_character(shared: fmt.SharedArt) -> None:
    assert set(fmt.FONT) <= set(shared.font)
    pictures = {shared.font[c].tobytes() for c in fmt.FONT if c not in "0O"}
    assert len(pictures) == len(fmt.FONT) - 2


def test_palettes_have_three_bits_per_channel(
    zones: list[fmt.ZoneArt], shared: fmt.SharedArt
) -> None:
    assert shared.palette.shape == (16, 3) and three_bits(shared.palette)
    for zone in zones:
        assert zone.palettes.shape == (3, 16, 3) and three_bits(zone.palettes), zone.name
        assert zone.water_palettes is not None
        assert zone.water_palettes.shape == (4, 16, 3) and three_bits(zone.water_palettes)


def test_another_process_draws_the_same(zones: list[fmt.ZoneArt], shared: fmt.SharedArt) -> None:
    code = (
        "import hashlib; from game import art; from game.art.zones import skyline\n"
        "h = hashlib.sha256(skyline.zone().background)\n"
        "[h.update(p) for f in art.draw_shared().player.values() for p in f]\n"
        "print(h.hexdigest())"
    )
    environment = {"PYTHONHASHSEED": "1", "PYTHONPATH": str(Path(art.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=environment,
    )
    here = hashlib.sha256(zones[6].background)
    for frames in shared.player.values():
        for picture in frames:
            here.update(picture)
    assert done.stdout.strip() == here.hexdigest()


def test_fit_tiles_keeps_its_limit_and_changes_no_picture_below_it() -> None:
    rng = np.random.default_rng(3)
    picture = rng.integers(33, 48, (64, 64)).astype(np.uint8)
    palette = meadow.TWO.palette
    assert np.array_equal(background.fit_tiles(picture, palette, 64), picture)
    fitted = background.fit_tiles(picture, palette, 20)
    assert background.count_tiles(fitted) <= 20


def test_a_turned_canvas_turns_counter_clockwise() -> None:
    canvas = drawing.PixelCanvas(40, 40, turn=90)
    canvas.spot(35, 20, 2, 1)
    rows, columns = np.nonzero(canvas.pixels)
    assert abs(columns.mean() - 19.5) < 1 and abs(rows.mean() - 4.5) < 1


def test_the_surface_layer_is_as_deep_on_slopes_as_on_flat_ground(
    zones: list[fmt.ZoneArt],
) -> None:
    low = [cell for cell in fmt.UNDER_SLOPE if cell not in (Cell.S45_UP, Cell.S45_DOWN)]
    assert len(low) == 13
    for zone in zones:
        flat, body = zone.cells[Cell.SOLID], np.unique(zone.cells[Cell.FILL_A])
        for slope in low:
            both = np.concatenate([zone.cells[slope], zone.cells[fmt.UNDER_SLOPE[slope]]])
            for column in range(16):
                depth = int(np.isin(flat[:, column], body).argmax())
                top = int((both[:, column] > 0).argmax())
                where = (zone.name, slope, column)
                assert depth >= 3, where
                layer = both[top : top + depth, column]
                assert np.array_equal(layer, flat[:depth, column]), where


@pytest.mark.parametrize(("slope", "under"), fmt.UNDER_SLOPE.items())
def test_autotile_continues_the_surface_layer_below_a_slope(slope: int, under: int) -> None:
    level = scene.level(0)
    level.cells[:] = Cell.EMPTY
    level.cells[12:], level.cells[11, 20] = Cell.SOLID, slope
    assert autotile(level, plain_art.zone())[12, 20] == under


def test_a_scene_shows_foreground_that_stands_out(
    zones: list[fmt.ZoneArt], shared: fmt.SharedArt
) -> None:
    for index, zone in enumerate(zones):
        picture = scene.scene(zone, index, shared)
        assert picture.shape == (256, 768, 3)
        table = np.concatenate([shared.palette[None], zone.palettes]).reshape(64, 3).astype(float)
        body = table[zone.cells[1]].mean((0, 1))
        behind = table[zone.background[120:190]].mean((0, 1))
        assert np.abs(body - behind).sum() > 60, zone.name
