"""Run folders of the training stages: what was run, its metrics, and its result.

RUN/run.json       resolved options, command, commit, package versions, seeds, device
RUN/metrics.jsonl  one JSON line a measurement; the same numbers in RUN/tensorboard
RUN/checkpoints/   see training.runs.resume
RUN/result.json    what the next stage needs to know; there once the stage is finished
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
    """Hold the run folder `options.out` of a stage: new, or to be continued.

    Args:
        stage: its name, such as "train_vision".
        options: its frozen dataclass, with `out` and `seed`.
        free: fields that may differ when the run is continued, such as how long it goes on.

    Raises:
        RunFolderError: the folder is of another command or in use, or can't be written.
        TrainingError: in place of an OSError inside the block, such as a full disk.
    """
    run = _open(stage, options, free)
    try:
        yield run.path
    except OSError as error:
        raise TrainingError(
            f"{error.filename or run.path}: {error.strerror or error}: make room, or what else "
            "it needs; the same command goes on from what was saved"
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
    """Measurements by step, in a JSONL file and for TensorBoard."""

    def __init__(self, folder: Path, step: int) -> None:
        """Open the logs; what an interrupted run logged after `step` is dropped."""
        # Imported here: it brings in torch, which evolution's workers must not load.
        from torch.utils.tensorboard import SummaryWriter

        path = folder / METRICS
        _drop_after(path, step)
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(folder / TENSORBOARD, purge_step=step + 1)

    def log(self, step: int, **values: Any) -> None:
        """Write one line; the numbers among the values are drawn as curves too."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        for name, value in values.items():
            if isinstance(value, (int, float)):
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is buffered."""
        self._file.close()
        self._board.close()


def write_result(folder: Path, stage: str, files: Sequence[str], **values: Any) -> None:
    """Say that a stage is finished, with the SHA-256 of the files that it hands on."""
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
    """The result of a finished stage, its files checked.

    Raises:
        TrainingError: not there, of another stage, or a file was altered since.
    """
    path = folder / RESULT
    try:
        result = json.loads(path.read_bytes())
        files = result["files"].items() if result["stage"] == stage else None
    except FileNotFoundError:
        raise TrainingError(
            f"{folder} holds no finished run of {stage} ({RESULT} is missing): finish it first, "
            "the same command goes on"
        ) from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{path} can't be read ({error!r:.100}): finish {stage} again"
        ) from None
    if files is None:
        raise TrainingError(f"{folder} is a run of {result['stage']!r:.40}: give one of {stage}")
    for name, digest in files:
        if not (folder / name).is_file() or sha256(folder / name) != digest:
            raise TrainingError(
                f"{folder / name} is missing or was altered: run {stage} again (the same command)"
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
