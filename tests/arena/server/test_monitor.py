"""The contest's CSV files, equal byte for byte except for the times."""

from __future__ import annotations

from pathlib import Path

import pytest

from arena.server import monitor
from arena.server.monitor import Monitor, MonitorError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(monitor.time, "time", lambda: now[0])
    return now


def test_an_episode_gets_its_row_at_the_next_reset(tmp_path: Path, clock: list[float]) -> None:
    monitor = Monitor(tmp_path / "made")
    path = tmp_path / "made" / "monitor.csv"
    monitor.reset()
    for reward in (1.0, 2.5):
        clock[0] += 1
        monitor.step(reward)
    assert path.read_bytes() == b"r,l,t\r\n"
    assert monitor.episodes == 0
    clock[0] += 0.25
    monitor.reset()
    monitor.step(-7.0)
    # Each row is flushed, because an evaluation reads the file while it grows.
    assert path.read_bytes() == b"r,l,t\r\n3.5,2,2.25\r\n"
    assert monitor.episodes == 1
    monitor.close()  # the unfinished episode does not count
    assert path.read_bytes() == b"r,l,t\r\n3.5,2,2.25\r\n"


def test_the_log_has_a_row_every_thousand_steps_of_all_episodes(
    tmp_path: Path, clock: list[float]
) -> None:
    monitor = Monitor(tmp_path)
    for _ in range(5):
        monitor.reset()
        for _ in range(450):
            clock[0] += 0.5
            monitor.step(0.0)
    assert (tmp_path / "log.csv").read_bytes() == b"l,t\r\n1000,500.0\r\n2000,1000.0\r\n"
    rows = (tmp_path / "monitor.csv").read_text().split()
    assert rows == ["r,l,t", *(f"0.0,450,{225.0 * n}" for n in range(1, 5))]


def test_a_second_run_replaces_the_files(tmp_path: Path) -> None:
    for _ in range(2):
        monitor = Monitor(tmp_path)
        monitor.reset()
        monitor.reset()
        monitor.close()
    assert len((tmp_path / "monitor.csv").read_text().split()) == 2


def test_without_a_folder_it_only_counts() -> None:
    monitor = Monitor(None)
    monitor.reset()
    monitor.step(1.0)
    monitor.reset()
    assert monitor.episodes == 1


def test_a_folder_that_can_not_be_created_gives_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MonitorError, match="can't create monitor files in"):
        Monitor(tmp_path / "file")


def test_a_full_disk_gives_one_clear_line() -> None:
    monitor = Monitor(None)
    with open("/dev/full", "w") as full:
        monitor._files = {"monitor.csv": full}
        monitor.reset()
        with pytest.raises(MonitorError, match="/dev/full: No space left on device"):
            monitor.reset()
        monitor._files = {}
        with pytest.raises(OSError):
            full.close()
