"""Runs an ONNX network on one thread, with buffers that are allocated once.

Vision and memory both use it. Play computes single frames in a loop: more threads would only wait
for each other and take the core on which the emulator runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import DTypeLike, NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnxruntime_errors

from agent.world_model.packed_model import PackedModelError

_LOAD_ERRORS = (
    onnxruntime_errors.Fail,
    onnxruntime_errors.InvalidArgument,
    onnxruntime_errors.InvalidGraph,
    onnxruntime_errors.InvalidProtobuf,
    onnxruntime_errors.NoModel,
    onnxruntime_errors.NotImplemented,
    onnxruntime_errors.RuntimeException,
)


class OnnxNetwork:
    """One network: write into `inputs`, call `run`, read from `outputs`; arrays are reused."""

    def __init__(
        self,
        path: Path,
        inputs: Mapping[str, tuple[tuple[int, ...], DTypeLike]],
        outputs: Mapping[str, tuple[int, ...]],
    ) -> None:
        """Open the file and bind the buffers.

        Args:
            path: an ONNX file.
            inputs: name -> (shape, dtype), as the network declares them.
            outputs: name -> shape; all are float32.

        Raises:
            PackedModelError: the file is missing or damaged, or the network has other shapes.
        """
        onnxruntime.disable_telemetry_events()
        self._session = _open(path)
        declared = {
            value.name: tuple(value.shape)
            for value in (*self._session.get_inputs(), *self._session.get_outputs())
        }
        expected = {name: shape for name, (shape, _) in inputs.items()} | dict(outputs)
        if declared != expected:
            raise PackedModelError(
                f"{path} declares {declared}, but the specification needs {expected}: it belongs"
                " to another model; restore it, or pack the model again"
            )
        self.inputs = {name: np.zeros(shape, dtype) for name, (shape, dtype) in inputs.items()}
        self.outputs: dict[str, NDArray[np.float32]] = {
            name: np.zeros(shape, np.float32) for name, shape in outputs.items()
        }
        self._binding = self._session.io_binding()
        for name, array in self.inputs.items():
            self._binding.bind_cpu_input(name, array)
        for name, array in self.outputs.items():
            self._binding.bind_output(
                name, "cpu", 0, np.float32, array.shape, array.__array_interface__["data"][0]
            )

    def run(self) -> None:
        """Compute the outputs from the inputs."""
        self._session.run_with_iobinding(self._binding)


def _open(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4  # errors are raised; stderr belongs to the journal
    try:
        # ONNX Runtime can't open a path that is not UTF-8, so it gets the file's content.
        content = path.read_bytes()
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except (OSError, *_LOAD_ERRORS) as error:
        reason = " ".join(str(error).split())[:160]
        raise PackedModelError(
            f"{path} can't be loaded as a network ({reason}): restore it, or pack the model again"
        ) from None
