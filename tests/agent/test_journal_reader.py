"""Reading journals: whole and growing ones, with cut and foreign lines."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from agent.journal import FILE_NAME, EpisodeEntry, Journal
from agent.journal_reader import JournalFollower, lock_in_timesteps, read_journal

FIRST = EpisodeEntry(0, 0, 12.5, 100, 101, False, 250.0, returned_to=3.5)
SECOND = EpisodeEntry(1, 1, 2500.0, 50, 152, False, 250.0, origin="mean", seconds={"vision": 0.1})
THIRD = EpisodeEntry(2, 1, 30.0, 20, 173, True, 250.0)


def line(entry: EpisodeEntry, **changes: object) -> str:
    return json.dumps(entry.values() | changes) + "\n"


def test_what_the_agent_writes_is_read_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    entries = [FIRST, SECOND, THIRD]
    for entry in entries:
        journal.episode(entry)
    content = read_journal(tmp_path / FILE_NAME)
    assert content is not None and content.episodes == entries
    assert (content.lines, content.broken, content.cut) == (3, 0, False)
    assert lock_in_timesteps(content.episodes) == 152
    assert lock_in_timesteps(entries[:2]) is None


def test_a_missing_file_has_no_content(tmp_path: Path) -> None:
    assert read_journal(tmp_path / FILE_NAME) is None
    assert JournalFollower(tmp_path / FILE_NAME).read() == []


def test_a_cut_last_line_is_distinguished_from_other_broken_lines(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text("nonsense\n" + line(FIRST) + line(SECOND)[:-20])
    content = read_journal(path)
    assert content is not None and content.episodes == [FIRST]
    assert (content.lines, content.broken, content.cut) == (3, 2, True)


@pytest.mark.parametrize(
    "text",
    [
        *("nonsense", "[1]", "null", "{}", '"text"', '{"locked": true}', "[" * 100_000, "\xff"),
        line(THIRD, length=0),
        line(THIRD, length=1.5),
        line(THIRD, locked=1),
        line(THIRD, candidate=True),
        line(THIRD, episode_return="12"),
        line(THIRD, episode_return=10**400),
        line(THIRD, seconds={"vision": "long"}),
        line(THIRD, origin=None),
    ],
)
def test_a_line_of_another_form_is_no_episode(tmp_path: Path, text: str) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(text.strip().encode("latin-1") + b"\n" + line(FIRST).encode())
    content = read_journal(path)
    assert content is not None and content.episodes == [FIRST]
    assert (content.broken, content.cut) == (1, False)
    assert JournalFollower(path).read() == [FIRST]


def test_returns_may_be_nan_or_infinite(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    path.write_text(line(FIRST, episode_return=math.nan) + line(FIRST, episode_return=-math.inf))
    content = read_journal(path)
    assert content is not None and content.broken == 0
    assert [math.isfinite(entry.episode_return) for entry in content.episodes] == [False, False]


def test_a_growing_journal_is_read_from_where_the_last_read_ended(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    follower = JournalFollower(path)
    with path.open("w") as file:
        for text, expected in (
            (line(FIRST), [FIRST]),
            ("", []),
            (line(SECOND) + line(THIRD)[:30], [SECOND]),
            (line(THIRD)[30:], [THIRD]),
        ):
            file.write(text)
            file.flush()
            assert follower.read() == expected
