"""The runs of an ablation: their file and their table."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from benchmarks.ablations.ablation_runs import AblationRuns, EvolvedRun, table
from benchmarks.ablations.variants import VARIANTS
from benchmarks.store import StoreError

SETTINGS = {"generations": 2, "levels": ["Game:State"]}


def made(**runs: list[float]) -> AblationRuns:
    """Return AblationRuns with these scores for the seeds 1, 2, ..."""
    results = AblationRuns(dict(SETTINGS))
    for name, scores in runs.items():
        results.runs[name] = {
            seed: EvolvedRun({"Game:A": [score - 10, score + 10], "Game:B": [score]}, 100, 2.0)
            for seed, score in enumerate(scores, 1)
        }
    return results


def test_the_table_compares_seed_by_seed() -> None:
    results = made(alone=[900.0], trained=[1000.0, 2000.0], zeroed=[1100.0, 1500.0])
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in table(results, VARIANTS).split("\n")
    ]
    assert rows[0] == ["variant", "seed 1", "seed 2", "mean", "difference from trained"]
    assert [row[1:4] for row in rows[2:]] == [
        ["1,000", "2,000", "1,500"],
        ["1,100", "1,500", "1,300"],
        ["900", "-", "900"],
    ]
    apart = [row[4] for row in rows[2:]]
    assert apart[0] == "" and apart[2] == "-100 (-100 to -100)"  # against seed 1 alone
    found = re.fullmatch(r"-200 \((-[\d,]+) to \+([\d,]+)\)", apart[1])
    assert found is not None
    low, high = (int(number.replace(",", "")) for number in found.groups())
    # trained scores 1,000 or 2,000 with a seed, zeroed 1,100 or 1,500; four resamples of each
    assert -900 <= low <= -600 and 200 <= high <= 500


def test_results_survive_and_damage_is_named(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results = made(trained=[1.0, 2.0])
    results.save(path)
    read = AblationRuns.open(path, SETTINGS)
    assert dataclasses.asdict(read) == dataclasses.asdict(results)
    for content in ("", "[]", '{"version": 3}', '{"format": "x", "version": 1}'):
        path.write_text(content)
        with pytest.raises(StoreError, match=r"results\.json is not a file of"):
            AblationRuns.load(path)
