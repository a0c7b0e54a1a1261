"""Exports the PyTorch networks to the ONNX files that the agent plays with.

The graphs are built operator by operator instead of traced: all shapes are fixed, and the layout
is the one that a single core computes fastest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from agent.buttons import ACTION_BUTTONS
from agent.files import write_atomically
from agent.world_model.packed_model import DECODER, EXPECTATION, MEMORY, VISION
from training.models.networks import MDNLSTM, VAE

OPSET = 17
IR_VERSION = 9  # newest version that the oldest ONNX Runtime for Python 3.11 and numpy 2 reads


class _Graph:
    """An ONNX graph under construction: its operators and weights."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.kept: list[onnx.ValueInfoProto] = []

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def weight(self, name: str, value: torch.Tensor | NDArray[np.generic]) -> str:
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().numpy()
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def kept_weight(self, name: str, value: torch.Tensor) -> str:
        """Add a weight that ONNX Runtime does not prepack, by declaring it as an input too.

        Prepacking pays off when a matrix is multiplied with many rows, but here it is only one.
        In `original2018`, the last layer of V takes 0.32 ms without and 0.51 ms with prepacking,
        and M takes 1.1 ms without and 1.5 ms with it.
        """
        shape = list(value.shape)
        self.kept.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return self.weight(name, value)

    def write(
        self,
        path: Path,
        inputs: dict[str, tuple[int, tuple[int, ...]]],
        outputs: dict[str, tuple[int, ...]],
    ) -> None:
        graph = helper.make_graph(
            self.nodes,
            path.stem,
            [
                *(
                    helper.make_tensor_value_info(n, kind, dims)
                    for n, (kind, dims) in inputs.items()
                ),
                *self.kept,
            ],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, shape in outputs.items()
            ],
            self.weights,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
        )
        onnx.checker.check_model(model, full_check=True)
        write_atomically(path, model.SerializeToString())


def export_networks(folder: Path, vae: VAE, memory: MDNLSTM) -> None:
    """Write all four ONNX files of a packed model: encoder, memory, decoder and expectation."""
    export_vision(vae, folder / VISION)
    export_memory(memory, folder / MEMORY)
    export_decoded_views(folder, vae, memory)


def export_decoded_views(folder: Path, vae: VAE, memory: MDNLSTM) -> None:
    """Write the networks of `arena.replay.decoded_views`: V's decoder and M's expectation."""
    export_decoder(vae, folder / DECODER)
    export_expectation(memory, folder / EXPECTATION)


def export_vision(vae: VAE, path: Path) -> None:
    """Write the encoder: `frame` uint8 (1, S, S, 3) -> `mu` float32 (1, Z).

    The division by 255 is folded into the first convolution's weights.
    """
    spec, graph = vae.spec, _Graph()
    x = graph.add("Transpose", ["frame"], "planes", perm=[0, 3, 1, 2])
    x = graph.add("Cast", [x], "values", to=TensorProto.FLOAT)
    for number, convolution in enumerate(vae.convolutions):
        assert isinstance(convolution, torch.nn.Conv2d) and convolution.bias is not None
        kernel = convolution.weight / 255 if number == 0 else convolution.weight
        inputs = [
            x,
            graph.weight(f"kernel{number}", kernel),
            graph.weight(f"bias{number}", convolution.bias),
        ]
        x = graph.add("Conv", inputs, f"sum{number}", kernel_shape=[4, 4], strides=[2, 2])
        x = graph.add("Relu", [x], f"layer{number}")
    x = graph.add("Flatten", [x], "flat")
    weight = graph.kept_weight("mu_weight", vae.mu.weight)
    graph.add("Gemm", [x, weight, graph.weight("mu_bias", vae.mu.bias)], "mu", transB=1)
    shape = (1, spec.frame_size, spec.frame_size, 3)
    graph.write(path, {"frame": (TensorProto.UINT8, shape)}, {"mu": (1, spec.latent)})


