"""Without a terminal, a progress bar prints a line now and then, with a speed that can be read."""

from __future__ import annotations

import pytest

from arena import progress_bar
from arena.progress_bar import ProgressBar


@pytest.mark.parametrize(
    ("done", "line"),
    [
        (300, "plays 300/1000  7.5/s 1.6 min left"),
        (40, "plays 40/1000  1.0/s 16.0 min left"),
        (2, "plays 2/1000  3.0/min 332.7 min left"),
        (0, "plays 0/1000  0.0/min"),
    ],
)
def test_slow_counts_are_given_per_minute(
    done: int, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = [100.0]
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: clock[0])
    with ProgressBar("plays", 1000) as bar:
        clock[0] += 10
        bar.update(done)  # too early for a line
        clock[0] += 30
        bar.update(done)
    assert capsys.readouterr().err.strip().splitlines() == [line]
