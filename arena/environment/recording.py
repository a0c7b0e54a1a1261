"""Records each episode of an environment as a .bk2, and overwrites no recording.

stable-retro numbers recordings from 0 in every process. Here a recording is written under a
temporary name, and gets the first free number when its episode ends.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from pathlib import Path
from typing import Any


class Recorder:
    """Records the episodes of an environment in a folder, as GAME-STATE-NUMBER.bk2.

    A process that is killed leaves no recording of its last episode, because the emulator writes
    a recording only at its end.
    """

    def __init__(self, env: Any, folder: Path) -> None:
        """Store stable-retro's environment, and the folder, which must exist."""
        self._env = env
        state = Path(env.statename).stem
        self._name = f"{env.gamename}-{state}"
        self._folder = folder
        self._temporary = folder / f".{self._name}.{os.getpid()}.bk2"
        self._number = 0  # an episode's number, if no other process records in the folder

    def begin(self) -> None:
        """Finish the recording of the episode before, and begin one. Then reset the environment."""
        self.finish()
        self._env.record_movie(str(self._temporary))

    def finish(self) -> None:
        """Write the recording of the current episode, if there is one."""
        if not self._env.movie:
            return
        self._env.stop_record()
        with contextlib.suppress(OSError):  # on a full disk the recording is lost; play continues
            if zipfile.is_zipfile(self._temporary):
                self._publish()
        with contextlib.suppress(OSError):
            self._temporary.unlink()
        self._number += 1

    def _publish(self) -> None:
        while True:
            path = self._folder / f"{self._name}-{self._number:06d}.bk2"
            try:  # a new file, so that no other process takes the same number
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            except FileExistsError:
                self._number += 1
            else:
                self._temporary.replace(path)
                return
