"""The native engine plays as the emulator does, frame by frame."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from game.cartridge.rom import CartridgeError
from game.native.engine import BLOCK, NativeEngine, NativeEngineError, level_in, ram_of
from game.planning.console import DOWN, LEFT, RIGHT, B
from game.planning.emulator import Emulator
from game.ram import RAM, current_ram

INTEGRATIONS = Path(__file__).parents[3] / "game" / "integrations"
GAME = "PangolinDash-Genesis"
ROM = INTEGRATIONS / GAME / "rom.md"
# Running, jumping, rolling, charging and going back; RIGHT more often, to get somewhere.
ACTIONS = (
    0,
    RIGHT,
    RIGHT,
    RIGHT,
    RIGHT | B,
    RIGHT | B,
    RIGHT | B,
    DOWN,
    DOWN | B,
    RIGHT | DOWN,
    LEFT,
)
# Not part of the rules: the console's own time, and what only an emulated processor has.
OTHER = (
    "lag",
    "load",
    "build_id",
    "magic",
    "exception",
    "exception_pc",
    "request",
    "level",
    "time",
)
STICKINESS = 0.25


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    emulator = Emulator(INTEGRATIONS, GAME, "MeadowZone.Act1")
    yield emulator
    emulator.close()


def start(emulator: Emulator, state: str) -> NativeEngine:
    """Start a level on the emulator, and return the native engine at its start."""
    from game.build import read_state

    emulator.start(read_state(INTEGRATIONS / GAME, state))
    return NativeEngine(ROM, level_in(current_ram(emulator.env)))


def block_of(emulator: Emulator) -> dict[str, int]:
    """Read the block of the emulator's RAM, without what is not part of the rules."""
    words = struct.unpack_from(f"<{BLOCK.size // 2}H", current_ram(emulator.env))
    swapped = struct.pack(f">{len(words)}H", *words)
    kinds = {">u4": "I", ">u2": "H", ">i2": "h", "|u1": "B"}
    return {
        name: struct.unpack_from(">" + kinds[kind], swapped, offset)[0]
        for name, (offset, kind) in RAM.items()
        if name not in OTHER
    }


def follow(emulator: Emulator, engine: NativeEngine, seed: int, steps: int) -> int:
    """Play the same random steps on both, and compare the blocks; return the steps to the end."""
    draws = random.Random(seed)
    action, held = 0, 0
    for step in range(steps):
        previous = action
        if not held:
            action, held = draws.choice(ACTIONS), draws.randint(1, 12)
        held -= 1
        late = previous if step and draws.random() < STICKINESS else None
        player = emulator.step(action, late)
        simulated = engine.step(action, late)
        if player.dead or player.won:
            assert (simulated.dead, simulated.won) == (player.dead, player.won)
            return step
        assert simulated == player
        assert {name: engine.block()[name] for name in block_of(emulator)} == block_of(emulator)
    return steps


@pytest.mark.parametrize(
    "state",
    [
        "MeadowZone.Act1",
        "CavernZone.Act6",
        "FoundryZone.Act3",
        "LagoonZone.Act4",
        "GlacierZone.Act2",
    ],
)
def test_every_step_has_the_same_result_as_on_the_emulator(emulator: Emulator, state: str) -> None:
    engine = start(emulator, state)
    assert engine.player_state() == emulator.player_state()
    assert follow(emulator, engine, seed=1, steps=300) > 50


def test_it_continues_from_any_state_of_the_emulator(emulator: Emulator) -> None:
    start(emulator, "CanyonZone.Act1")
    for seed in range(4):
        engine = NativeEngine.of(emulator.env, ROM)
        assert engine.player_state() == emulator.player_state()
        if follow(emulator, engine, seed, steps=60) < 60:
            break
        again = NativeEngine.of(emulator.env, ROM)
        assert again.player_state() == again.take(ram_of(emulator.save()))
    assert emulator.player_state().x > 150


def test_a_saved_state_restores_everything(emulator: Emulator) -> None:
    engine = start(emulator, "FoundryZone.Act3")
    for _ in range(30):
        engine.step(RIGHT)
    saved = engine.save()
    assert len(saved) == engine.state_size < 60_000
    once = [engine.step(RIGHT | B) for _ in range(40)]
    engine.load(saved)
    assert [engine.step(RIGHT | B) for _ in range(40)] == once
    assert engine.frames == 4 * 110
    again = NativeEngine(ROM, level_in(current_ram(emulator.env)))
    del engine  # the state must not refer to its memory
    again.load(saved)
    assert [again.step(RIGHT | B) for _ in range(40)] == once
    with pytest.raises(NativeEngineError, match="not one of this level"):
        again.load(saved[:-1])
    assert again.reset().x < once[0].x


def test_a_state_of_another_level_is_refused(emulator: Emulator) -> None:
    engine = start(emulator, "MeadowZone.Act1")
    other = start(emulator, "MeadowZone.Act2")
    assert other.player_state() == emulator.player_state()
    with pytest.raises(NativeEngineError, match="not one of this level and ROM"):
        engine.take(current_ram(emulator.env))
    with pytest.raises(NativeEngineError, match="not one of Pangolin Dash"):
        ram_of(b"short")


def test_a_rom_without_the_level_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NativeEngineError, match="has no level 99: it has 48"):
        NativeEngine(ROM, 99)
    truncated = tmp_path / "rom.md"
    truncated.write_bytes(ROM.read_bytes()[:5000])
    with pytest.raises(CartridgeError):
        NativeEngine(truncated, 0)
