"""Small levels for the tests of the engine, and the emulator that plays them."""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

import numpy as np

from game.cartridge import integration, rom
from game.format import Cell, Kind, LevelData, Obj, Picture
from game.ram import RAM
from tests.helpers import plain_art

BUTTONS = ("B", "A", "MODE", "START", "UP", "DOWN", "LEFT", "RIGHT", "C", "Y", "X", "Z")
FLOOR = 480  # y of the floor in all levels of this module, in pixels


def flat(columns: int = 200, rows: int = 40) -> Picture:
    """Return cells with a flat floor at FLOOR."""
    cells = np.zeros((rows, columns), np.uint8)
    cells[FLOOR // 16 :] = Cell.SOLID
    return cells


def level(
    cells: Picture | None = None,
    objects: tuple[Obj, ...] = (),
    rings: tuple[tuple[int, int], ...] = (),
    start_x: int = 100,
    **more: int,
) -> LevelData:
    """Return a level in the plain zone, with the end post near the right border."""
    cells = flat() if cells is None else cells
    end_x = cells.shape[1] * 16 - 200
    return LevelData(0, cells, (start_x, FLOOR), end_x, FLOOR, objects, rings, **more)


def _hill(cells: Picture) -> None:
    """Draw a curve up (1:4, 1:2, 1:1), a plateau and a curve down, from column 22."""
    row = FLOOR // 16
    column, height = 22, 0
    for first, width in ((24, 4), (20, 2), (16, 1), (16, 1)):
        cells[row - 1 - height, column : column + width] = range(first, first + width)
        cells[row - height : row, column : column + width] = Cell.SOLID
        height, column = height + 1, column + width
    cells[row - height : row, column : column + 6] = Cell.SOLID
    column += 6
    for first, width in ((17, 1), (17, 1), (22, 2), (28, 4)):
        height -= 1
        cells[row - 1 - height, column : column + width] = range(first, first + width)
        cells[row - height : row, column : column + width] = Cell.SOLID
        column += width


def _half_pipe(cells: Picture, left: int) -> None:
    row = FLOOR // 16
    cells[row : row + 6, left : left + 20] = Cell.EMPTY
    for step in range(6):
        cells[row + step, left : left + step] = Cell.SOLID
        cells[row + step, left + step] = Cell.S45_DOWN
        cells[row + step, left + 19 - step] = Cell.S45_UP
        cells[row + step, left + 20 - step : left + 21] = Cell.SOLID


def showcase() -> LevelData:
    """Return a hand-made level that contains every cell and every object."""
    row = FLOOR // 16
    cells = flat(400, 44)
    _hill(cells)
    for what, rows, columns in (
        (Cell.ONEWAY, row - 5, slice(44, 52)),
        (Cell.SPIKE_UP, row - 1, slice(56, 59)),
        (Cell.EMPTY, slice(row, 44), slice(62, 66)),
        (Cell.BRIDGE, row, slice(62, 66)),
        (Cell.EMPTY, slice(row, 44), slice(69, 73)),
        (Cell.CRUMBLE, row, slice(69, 73)),
        (Cell.ICE, row, slice(76, 84)),
        (Cell.CONVEYOR_R, row, slice(85, 90)),
        (Cell.CONVEYOR_L, row, slice(90, 95)),
        (Cell.BREAKABLE, slice(row - 4, row), 98),
        (Cell.SOLID, slice(row - 12, row - 2), slice(102, 112)),
        (Cell.BACK, slice(row - 1, row), slice(102, 112)),
        (Cell.HALF_CEIL, row - 2, slice(102, 112)),
        (Cell.HAZARD, row, slice(116, 120)),
        (Cell.HALF_FLOOR, row - 1, slice(122, 124)),
        (Cell.SOLID, slice(row - 6, row - 4), slice(125, 128)),
        (Cell.C45_RIGHT, row - 4, 125),
        (Cell.SPIKE_DOWN, row - 4, 126),
        (Cell.C45_LEFT, row - 4, 127),
        (Cell.SPIKE_LEFT, row - 5, 187),
        (Cell.SPIKE_RIGHT, slice(row - 3, row), 200),
    ):
        cells[rows, columns] = what
    _half_pipe(cells, 150)
    objects = (
        Obj(Kind.PATROLLER, 200, FLOOR, 4),
        Obj(Kind.FLYER, 800, 410, 4, 4),
        Obj(Kind.SHOOTER, 1940, FLOOR),
        Obj(Kind.SPRING_RIGHT, 2000, FLOOR),
        Obj(Kind.HOPPER, 2040, FLOOR, 4),
        Obj(Kind.LOOP, 2240, FLOOR),
        Obj(Kind.SPRING_UP, 2816, FLOOR, 1),
        Obj(Kind.PLATFORM_H, 2900, 400, 6),
        Obj(Kind.SPRING_UPRIGHT, 3000, FLOOR),
        Obj(Kind.PLATFORM_V, 3300, 420, 5),
        Obj(Kind.PLATFORM_FALL, 3400, 420),
        Obj(Kind.AIR, 3480, FLOOR),
        Obj(Kind.SPRING_LEFT, 3650, FLOOR),
        Obj(Kind.SPRING_UPLEFT, 3800, FLOOR),
    )
    rings = tuple((120 + 20 * i, 460) for i in range(8))
    return level(cells, objects, rings, start_x=60, water_y=432)


def write_game(folder: Path, levels: Mapping[str, LevelData]) -> Path:
    """Write the ROM and the integration of some levels; return the folder of the game."""
    zone = plain_art.zone(water=True)
    data = rom.pack(list(levels.values()), [zone], plain_art.shared())
    # The name must be unique, because the emulator caches the folders of games by name.
    name = f"Bench{zlib.crc32(data):08x}-Genesis"
    integration.write(folder / name, data, list(levels))
    return folder / name


class Bench:
    """The emulator with the test levels; a process can have only one."""

    def __init__(self, folder: Path) -> None:
        import stable_retro

        self.folder = folder
        stable_retro.data.Integrations.add_custom_path(str(folder.parent))
        self.env = stable_retro.make(
            folder.name,
            state=stable_retro.State.DEFAULT,
            scenario="contest",
            inttype=stable_retro.data.Integrations.ALL,
            use_restricted_actions=stable_retro.Actions.ALL,
            render_mode="rgb_array",
        )
        self.reward, self.done = 0.0, False

    @classmethod
    def of(cls, levels: Mapping[str, LevelData]) -> Bench:
        """Write the levels into a temporary folder and start the emulator with them."""
        return cls(write_game(Path(tempfile.mkdtemp()), levels))

    def begin(self, name: str) -> Bench:
        """Start a level."""
        self.env.load_state(name, self._inttype())
        self.env.reset()
        self.reward, self.done = 0.0, False
        return self

    @staticmethod
    def _inttype() -> object:
        import stable_retro

        return stable_retro.data.Integrations.ALL

    def hold(self, held: str = "", frames: int = 1) -> Bench:
        """Hold buttons, such as "RIGHT B", for some frames; check that no frame is lost."""
        names = held.split()
        action = np.array([b in names for b in BUTTONS], np.uint8)
        emulator, data = self.env.em, self.env.data
        emulator.set_button_mask(action, 0)
        before = self["frame"] if self["ready"] else -1
        for _ in range(frames):
            emulator.step()
            data.update_ram()
            self.reward += float(data.current_reward())
            self.done = self.done or bool(data.is_done())
        assert self["exception"] == 0 and self["lag"] == 0
        if before > 0 and self["ready"] and self["frame"] > before:
            assert self["frame"] == before + frames, "a frame was lost"
        return self

    @property
    def picture(self) -> Picture:
        """Return the current frame, uint8 (224, 320, 3) RGB."""
        return np.asarray(self.env.get_screen(apply_rotation=True))

    def until(self, held: str, condition: Callable[[Bench], bool], limit: int = 600) -> int:
        """Hold buttons until the condition is true; return the number of frames."""
        for frame in range(limit):
            if condition(self):
                return frame
            self.hold(held)
        raise AssertionError(f"the condition is not true within {limit} frames: {self.all()}")

    def poke(self, name: str, value: int) -> None:
        """Write a variable of the RAM block."""
        self.env.data.set_value(name, value)

    def all(self) -> dict[str, int]:
        """Return all variables of the RAM block."""
        return {name: self[name] for name in RAM}

    def __getitem__(self, name: str) -> int:
        return int(self.env.data.lookup_value(name))

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.env.close()
