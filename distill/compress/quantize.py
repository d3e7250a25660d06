"""int8 by onnxruntime: which products become int8, by which scheme, and which stay float."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    QuantFormat,
    QuantType,
    quantize_dynamic,
    quantize_static,
)

from distill.compress.tidy import module_of, quiet
from distill.engines.onnx import WEIGHTS_ONLY

SCHEMES = (WEIGHTS_ONLY, "static", "dynamic")
OUTPUT_AXIS = {"MatMul": 1, "Gemm": 0, "Conv": 0}
"""Axis of the outputs in the weights of each operator (of a linear layer, Gemm transposes)."""
SMALLEST = 512
Feeds = Mapping[str, np.ndarray]

FLOAT = ("bands", "lags", "motion_in", "out", "persona", "step")
"""Modules that stay float: spectra, what reads noisy motion, what writes motion, and what is
computed once per clip from few numbers."""


class _Feeder(CalibrationDataReader):
    def __init__(self, feeds: Iterable[Feeds]) -> None:
        self.feeds = iter(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:  # type: ignore[override]
        found = next(self.feeds, None)
        return None if found is None else dict(found)


def quantize(model: ModelProto, scheme: str, feeds: Iterable[Feeds]) -> ModelProto:
    """Return the model with int8 weights.

    Args:
        model: A tidy float model (`distill.compress.tidy`).
        scheme: `weights` stores weights in int8 and computes in float. The others compute products
            over frames in int8, with the ranges of activations measured on `feeds` beforehand
            (`static`) or on every call (`dynamic`); products of one row stay in float.
        feeds: Inputs of the model, for the ranges.
    """
    lighter = onnx.ModelProto()
    lighter.CopyFrom(model)
    constants = weights_of(lighter)
    products = [node for node in lighter.graph.node if becomes_int8(node, constants)]
    if scheme == WEIGHTS_ONLY:
        store_weights(lighter, products)
        return lighter
    chosen = [node.name for node in products if node.op_type == "MatMul"]
    others = [node for node in products if node.op_type != "MatMul"]
    store_weights(lighter, others, shared=False)  # the quantizer would name shared ones twice
    options = {
        "op_types_to_quantize": ["MatMul"],
        "nodes_to_quantize": chosen,
        "per_channel": True,
        "weight_type": QuantType.QInt8,
        "reduce_range": True,  # 7 bits: processors without VNNI would overflow at 8
    }
    if not chosen:
        return lighter
    with TemporaryDirectory() as folder, quiet():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        onnx.save(lighter, source)
        if scheme == "dynamic":
            quantize_dynamic(source, target, **options)
        else:
            quantize_static(
                source, target, _Feeder(feeds), quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8, **options,
            )  # fmt: skip
        return onnx.load(target)


def weights_of(model: ModelProto) -> dict[str, TensorProto]:
    """Return the model's constants by name."""
    return {tensor.name: tensor for tensor in model.graph.initializer}


def becomes_int8(node: NodeProto, constants: Mapping[str, TensorProto]) -> bool:
    """Return whether a node multiplies by weights that are worth storing in int8."""
    if node.op_type not in OUTPUT_AXIS or node.input[1] not in constants:
        return False
    large = np.prod(constants[node.input[1]].dims) >= SMALLEST
    return bool(large) and not set(module_of(node).split(".")) & set(FLOAT)


def store_weights(model: ModelProto, nodes: Iterable[NodeProto], *, shared: bool = True) -> None:
    """Keep the weights of nodes as int8, a scale per output, in place.

    Nodes of the same weights share them also when widened, unless they must not.
    """
    constants, stored = weights_of(model), set[str]()
    for node in nodes:
        name, axis = node.input[1], OUTPUT_AXIS[node.op_type]
        if name not in stored:
            values = numpy_helper.to_array(constants[name])
            others = tuple(i for i in range(values.ndim) if i != axis)
            scale = np.maximum(np.abs(values).max(others, keepdims=True), 1e-12) / 127
            small = np.round(values / scale).astype(np.int8)
            for suffix, array in (("_int8", small), ("_scale", scale.reshape(-1))):
                model.graph.initializer.append(
                    numpy_helper.from_array(np.ascontiguousarray(array), name + suffix)
                )
            model.graph.initializer.remove(constants[name])
            stored.add(name)
        wide = f"{name if shared else node.name}_wide"
        if all(wide not in made.output for made in model.graph.node):
            parts = [name + suffix for suffix in ("_int8", "_scale")]
            widen = helper.make_node("DequantizeLinear", parts, [wide], name=wide, axis=axis)
            model.graph.node.insert(0, widen)
        node.input[1] = wide
