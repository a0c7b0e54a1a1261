"""The speed benchmark's table."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.errors import UserError
from benchmarks.speed import play_runs, play_speed


def test_the_tables_have_a_row_for_each_program_and_each_preset() -> None:
    memory = {"at_a_tenth": 70.04, "at_the_end": 71.6, "peak": 72.0, "timesteps": 20_000}
    made = play_speed.table(
        {
            "speed": {
                "steps_per_second": [
                    {
                        "bare": 200.0,
                        "null": null,
                        "compact": 90.0,
                        "original2018": 60.0,
                        "eager": 10.0,
                    }
                    for null in (150.0, 170.0, 180.0)
                ],
                "median_steps_per_second": {
                    name: 100.0 * n for n, name in enumerate(play_speed.PROGRAMS)
                },
                "median_emulator_share": {
                    name: 1 - 0.125 * n for n, name in enumerate(play_speed.PROGRAMS) if n
                },
                "median_ratios": dict.fromkeys(play_speed.TARGETS, 0.876),
                "targets": play_speed.TARGETS,
            },
            "first_action": {"original2018": 0.7, "compact": 0.4},
            "memory": {"original2018": memory, "compact": memory},
        }
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in made.splitlines()]
    assert [row[1:] for row in rows[2:7]] == [
        ["0", "", "", ""],
        ["100", "0.88 of bare (0.75 to 0.90)", "0.9", "88%"],
        ["200", "0.88 of null (0.50 to 0.60)", "0.8", "75%"],
        ["300", "0.88 of null (0.33 to 0.40), 0.88 of eager (6.00 to 6.00)", "0.5, 4.0", "62%"],
        ["400", "", "", "50%"],
    ]
    assert rows[0][1] == "steps/s (median of 3)"
    assert rows[8][2] == "MiB after a tenth of 20,000 timesteps"
    assert rows[10] == ["`original2018`", "0.7 s", "70", "72", "72"]


def test_the_emulators_share_is_read_from_the_servers_last_line() -> None:
    said = "event=serve level=L\nevent=end reason=R timesteps=9 seconds=8.0 emulator_seconds=6.0\n"
    assert play_runs.emulator_share(said) == 0.75


def test_every_program_runs_in_each_position() -> None:
    orders = [play_speed.programs(seed) for seed in range(1, 6)]
    for place in range(5):
        assert {order[place] for order in orders} == set(play_speed.PROGRAMS)


def test_mistakes_are_named(tmp_path: Path) -> None:
    out = tmp_path / "speed.json"
    fixed = ["--out", str(out)]
    with pytest.raises(UserError, match="has no first_action, memory, speed: measure first"):
        play_speed.main([*fixed, "--show"])
    with pytest.raises(
        UserError, match="--parts has the unknown name 'dreams': choose from speed, first"
    ):
        play_speed.main([*fixed, "--parts", "memory,dreams"])
    with pytest.raises(UserError, match="--steps and --memory-steps must be 3,000 or more"):
        play_speed.main([*fixed, "--steps", "100"])
    out.write_text("{")
    with pytest.raises(UserError, match=r"speed\.json can't be read"):
        play_speed.main(fixed)
