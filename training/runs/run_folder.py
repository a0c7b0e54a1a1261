"""Run folders of the training stages.

RUN/run.json       resolved options, command, commit, package versions, random seeds, device
RUN/metrics.jsonl  one JSON line per measurement; the same numbers in RUN/tensorboard
RUN/checkpoints/   see training.runs.resume
RUN/result.json    the result that the next stage reads; written when the stage is finished
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.files import sha256, write_atomically
from arena.evaluation.run_folder import FILE_NAME, RunFolder, current_command, open_run, read_run
from training.runs.resume import TrainingError

METRICS = "metrics.jsonl"
TENSORBOARD = "tensorboard"
CHECKPOINTS = "checkpoints"
RESULT = "result.json"
PACKAGES = ("torch", "zarr", "safetensors", "onnx", "opencv-python-headless")


@contextmanager
def stage_run(stage: str, options: Any, free: Sequence[str]) -> Iterator[Path]:
    """Open and lock the run folder `options.out` of a stage, new or to be resumed.

    Args:
        stage: name of the stage, such as "train_vision".
        options: frozen dataclass of its options, with fields `out` and `seed`.
        free: names of the options that may change when the run is resumed, such as `steps`.

    Raises:
        RunFolderError: the folder belongs to another command, is in use, or can't be written.
        TrainingError: an OSError, such as a full disk, was raised inside the block.
    """
    run = _open(stage, options, free)
    try:
        yield run.path
    except OSError as error:
        raise TrainingError(
            f"{error.filename or run.path}: {error.strerror or error}. Solve this, then run the "
            "same command again: it resumes from the last checkpoint"
        ) from error
    finally:
        run.close()


def _open(stage: str, options: Any, free: Sequence[str]) -> RunFolder:
    values = {
        name: str(value) if isinstance(value, Path) else value
        for name, value in dataclasses.asdict(options).items()
    }
    fixed = {name: value for name, value in values.items() if name not in (*free, "out")}
    settings = {"stage": stage, **fixed}
    seeds = {"seed": options.seed}
    run = open_run(options.out, settings, name=stage, seeds=seeds, argv=current_command())
    record = read_run(run.path)
    record["options"] = values
    record["packages"] |= _versions()
    write_atomically(run.path / FILE_NAME, json.dumps(record, indent=2).encode() + b"\n")
    return run


class Metrics:
    """Logs measurements by step, to a JSONL file and to TensorBoard."""

    def __init__(self, folder: Path, step: int) -> None:
        """Open the logs; entries of an interrupted run after `step` are removed."""
        # Imported here because it loads torch, which the workers of evolve must not load.
        from torch.utils.tensorboard import SummaryWriter

        path = folder / METRICS
        _drop_after(path, step)
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(folder / TENSORBOARD, purge_step=step + 1)

    def log(self, step: int, **values: Any) -> None:
        """Write one line; TensorBoard gets those values that are numbers."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        for name, value in values.items():
            if isinstance(value, (int, float)):
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Flush and close the logs."""
        self._file.close()
        self._board.close()


def write_result(folder: Path, stage: str, files: Sequence[str], **values: Any) -> None:
    """Write the result of a finished stage.

    Args:
        folder: run folder.
        stage: name of the stage.
        files: names of the files that later stages read; their SHA-256 is stored.
        values: further JSON values of the result.
    """
    run = read_run(folder)
    result = {
        "stage": stage,
        "options": run["options"],
        "commit": run["commit"],
        "device": run["device"],
        "files": {name: sha256(folder / name) for name in files},
        **values,
    }
    write_atomically(folder / RESULT, (json.dumps(result, indent=2) + "\n").encode())


def read_result(folder: Path, stage: str) -> Mapping[str, Any]:
    """Read the result of a finished stage and check the SHA-256 of its files.

    Args:
        folder: run folder.
        stage: name of the stage.

    Raises:
        TrainingError: the stage is not finished, the run is of another stage, or a file was
            altered.
    """
    path = folder / RESULT
    try:
        result = json.loads(path.read_bytes())
        files = result["files"].items() if result["stage"] == stage else None
    except FileNotFoundError:
        raise TrainingError(
            f"{folder} holds no finished run of {stage} ({RESULT} is missing). Run {stage} with "
            "this --out to the end: the same command resumes it"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(f"{path} can't be read ({error!r:.100}). Run {stage} again") from None
    if files is None:
        raise TrainingError(f"{folder} is a run of {result['stage']!r:.40}. Use a run of {stage}")
    for name, digest in files:
        if not (folder / name).is_file() or sha256(folder / name) != digest:
            raise TrainingError(
                f"{folder / name} is missing or was altered. Run the same {stage} command again"
            )
    return dict(result)


def _drop_after(path: Path, step: int) -> None:
    if not path.exists():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except ValueError:
            continue  # the process was killed in the middle of this line
    write_atomically(path, "".join(kept).encode())


def _versions() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in PACKAGES}
