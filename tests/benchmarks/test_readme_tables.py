"""Measured tables: they are replaced in a README, nothing else is, and ours are up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent.world_model.packed_model import MODEL_CARD
from benchmarks.ablations import ablations, model_ablations, results
from benchmarks.measured import read_measured
from benchmarks.readme_tables import MARKED, README, ROOT, renew, renewed
from benchmarks.scores import (
    calibration_results,
    calibration_tables,
    contest_store,
    contest_tables,
    contest_time,
    lock_in_trust,
    search_gain,
)
from benchmarks.speed import dataset_speed, play_speed, training_speed

RESULTS = ROOT / "results"
CARD = ROOT / "pretrained" / MODEL_CARD

TEXT = "a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\nc <!-- end -->\n"


def test_only_what_stands_between_a_tables_markers_is_replaced() -> None:
    made = {"one": r"new \1", "two": "| two |\n| --- |", "three": "of another README"}
    changed = renewed(TEXT, made)
    assert changed == TEXT.replace("old", r"new \1").replace(
        "two -->\n", f"two -->\n{made['two']}\n"
    )
    assert renewed(changed, made) == changed


def test_a_file_is_written_only_where_something_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(TEXT)
    renew(readme, {"one": "new"})
    assert readme.read_text() == TEXT.replace("old", "new")
    assert capsys.readouterr().err == f"written into {readme}\n"
    renew(readme, {"one": "new"})
    assert capsys.readouterr().err == ""
    renew(readme, {"three": "new"})
    assert capsys.readouterr().err == f"note: {readme} has no markers <!-- three -->\n"


def scores() -> contest_store.Results:
    return contest_store.Results.load(RESULTS / "contest_scores.json")


def plain(benchmark: Any) -> Callable[[], Mapping[str, str]]:
    """The table of a benchmark whose JSON is its result."""
    path = RESULTS / f"{benchmark.__name__.rpartition('.')[2]}.json"
    return lambda: {benchmark.TABLE: benchmark.table(read_measured(path))}


TABLES: dict[str, Callable[[], Mapping[str, str]]] = {
    "ablations": lambda: {
        ablations.TABLE: ablations.table(
            results.Results.load(RESULTS / "ablations.json"), ablations.VARIANTS
        )
    },
    "calibration": lambda: calibration_tables.readme_tables(
        calibration_results.Results.load(RESULTS / "calibration.json")
    ),
    "contest_scores": lambda: {contest_tables.TABLE: contest_tables.markdown(scores())},
    "contest_time": lambda: {
        contest_time.TABLE: contest_time.markdown(
            contest_store.Results.load(RESULTS / "contest_time.json")
        )
    },
    "dataset_speed": plain(dataset_speed),
    "lock_in_trust": plain(lock_in_trust),
    "model_ablations": lambda: {
        model_ablations.TABLE: model_ablations.tables(
            results.Results.load(RESULTS / "model_ablations.json")
        )
    },
    "play_speed": plain(play_speed),
    "search_gain": plain(search_gain),
    "training_speed": plain(training_speed),
}


@pytest.mark.parametrize("benchmark", TABLES)
def test_the_readmes_show_what_was_measured(benchmark: str) -> None:
    made = TABLES[benchmark]()
    texts = [path.read_text(encoding="utf-8") for path in (README, ROOT / "game" / "README.md")]
    assert made.keys() <= {name for text in texts for name in MARKED.findall(text)}
    for text in texts:
        assert renewed(text, made) == text, f"python -m benchmarks.{benchmark} --show"


def test_the_card_of_the_shipped_model_shows_what_was_measured() -> None:
    card = CARD.read_text(encoding="utf-8")
    made = {contest_tables.TABLE: contest_tables.for_the_card(scores())}
    assert made.keys() == set(MARKED.findall(card))
    assert renewed(card, made) == card, "python -m benchmarks.scores.contest_scores --show"


def test_no_table_is_unchecked() -> None:
    made = {name for tables in TABLES.values() for name in tables()}
    for path in (README, ROOT / "game" / "README.md"):
        assert set(MARKED.findall(path.read_text(encoding="utf-8"))) <= made
