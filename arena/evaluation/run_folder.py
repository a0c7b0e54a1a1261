"""Run folders: the same command resumes a run, and no other command can change it.

    RUN/run.json       resolved settings, command, commit, package versions, seeds, device
    RUN/results.json   see arena.evaluation.results
    RUN/levels/SLUG/   one folder per level, see arena.evaluation.level_run

If no folder is given, the newest unfinished run with the same settings is resumed; if there is
none, a new folder `runs/DATE-TIME-AGENT-LEVELS` is created. The caller decides which settings
count: those that change the score, but not the number of levels played at once.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.metadata
import json
import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from agent.errors import UserError
from agent.files import write_atomically
from arena.evaluation.differences import differences
from arena.evaluation.results import RunResultsError, read_results

FILE_NAME = "run.json"
FORMAT = "world-models-contest/run"
VERSION = 1
LOCK_NAME = ".lock"
OWN_FILES = {FILE_NAME, LOCK_NAME}  # the files of a run that has no result yet
DEFAULT_ROOT = Path("runs")
PACKAGES = (
    *("world-models-contest", "numpy", "onnxruntime", "cma", "stable-retro", "rich"),
    *("torch", "stable-baselines3"),  # optional: of the baselines that learn
)
PROJECT_DIR = Path(__file__).resolve().parents[2]


class RunFolderError(UserError):
    """A run folder belongs to another command, or is in use, invalid or not writable."""


class RunFolder:
    """An open run folder, locked until it is closed or the process ends.

    Attributes:
        path: path of the folder.
        resumed: whether it contains an earlier, unfinished run with the same settings.
    """

    def __init__(
        self, path: Path, lock: IO[bytes], resumed: bool, made: Sequence[Path] = ()
    ) -> None:
        """Hold an open folder.

        Args:
            path: path of the folder.
            lock: its open and locked file.
            resumed: whether it contains an earlier run.
            made: folders that were created for this run, from `path` upwards.
        """
        self.path = path
        self.resumed = resumed
        self._lock = lock
        self._made = made

    def close(self) -> None:
        """Release the lock, and remove a new folder in which nothing was written.

        A command that fails before its first result therefore leaves no folder behind.
        """
        with contextlib.suppress(OSError):  # another process uses a folder above
            if not self.resumed and {entry.name for entry in self.path.iterdir()} == OWN_FILES:
                for name in OWN_FILES:
                    (self.path / name).unlink()
                for folder in self._made:
                    folder.rmdir()
        self._lock.close()


def open_run(
    out: Path | None,
    settings: Mapping[str, Any],
    *,
    name: str,
    seeds: Mapping[str, int | None],
    argv: Sequence[str],
    root: Path = DEFAULT_ROOT,
    resume: bool = True,
) -> RunFolder:
    """Open the folder of a run: a new one, or the one to resume.

    Args:
        out: the folder; None chooses one under `root`, see the module's docstring.
        settings: JSON values that must be equal for a run to be resumed.
        name: name of a new folder under `root`, after the date.
        seeds: random seeds, for run.json.
        argv: the command, for run.json and messages.
        root: folder in which run folders are searched and created if `out` is None.
        resume: whether an earlier run may be continued.

    Raises:
        RunFolderError: the folder contains a run that can't be continued or other files, is in use
            by another process, or is not writable.
    """
    settings = json.loads(json.dumps(settings))
    _check_path(out or root)
    try:
        if out is not None and not resume and (out / FILE_NAME).exists():
            raise RunFolderError(f"{out} contains a run already: give another folder")
        if out is None and resume:
            resumable = _find_unfinished(root, settings, seeds, argv)
            if resumable is not None:
                return resumable
        return _open(out or _new_path(root, name), settings, seeds, argv)
    except OSError as error:
        raise RunFolderError(
            f"can't write the run folder {out or root} ({error.strerror}): give another --out"
        ) from error


def _check_path(path: Path) -> None:
    """Raise RunFolderError if the emulator can't record movies in a folder of this path."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        raise RunFolderError(
            f"the path {os.fsencode(path.absolute())!r} is not UTF-8, and the emulator can't"
            " record movies there: give another --out"
        ) from None


