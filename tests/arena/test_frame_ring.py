"""The window into a server: what was shown comes out whole, and nothing is shown to nobody."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from arena.server import frame_ring
from arena.server.frame_ring import SLOTS, WindowReader, WindowWriter

SHAPE = (4, 5, 3)
MANY = 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "window"


def show(writer: WindowWriter, count: int, *, first: int = 1, episode: int = 0) -> None:
    """Show steps whose frame, timesteps and return are their number."""
    for number in range(first, first + count):
        buttons = None if number == first else np.eye(12, dtype=np.uint8)[number % 12]
        frame = np.full(SHAPE, number % 256, np.uint8)
        writer.write(frame, buttons, timesteps=number, episode=episode, episode_return=number / 2)


def looking(path: Path) -> tuple[WindowWriter, WindowReader]:
    writer, reader = WindowWriter(path, SHAPE, 12), WindowReader(path)
    reader.look(MANY)
    return writer, reader


def test_steps_come_out_as_they_were_shown(path: Path) -> None:
    writer, reader = looking(path)
    show(writer, 5)
    steps = reader.read(10)
    assert [step.sequence for step in steps] == [1, 2, 3, 4, 5] and reader.newest() == 5
    assert steps[0].buttons is None and np.flatnonzero(steps[4].buttons).tolist() == [5]  # type: ignore[arg-type]
    for number, step in enumerate(steps, 1):
        assert (step.timesteps, step.episode, step.episode_return) == (number, 0, number / 2)
        np.testing.assert_array_equal(step.frame, np.full(SHAPE, number))
    assert [step.sequence for step in reader.read(2)] == [4, 5]


def test_nothing_is_written_while_nobody_looks(path: Path) -> None:
    writer = WindowWriter(path, SHAPE, 12)
    empty = path.read_bytes()
    show(writer, 50)
    assert path.read_bytes() == empty
    reader = WindowReader(path)
    reader.look(MANY)
    assert reader.read(5) == []
    show(writer, 3, first=51)
    assert [step.timesteps for step in reader.read(5)] == [51, 52, 53]


def test_a_look_shows_as_many_steps_as_it_asked_for(path: Path) -> None:
    writer, reader = WindowWriter(path, SHAPE, 12), WindowReader(path)
    reader.look(3)
    show(writer, 10)
    assert [step.timesteps for step in reader.read(10)] == [1, 2, 3]
    reader.look(2)
    show(writer, 10, first=11)
    assert [step.timesteps for step in reader.read(10)] == [11, 12]  # a gap before them
    other = WindowReader(path)  # that of another page counts on
    other.look(1)
    show(writer, 5, first=21)
    assert [step.timesteps for step in other.read(10)] == [21]


def test_what_was_shown_long_ago_is_no_news(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = looking(path)
    show(writer, 2)
    monkeypatch.setattr(frame_ring.time, "monotonic", lambda: 1e9)
    reader.look(MANY)
    assert reader.newest() == 0 and reader.read(5) == []
    show(writer, 1, first=5)
    assert [step.timesteps for step in reader.read(5)] == [5]


def test_the_ring_keeps_the_last_steps_of_the_last_episode(path: Path) -> None:
    writer, reader = looking(path)
    show(writer, 3 * SLOTS)
    steps = reader.read(1000)
    assert SLOTS // 2 < len(steps) < SLOTS
    assert [step.timesteps for step in steps] == list(
        range(3 * SLOTS - len(steps) + 1, 3 * SLOTS + 1)
    )
    show(writer, 2, first=100, episode=1)
    assert [step.timesteps for step in reader.read(1000)] == [100, 101]


def test_a_step_that_is_being_written_is_not_taken(path: Path) -> None:
    writer, reader = looking(path)
    show(writer, 3)
    whole = bytearray(path.read_bytes())
    frame = np.full(SHAPE, 2, np.uint8).tobytes()
    place = whole.find(frame) + len(frame)  # the second step's closing number
    whole[place] ^= 1
    path.write_bytes(whole)
    assert [step.sequence for step in reader.read(5)] == [3]


def test_a_reader_may_come_first_and_stay_last(path: Path) -> None:
    reader = WindowReader(path)
    reader.look(MANY)
    assert reader.newest() == 0 and reader.read(3) == []
    writer = WindowWriter(path, SHAPE, 12)
    reader.look(MANY)
    show(writer, 2)
    writer.close()
    assert not path.exists()
    reader.look(MANY)
    assert len(reader.read(3)) == 2
    reader.close()
    reader.look(MANY)
    assert reader.read(3) == []


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 64, b"\0" * 64])
def test_files_of_another_kind_show_nothing(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    reader = WindowReader(path)
    reader.look(MANY)
    assert reader.newest() == 0 and reader.read(3) == []


def test_a_file_that_is_cut_while_one_looks_shows_nothing(path: Path) -> None:
    writer, reader = looking(path)
    show(writer, 3)
    os.truncate(path, 40)
    assert reader.read(3) == []
    os.truncate(path, 0)
    assert reader.newest() == 0
    show(writer, 3)  # and the play goes on


def test_a_full_disk_ends_the_showing_only(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer, reader = looking(path)

    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwritev", full)
    show(writer, 3)
    monkeypatch.undo()
    show(writer, 3, first=4)
    assert reader.read(3) == []


def test_a_window_is_its_owners_alone(path: Path) -> None:
    WindowWriter(path, SHAPE, 12)
    assert path.stat().st_mode & 0o777 == 0o600
