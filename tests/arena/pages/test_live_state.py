"""The live view's state of a level, and how its address is announced."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from arena.pages.live import view as live_view
from arena.pages.live.state import JournalProgress, LevelObserver, decode_step
from arena.pages.live.view import announce
from arena.replay.decoded_views import DecodedViews
from arena.server.frame_ring import Step
from tests.helpers.live_play import SHAPE, Playing
from tests.helpers.small_models import TINY, write_random_pretrained


@pytest.fixture
def playing(tmp_path: Path) -> Playing:
    return Playing(tmp_path)


@pytest.fixture(scope="module")
def views(tmp_path_factory: pytest.TempPathFactory) -> DecodedViews:
    return DecodedViews(write_random_pretrained(tmp_path_factory.mktemp("m") / "tiny", spec=TINY))


def steps_of_play(count: int) -> list[Step]:
    random = np.random.default_rng(1)
    return [
        Step(
            number,
            number,
            0,
            None if number == 1 else random.integers(0, 2, 12, np.uint8),
            0.0,
            random.integers(0, 256, SHAPE, np.uint8),
        )
        for number in range(1, count + 1)
    ]


def test_decoded_views_belong_to_the_last_step(views: DecodedViews) -> None:
    steps = steps_of_play(4)
    reconstruction, prediction = decode_step(views, steps)
    alone, nothing = decode_step(views, steps[-1:])
    np.testing.assert_array_equal(reconstruction, alone)
    assert nothing is None and prediction is not None and reconstruction.shape == (64, 64, 3)
    # The earlier call left no state.
    np.testing.assert_array_equal(decode_step(views, steps)[1], prediction)
    other, _ = decode_step(views, [*steps[:-1], steps_of_play(5)[-1]])
    assert not np.array_equal(other, reconstruction)


def test_an_observer_decodes_the_models_views(playing: Playing, views: DecodedViews) -> None:
    observer = LevelObserver(playing.run, views)
    assert observer.look()["now"] is None
    playing.step(reset=True)
    first = observer.look()["now"]
    assert first["buttons"] == [] and first["reconstruction"] and first["prediction"] is None
    for _ in range(3):
        playing.step()
    now = observer.look()["now"]
    assert now["timesteps"] == 4 and now["reconstruction"] and now["prediction"]
    assert observer.look()["now"] is now  # the same step is not drawn twice
    playing.run.state = "done"
    assert observer.look()["now"] is None


def test_numbers_that_json_can_not_hold_are_null(playing: Playing) -> None:
    playing.run.returns = [float("nan"), float("inf")]
    level = LevelObserver(playing.run, None).look()
    assert level["score"] is None and level["best"] is None and level["returns"] == [None, None]
    json.dumps(level, allow_nan=False)


LINE = (
    '{"episode": 0, "candidate": %d, "locked": %s, "timesteps": %d, "length": 20,'
    ' "episode_return": 5.0, "steps_per_second": 250.0}\n'
)


def test_a_journal_is_read_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    tail = JournalProgress(path)
    tail.read()
    assert tail.candidates is None and tail.locked_in_at is None
    with path.open("w") as file:
        for text, expected in (
            (LINE % (0, "false", 21), (1, None)),
            (LINE % (1, "false", 42) + '{"candidate": 7, "lock', (2, None)),
            ("hello\n[]\nnull\n{}\n", (2, None)),
            (LINE % (1, "true", 63) + LINE % (1, "true", 84), (2, 42)),
        ):
            file.write(text)
            file.flush()
            tail.read()
            assert (tail.candidates, tail.locked_in_at) == expected


def announced(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> tuple[str, list[str]]:
    opened: list[str] = []
    happened = threading.Event()

    def remember(address: str) -> None:
        opened.append(address)
        happened.set()

    monkeypatch.setattr(live_view.webbrowser, "open", remember)
    text = io.StringIO()
    announce(Console(file=text, width=40), "http://127.0.0.1:4321/token/", environment)
    happened.wait(5 if "DISPLAY" in environment and "SSH_CONNECTION" not in environment else 0.1)
    return text.getvalue(), opened


def test_the_address_is_always_printed_and_opened_where_there_is_a_display(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    address = "http://127.0.0.1:4321/token/"
    for environment, opens in (
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"DISPLAY": ":10", "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}, False),
    ):
        text, opened = announced(environment, monkeypatch)
        assert address in text and opened == [address] * opens
        assert ("ssh -L 4321:127.0.0.1:4321" in text) == ("SSH_CONNECTION" in environment)
