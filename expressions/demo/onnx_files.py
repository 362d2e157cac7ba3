"""The networks of an editor as ONNX, for a browser that draws faces itself.

Kernels are written in half precision, as the weights hold them; the scale of a batch normalisation is a constant beside
them. What runs the files multiplies both out once, when it loads them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.functional import pixel_unshuffle

from ..editor import Editor
from ..images import IMAGE_SIZE
from ..latents import Z_DIM
from ..networks.lens import FACTOR, bicubic

_OPSET, _IR = 17, 8  # old enough for any runtime of today


class Graph:
    """A graph under construction. Every method appends nodes and names what they make."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append one node of an operator -> its output."""
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, array: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def kernel(self, kernel: Tensor) -> str:
        """Numbers in half precision, made single again."""
        half = self.constant(kernel.detach().cpu().half().numpy())
        return self.node("Cast", half, to=TensorProto.FLOAT)

    def layers(self, layers: Sequence[nn.Module], seen: str) -> str:
        """Append layers of a network, one after the other.

        Raises:
            ValueError: one is of a kind that is not known here.
        """
        for layer, after in zip(layers, [*layers[1:], None], strict=True):
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                norm = after if isinstance(after, nn.BatchNorm2d) else None
                seen = self._convolution(layer, norm, seen)
            elif isinstance(layer, nn.Linear):
                weight, bias = (self.constant(p.detach().cpu().numpy()) for p in layer.parameters())
                seen = self.node("Gemm", seen, weight, bias, transB=1)
            elif isinstance(layer, nn.PReLU):
                seen = self.node("PRelu", seen, self.constant(layer.weight.detach().cpu().numpy()[:, None, None]))
            elif isinstance(layer, nn.MaxPool2d):
                seen = self.node("MaxPool", seen, kernel_shape=[2, 2], strides=[2, 2])
            elif type(layer) in _PLAIN:
                seen = self.node(_PLAIN[type(layer)], seen)
            elif not isinstance(layer, nn.BatchNorm2d | nn.Dropout):  # the one is in the convolution, the other rests
                raise ValueError(f"cannot write a layer of kind {type(layer).__name__}")
        return seen

    def _convolution(self, layer: nn.Conv2d | nn.ConvTranspose2d, norm: nn.BatchNorm2d | None, seen: str) -> str:
        """Append a convolution, with the batch normalisation that follows it."""
        is_transposed = isinstance(layer, nn.ConvTranspose2d)
        kernel = self.kernel(layer.weight)
        bias = layer.bias
        if norm is not None:
            assert norm.running_mean is not None and norm.running_var is not None  # noqa: S101, PT018
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            shape = (1, -1, 1, 1) if is_transposed else (-1, 1, 1, 1)  # where the kernel has its outputs
            kernel = self.node("Mul", kernel, self.constant(scale.detach().cpu().view(shape).numpy()))
            bias = norm.bias - norm.running_mean * scale
        inputs = [seen, kernel] + ([self.constant(bias.detach().cpu().numpy())] if bias is not None else [])
        kind = "ConvTranspose" if is_transposed else "Conv"
        pads = [*layer.padding, *layer.padding]
        return self.node(kind, *inputs, kernel_shape=layer.kernel_size, strides=layer.stride, pads=pads)

    def enlargement(self, layers: Sequence[nn.Module] | None, images: str) -> str:
        """Append what `networks.lens.Lens` does; without layers, smooth enlargement with the same means."""
        large = self._bicubic(images)
        if layers is not None:
            detail = self.layers(layers, images)
            large = self.node("Add", large, self.node("DepthToSpace", detail, blocksize=FACTOR, mode="CRD"))
        four = {"kernel_shape": [FACTOR, FACTOR], "strides": [FACTOR, FACTOR]}
        detail = self.node("Sub", large, self._spread(self.node("AveragePool", large, **four)))
        one, small, ends = self._scalar(1), self._scalar(1e-6), (self._scalar(-1), self._scalar(1))
        up = self.node("Max", self.node("MaxPool", detail, **four), small)
        down = self.node("Max", self.node("MaxPool", self.node("Neg", detail), **four), small)
        share = self.node(
            "Min",
            self.node("Div", self.node("Sub", one, images), up),
            self.node("Div", self.node("Add", one, images), down),
        )
        share = self.node("Clip", share, self._scalar(0), one)
        added = self.node("Mul", self._spread(share), detail)
        return self.node("Clip", self.node("Add", self._spread(images), added), *ends)

    def _bicubic(self, images: str) -> str:
        """What `networks.lens.bicubic` does, as a convolution: a runtime's own is slower than a small network."""
        pads = self.constant(np.array([0, 0, 2, 2, 0, 0, 2, 2]))
        padded = self.node("Pad", images, pads, mode="edge")
        point = torch.zeros(1, 1, 9, 9)
        point[..., 4, 4] = 1
        drawn = pixel_unshuffle(bicubic(point), FACTOR)[0, :, 2:7, 2:7]  # (4, 5, 5): where each of four pixels shows it
        kernels = self.constant(drawn.flip(1, 2).repeat(3, 1, 1)[:, None].numpy())
        four = self.node("Conv", padded, kernels, kernel_shape=[5, 5], group=3)
        return self.node("DepthToSpace", four, blocksize=FACTOR, mode="CRD")

    def _scalar(self, number: float) -> str:
        return self.constant(np.array(number, np.float32))

    def _spread(self, images: str) -> str:
        """Each pixel four times."""
        scales = self.constant(np.array([1, 1, FACTOR, FACTOR], np.float32))
        looks = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.node("Resize", images, "", scales, mode="nearest", **looks)

    def file(self, name: str, given: Sequence[int], output: str, made: Sequence[int]) -> bytes:
        """The file of a network from the input `name` (N, *given) to `output` (N, *made)."""
        ends = [
            helper.make_tensor_value_info(end, TensorProto.FLOAT, ["N", *shape])
            for end, shape in ((name, given), (output, made))
        ]
        graph = helper.make_graph(self.nodes, "network", ends[:1], ends[1:], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString()


_PLAIN: dict[type[nn.Module], str] = {
    nn.ReLU: "Relu",
    nn.Tanh: "Tanh",
    nn.AdaptiveAvgPool2d: "GlobalAveragePool",
    nn.Flatten: "Flatten",
}
_IMAGE = (3, IMAGE_SIZE, IMAGE_SIZE)


def generator_file(editor: Editor) -> bytes:
    """From `z` (N, 100) to faces (N, 3, 64, 64), as `Editor.synthesize`."""
    graph = Graph()
    column = graph.node("Unsqueeze", "z", graph.constant(np.array([2, 3])))
    images = graph.layers(list(editor.generator.layers), column)
    return graph.file("z", (Z_DIM,), images, _IMAGE)


def classifier_file(editor: Editor) -> bytes:
    """From `images` (N, 3, 64, 64) to the logits (N, K - 1) of all attributes but the last, skin tone."""
    graph = Graph()
    logits = graph.layers([*editor.classifier.features, *editor.classifier.head], "images")
    return graph.file("images", _IMAGE, logits, (len(editor.attributes) - 1,))


def lens_file(editor: Editor) -> bytes:
    """From `images` (N, 3, 64, 64) to larger ones (N, 3, 128, 128), as `Editor.enlarge`."""
    graph = Graph()
    large = graph.enlargement(None if editor.lens is None else list(editor.lens.layers), "images")
    return graph.file("images", _IMAGE, large, (3, FACTOR * IMAGE_SIZE, FACTOR * IMAGE_SIZE))


FILES = {"generator": generator_file, "classifier": classifier_file, "lens": lens_file}
