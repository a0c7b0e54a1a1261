"""The samples reach a program of the operating system; without one, the play is silent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from game.sound import Sound
from tests.helpers.screen import wait_for


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """Let PATH contain only these shell scripts."""
    for name, script in scripts.items():
        path = folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_program_without_a_device_is_followed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    played = tmp_path / "played"
    programs(tmp_path, monkeypatch, pacat="exit 1", aplay=f"exec /bin/cat > {played}")
    samples = np.arange(1472, dtype=np.int16).reshape(736, 2)
    sound = Sound(44100)

    def heard() -> bool:
        sound.play(samples)
        return played.is_file() and played.stat().st_size >= samples.nbytes

    wait_for("sound", heard)
    sound.close()
    assert played.read_bytes()[: samples.nbytes] == samples.tobytes()


def test_without_a_program_the_play_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    programs(tmp_path, monkeypatch)
    sound = Sound(44100)
    sound.play(np.zeros((736, 2), np.int16))
    sound.close()
    assert "no sound" in capsys.readouterr().out
