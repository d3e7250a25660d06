"""What a graph computes from one input alone, taken out of it: once per stream, not per block."""

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, helper
from onnx.shape_inference import infer_shapes
from onnx.utils import Extractor


def hoist(model: ModelProto, source: str, name: str) -> tuple[ModelProto, ModelProto]:
    """Split a graph in two: what follows from input `source` alone, and all the rest.

    The first returns everything that the second needs of it as one tensor `name` (B 1 P), which is
    an input of the second in place of `source`. Values that cross must be of shape (B 1 N).
    """
    constants = {entry.name for entry in model.graph.initializer}
    alone = {source}
    for node in model.graph.node:
        needed = set(node.input) - constants - {""}
        if needed and needed <= alone:
            alone |= set(node.output)
    crossing = list(
        dict.fromkeys(
            value
            for node in model.graph.node
            if not set(node.output) <= alone
            for value in node.input
            if value in alone
        )
    )
    known = infer_shapes(model)
    shapes = {value.name: value.type.tensor_type.shape.dim for value in known.graph.value_info}
    widths = [shapes[value][2].dim_value for value in crossing]
    others = [value.name for value in model.graph.input if value.name != source]
    outputs = [value.name for value in model.graph.output]
    extractor = Extractor(known)
    first = extractor.extract_model([source], crossing)
    rest = extractor.extract_model([*others, *crossing], outputs)
    _end_with(first, helper.make_node("Concat", crossing, [name], axis=-1), sum(widths))
    sizes = onnx.numpy_helper.from_array(np.array(widths), f"{name}_widths")
    split = helper.make_node("Split", [name, sizes.name], crossing, axis=-1)
    rest.graph.initializer.append(sizes)
    _start_with(rest, split, others, sum(widths))
    return first, rest


def _end_with(model: ModelProto, node: NodeProto, width: int) -> None:
    """Let a graph return the output of one more node alone."""
    model.graph.node.append(node)
    del model.graph.output[:]
    model.graph.output.append(_rows(node.output[0], width))


def _start_with(model: ModelProto, node: NodeProto, others: list[str], width: int) -> None:
    """Let a graph begin with one more node whose first input replaces what it computes."""
    kept = [value for value in model.graph.input if value.name in others]
    nodes = list(model.graph.node)
    for field, values in (
        ("input", [*kept, _rows(node.input[0], width)]),
        ("node", [node, *nodes]),
    ):
        copies = [type(value).FromString(value.SerializeToString()) for value in values]
        del getattr(model.graph, field)[:]
        getattr(model.graph, field).extend(copies)


def _rows(name: str, width: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["rows", 1, width])
