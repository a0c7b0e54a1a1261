"""The frame ring: steps are read as they were written, and are written only on request."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from arena.server import frame_ring
from arena.server.frame_ring import SLOTS, FrameRingReader, FrameRingWriter

SHAPE = (4, 5, 3)
MANY = 1000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "frames"


def write_steps(writer: FrameRingWriter, count: int, *, first: int = 1, episode: int = 0) -> None:
    """Write steps whose frame, timesteps and return are their number."""
    for number in range(first, first + count):
        buttons = None if number == first else np.eye(12, dtype=np.uint8)[number % 12]
        frame = np.full(SHAPE, number % 256, np.uint8)
        writer.write(frame, buttons, timesteps=number, episode=episode, episode_return=number / 2)


def requested(path: Path) -> tuple[FrameRingWriter, FrameRingReader]:
    writer, reader = FrameRingWriter(path, SHAPE, 12), FrameRingReader(path)
    reader.request(MANY)
    return writer, reader


def test_steps_are_read_as_they_were_written(path: Path) -> None:
    writer, reader = requested(path)
    write_steps(writer, 5)
    steps = reader.read(10)
    assert [step.sequence for step in steps] == [1, 2, 3, 4, 5] and reader.newest() == 5
    assert steps[0].buttons is None and np.flatnonzero(steps[4].buttons).tolist() == [5]  # type: ignore[arg-type]
    for number, step in enumerate(steps, 1):
        assert (step.timesteps, step.episode, step.episode_return) == (number, 0, number / 2)
        np.testing.assert_array_equal(step.frame, np.full(SHAPE, number))
    assert [step.sequence for step in reader.read(2)] == [4, 5]


def test_nothing_is_written_without_a_request(path: Path) -> None:
    writer = FrameRingWriter(path, SHAPE, 12)
    empty = path.read_bytes()
    write_steps(writer, 50)
    assert path.read_bytes() == empty
    reader = FrameRingReader(path)
    reader.request(MANY)
    assert reader.read(5) == []
    write_steps(writer, 3, first=51)
    assert [step.timesteps for step in reader.read(5)] == [51, 52, 53]


def test_the_requested_number_of_steps_is_written(path: Path) -> None:
    writer, reader = FrameRingWriter(path, SHAPE, 12), FrameRingReader(path)
    reader.request(3)
    write_steps(writer, 10)
    assert [step.timesteps for step in reader.read(10)] == [1, 2, 3]
    reader.request(2)
    write_steps(writer, 10, first=11)
    assert [step.timesteps for step in reader.read(10)] == [11, 12]  # a gap before them
    other = FrameRingReader(path)  # another reader continues the count of requests
    other.request(1)
    write_steps(writer, 5, first=21)
    assert [step.timesteps for step in other.read(10)] == [21]


def test_steps_of_an_old_request_are_not_returned(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = requested(path)
    write_steps(writer, 2)
    monkeypatch.setattr(frame_ring.time, "monotonic", lambda: 1e9)
    reader.request(MANY)
    assert reader.newest() == 0 and reader.read(5) == []
    write_steps(writer, 1, first=5)
    assert [step.timesteps for step in reader.read(5)] == [5]


def test_the_ring_keeps_the_last_steps_of_the_last_episode(path: Path) -> None:
    writer, reader = requested(path)
    write_steps(writer, 3 * SLOTS)
    steps = reader.read(1000)
    assert SLOTS // 2 < len(steps) < SLOTS
    assert [step.timesteps for step in steps] == list(
        range(3 * SLOTS - len(steps) + 1, 3 * SLOTS + 1)
    )
    write_steps(writer, 2, first=100, episode=1)
    assert [step.timesteps for step in reader.read(1000)] == [100, 101]


def test_a_step_that_is_being_written_is_not_read(path: Path) -> None:
    writer, reader = requested(path)
    write_steps(writer, 3)
    whole = bytearray(path.read_bytes())
    frame = np.full(SHAPE, 2, np.uint8).tobytes()
    place = whole.find(frame) + len(frame)  # the number after the second step's frame
    whole[place] ^= 1
    path.write_bytes(whole)
    assert [step.sequence for step in reader.read(5)] == [3]


def test_a_reader_may_start_before_the_writer_and_end_after_it(path: Path) -> None:
    reader = FrameRingReader(path)
    reader.request(MANY)
    assert reader.newest() == 0 and reader.read(3) == []
    writer = FrameRingWriter(path, SHAPE, 12)
    reader.request(MANY)
    write_steps(writer, 2)
    writer.close()
    assert not path.exists()
    reader.request(MANY)
    assert len(reader.read(3)) == 2
    reader.close()
    reader.request(MANY)
    assert reader.read(3) == []


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 64, b"\0" * 64])
def test_other_files_give_no_steps(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    reader = FrameRingReader(path)
    reader.request(MANY)
    assert reader.newest() == 0 and reader.read(3) == []


def test_a_truncated_file_gives_no_steps(path: Path) -> None:
    writer, reader = requested(path)
    write_steps(writer, 3)
    os.truncate(path, 40)
    assert reader.read(3) == []
    os.truncate(path, 0)
    assert reader.newest() == 0
    write_steps(writer, 3)  # the writer continues


def test_a_full_disk_stops_the_writing_without_an_error(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, reader = requested(path)

    def full(*arguments: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwritev", full)
    write_steps(writer, 3)
    monkeypatch.undo()
    write_steps(writer, 3, first=4)
    assert reader.read(3) == []


def test_only_the_owner_can_read_the_file(path: Path) -> None:
    FrameRingWriter(path, SHAPE, 12)
    assert path.stat().st_mode & 0o777 == 0o600
