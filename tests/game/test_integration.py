"""The integration: reproducible states, errors that name the file, random input."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from game.cartridge import integration, rom
from game.cartridge.rom import CartridgeError
from game.cartridge.states import StateError, check_states
from game.ram import RAM, RAM_BASE
from tests.helpers import plain_art
from tests.helpers.game_world import BUTTONS, Bench, level, showcase, write_game

PLAY = """
import hashlib, sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv[2])
from tests.helpers.game_world import Bench
bench = Bench(Path(sys.argv[1])).begin("Second")
random = np.random.default_rng(7)
seen = hashlib.sha1()
for _ in range(100):
    bench.hold(str(random.choice(["RIGHT", "RIGHT B", "DOWN", "LEFT"])), 4)
    seen.update(bench.picture.tobytes() + bench.env.get_ram().tobytes())
print(seen.hexdigest())
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    levels = {"First": level(), "Second": showcase()}
    return write_game(tmp_path_factory.mktemp("game"), levels)


@pytest.mark.parametrize("garbage", ["0", "85", "255"])
def test_the_states_of_a_rom_do_not_depend_on_uninitialised_memory(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, garbage: str
) -> None:
    monkeypatch.setenv("MALLOC_PERTURB_", garbage)  # glibc fills new memory with this value
    again = write_game(tmp_path, {"First": level(), "Second": showcase()})
    for path in sorted(folder.iterdir()):
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


def test_the_files_of_an_integration_agree(folder: Path) -> None:
    data = json.loads((folder / "data.json").read_text())["info"]
    assert data["x"] == {"address": RAM_BASE + RAM["x"][0], "type": ">u2"}
    sha = hashlib.sha1((folder / "rom.md").read_bytes()).hexdigest()
    assert (folder / "rom.sha").read_text().strip() == sha
    assert json.loads((folder / "metadata.json").read_text())["default_state"] == "First"
    check_states(folder)


def test_the_error_names_a_faulty_file(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "Copy-Genesis"
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    state = (copy / "First.state").read_bytes()
    (copy / "First.state").write_bytes(state[:-20])
    with pytest.raises(StateError, match="First.state is truncated"):
        check_states(copy)
    other = bytearray(gzip.decompress(state))
    at = other.find(b"GP1D")  # the magic number of the block, with pairs of bytes swapped
    other[at + RAM["build_id"][0]] ^= 0xFF
    (copy / "First.state").write_bytes(gzip.compress(bytes(other)))
    with pytest.raises(StateError, match="First.state belongs to build"):
        check_states(copy)
    (copy / "rom.md").write_bytes((folder / "rom.md").read_bytes()[:4096])
    with pytest.raises(CartridgeError, match="rom.md is truncated"):
        check_states(copy)
    (copy / "rom.md").unlink()
    with pytest.raises(StateError, match="game.build"):
        check_states(copy)


def test_two_processes_see_the_same_frames(folder: Path) -> None:
    command = [sys.executable, "-c", PLAY, str(folder), str(Path(__file__).parents[2])]
    first, second = (
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
        for _ in range(2)
    )
    assert first == second and len(first) == 41


def test_a_reset_does_not_depend_on_the_play_before(folder: Path) -> None:
    with Bench(folder) as bench:
        before = bench.begin("First").env.get_ram().tobytes()
        bench.hold("RIGHT B", 100)
        assert bench.begin("First").env.get_ram().tobytes() == before


def test_a_requested_level_is_ready_within_few_frames(folder: Path) -> None:
    with Bench(folder) as bench:
        bench.begin("First").poke("request", 2)
        frames = 0
        while not (bench["ready"] and bench["level"] == 1):
            bench.hold()
            frames += 1
            assert frames < 30
        assert bench["lives"] == 3 and bench["score"] == 0


def test_random_input_causes_no_error(folder: Path) -> None:
    """Random buttons cause no exception and no lost frame, and the player stays in the level."""
    random = np.random.default_rng(11)
    with Bench(folder) as bench:
        bench.begin("Second")
        for _ in range(600):
            held = " ".join(b for b in BUTTONS if random.random() < 0.3)
            held += str(random.choice([" RIGHT", " LEFT", ""], p=[0.6, 0.2, 0.2]))
            bench.hold(held, int(random.integers(1, 20)))
            assert 0 < bench["x"] < bench["level_width"]
            assert bench["y"] < bench["level_height"] + 400
            if random.random() < 0.1:
                bench.poke("rings", 20)
            if bench.done:
                bench.begin("Second")


def test_an_exception_of_the_engine_is_reported(tmp_path: Path) -> None:
    engine = bytearray(rom.read_engine())
    engine[0x240:0x242] = b"\x4a\xfc"  # ILLEGAL, as the first instruction
    data = rom.pack([level()], [plain_art.zone()], plain_art.shared(), bytes(engine))
    with pytest.raises(StateError, match="exception 4"):
        integration.write(tmp_path / "Crash-Genesis", data, ["First"])


def test_the_error_names_a_level_that_does_not_load(folder: Path, tmp_path: Path) -> None:
    data = (folder / "rom.md").read_bytes()
    with pytest.raises(StateError, match="level Third does not load"):
        integration.write(tmp_path / "Few-Genesis", data, ["First", "Second", "Third"])