def read_run(path: Path) -> dict[str, Any]:
    """Read PATH/run.json.

    Raises:
        RunFolderError: the file is missing or has another format.
    """
    try:
        run: dict[str, Any] = json.loads((path / FILE_NAME).read_text(encoding="utf-8"))
        if (run["format"], run["version"]) != (FORMAT, VERSION):
            raise ValueError(f"{run['format']} version {run['version']}")
        return run
    except FileNotFoundError:
        raise RunFolderError(f"{path} has no {FILE_NAME}: use another run folder") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunFolderError(
            f"{path / FILE_NAME} is not a {FORMAT} {VERSION} ({error}): use another run folder"
        ) from error


def _open(
    path: Path, settings: Mapping[str, Any], seeds: Mapping[str, int | None], argv: Sequence[str]
) -> RunFolder:
    if path.exists() and not path.is_dir():
        raise RunFolderError(f"{path} is a file: give a folder as --out")
    resumed = (path / FILE_NAME).exists()
    if resumed:
        run = read_run(path)
        _must_match(path, run, settings)
    elif path.is_dir() and any(entry.name != LOCK_NAME for entry in path.iterdir()):
        raise RunFolderError(f"{path} contains other files and no {FILE_NAME}: give another --out")
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    lock = _lock(path)
    if lock is None:
        raise RunFolderError(f"{path} is in use by another process: wait, or give another --out")
    invocation = {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(argv),
        **provenance(),
    }
    if resumed:
        run["resumed"].append(invocation)
    else:
        head = {"format": FORMAT, "version": VERSION, "settings": settings, "seeds": seeds}
        run = {**head, **invocation, "resumed": []}
    write_atomically(path / FILE_NAME, json.dumps(run, indent=2).encode() + b"\n")
    return RunFolder(path, lock, resumed, made)


def _must_match(path: Path, run: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    if different := differences(run["settings"], settings):
        raise RunFolderError(
            f"{path} contains the run of another command ({different}): give another --out, or"
            f" repeat `{run['command']}`"
        )


def _lock(path: Path) -> IO[bytes] | None:
    """Lock the folder until the process ends; None if another process has the lock."""
    lock = (path / LOCK_NAME).open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _find_unfinished(
    root: Path, settings: Mapping[str, Any], seeds: Mapping[str, int | None], argv: Sequence[str]
) -> RunFolder | None:
    """Open the newest run under `root` with these settings and with levels not played yet."""
    candidates = sorted(root.iterdir(), reverse=True) if root.is_dir() else []
    for path in candidates:
        try:
            same = read_run(path)["settings"] == settings
            if not same or read_results(path).complete:
                continue
        except (RunFolderError, RunResultsError):
            continue
        lock = _lock(path)
        if lock is not None:
            lock.close()
            return _open(path, settings, seeds, argv)
    return None


def _new_path(root: Path, name: str) -> Path:
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60]
    stem = f"{datetime.now():%Y%m%d-%H%M%S}-{safe}"
    path, number = root / stem, 2
    while path.exists():
        path, number = root / f"{stem}-{number}", number + 1
    return path


def provenance() -> dict[str, Any]:
    """Return commit, package versions and device; never the environment's variables."""
    return {
        "commit": _commit(),
        "packages": {"python": platform.python_version(), **_versions()},
        "device": {
            "system": platform.platform(),
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
        },
    }


def _versions() -> dict[str, str]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue  # an optional package, or the project is used without being installed
    return versions


def _commit() -> str | None:
    """Return the project's commit, with `+changes` if the working tree differs from it."""
    git = ["git", "-C", str(PROJECT_DIR)]
    try:
        top, head = subprocess.run(
            [*git, "rev-parse", "--show-toplevel", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        if Path(top) != PROJECT_DIR:
            return None  # installed inside somebody else's repository
        changes = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        return None  # git is not installed, or this is not a checkout
    return f"{head}+changes" if changes.strip() else head


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def current_command() -> list[str]:
    """Return the command line of this process."""
    return [Path(sys.executable).name, *sys.argv]