def export_memory(memory: MDNLSTM, path: Path) -> None:
    """Write one step of the LSTM: z, action, h, c -> next_h, next_c, all float32 (1, ...).

    The gates are one matrix product over [x, h]; ONNX's LSTM operator is meant for sequences.

    Args:
        memory: network; its mixture heads are not exported.
        path: path of the ONNX file.
    """
    spec, lstm, graph = memory.spec, memory.lstm.state_dict(), _Graph()
    matrix = graph.kept_weight
    graph.add("Concat", ["z", "action"], "seen", axis=1)
    graph.add("MatMul", ["seen", matrix("input_weight", memory.input.weight.T)], "mixed")
    graph.add("Add", ["mixed", graph.weight("input_bias", memory.input.bias)], "shifted")
    graph.add("Relu", ["shifted"], "x")
    graph.add("Concat", ["x", "h"], "x_h", axis=1)
    weight = torch.cat((lstm["weight_ih_l0"], lstm["weight_hh_l0"]), 1)  # (4H, 2H): i, f, g, o
    graph.add("MatMul", ["x_h", matrix("gates_weight", weight.T)], "products")
    bias = graph.weight("gates_bias", lstm["bias_ih_l0"] + lstm["bias_hh_l0"])
    graph.add("Add", ["products", bias], "gates")
    quarter = graph.weight("quarters", np.full(4, spec.hidden, np.int64))
    names = ["input_gate", "forget_gate", "candidate", "output_gate"]
    graph.nodes.append(helper.make_node("Split", ["gates", quarter], names, axis=1))
    for name in names:
        graph.add("Tanh" if name == "candidate" else "Sigmoid", [name], f"{name}_value")
    graph.add("Mul", ["forget_gate_value", "c"], "kept")
    graph.add("Mul", ["input_gate_value", "candidate_value"], "new")
    graph.add("Add", ["kept", "new"], "next_c")
    graph.add("Tanh", ["next_c"], "shown")
    graph.add("Mul", ["output_gate_value", "shown"], "next_h")
    hidden = (1, spec.hidden)
    shapes = {"z": (1, spec.latent), "action": (1, len(ACTION_BUTTONS)), "h": hidden, "c": hidden}
    graph.write(
        path,
        {name: (TensorProto.FLOAT, shape) for name, shape in shapes.items()},
        {"next_h": hidden, "next_c": hidden},
    )


def export_decoder(vae: VAE, path: Path) -> None:
    """Write the decoder: `z` float32 (1, Z) -> `frame` float32 (1, S, S, 3) in [0, 1].

    There is no activation between the first two layers, and the input of the second is 1 x 1
    pixel: both are folded into one matrix, which has a thirtieth of their weights.
    """
    spec, graph = vae.spec, _Graph()
    first, *others = vae.deconvolutions
    assert isinstance(first, torch.nn.ConvTranspose2d) and first.bias is not None
    kernel = first.weight.double()  # (C, D, 5, 5)
    weight = torch.einsum("cz,cdij->zdij", vae.start.weight.double(), kernel)
    bias = torch.einsum("c,cdij->dij", vae.start.bias.double(), kernel)
    bias = bias + first.bias.double()[:, None, None]
    x = graph.add("MatMul", ["z", graph.weight("start_weight", weight.flatten(1).float())], "start")
    x = graph.add("Add", [x, graph.weight("start_bias", bias.flatten().float())], "flat")
    shape = graph.weight("shape", np.array([1, *bias.shape], np.int64))
    x = graph.add("Reshape", [x, shape], "planes")
    for number, layer in enumerate(others):
        assert isinstance(layer, torch.nn.ConvTranspose2d) and layer.bias is not None
        x = graph.add("Relu", [x], f"layer{number}")
        inputs = [
            x,
            graph.weight(f"kernel{number}", layer.weight),
            graph.weight(f"bias{number}", layer.bias),
        ]
        size = list(layer.kernel_size)
        x = graph.add("ConvTranspose", inputs, f"sum{number}", kernel_shape=size, strides=[2, 2])
    x = graph.add("Sigmoid", [x], "values")
    graph.add("Transpose", [x], "frame", perm=[0, 2, 3, 1])
    frame = (1, spec.frame_size, spec.frame_size, 3)
    graph.write(path, {"z": (TensorProto.FLOAT, (1, spec.latent))}, {"frame": frame})


def export_expectation(memory: MDNLSTM, path: Path) -> None:
    """Write the mean of the mixtures: `h` float32 (1, H) -> `z` float32 (1, Z), sum of pi mu.

    `h` is the LSTM's output after a step, `z` the expected next latent.
    """
    spec, graph = memory.spec, _Graph()
    parts = (3, spec.latent, spec.mixtures)
    weight = memory.heads.weight.reshape(*parts, spec.hidden)[:2]  # logits and means
    bias = memory.heads.bias.reshape(parts)[:2]
    for name, part in (("logits", 0), ("means", 1)):
        matrix = graph.weight(f"{name}_weight", weight[part].flatten(0, 1).T)
        x = graph.add("MatMul", ["h", matrix], f"{name}_product")
        x = graph.add("Add", [x, graph.weight(f"{name}_bias", bias[part].flatten())], f"{name}_sum")
        shape = graph.weight(f"{name}_shape", np.array([1, *parts[1:]], np.int64))
        graph.add("Reshape", [x, shape], name)  # (1, Z, K)
    graph.add("Softmax", ["logits"], "weights", axis=2)
    graph.add("Mul", ["weights", "means"], "shares")
    axis = graph.weight("axis", np.array([2], np.int64))
    graph.add("ReduceSum", ["shares", axis], "z", keepdims=0)
    hidden = (TensorProto.FLOAT, (1, spec.hidden))
    graph.write(path, {"h": hidden}, {"z": (1, spec.latent)})
