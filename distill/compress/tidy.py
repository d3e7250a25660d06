"""Exported models made small: constants folded, every weight once, nothing of the exporter left."""

import ast
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import onnx
import onnx_ir
from onnx import ModelProto, NodeProto, helper
from onnxscript import optimizer
from onnxscript.rewriter import rewrite

from distill.compress.fold import RULES
from distill.compress.framing import OPSET

_SCOPES, _FOLD_VALUES = "pkg.torch.onnx.name_scopes", 2**24
MODULE = "module"


def tidy(model: ModelProto) -> ModelProto:
    """Return the model with all constants folded and one metadata entry per node, its module.

    Operations are put into their neighbours where that is exact (`distill.compress.fold`).
    """
    del model.opset_import[:]  # merging leaves one entry per part
    model.opset_import.append(helper.make_opsetid("", OPSET))
    graph = onnx_ir.from_proto(model)
    with quiet():
        _fold_constants(graph)
        graph = rewrite(graph, RULES)
        _fold_constants(graph)
    folded = onnx_ir.to_proto(graph)
    for node in folded.graph.node:
        module = _traced_module(node)
        _clear(node)
        if module:
            node.metadata_props.append(onnx.StringStringEntryProto(key=MODULE, value=module))
    del folded.graph.value_info[:]
    return folded


def _fold_constants(graph: onnx_ir.Model) -> None:
    optimizer.optimize(graph, input_size_limit=_FOLD_VALUES, output_size_limit=_FOLD_VALUES)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep remarks of the exporter and the quantizer on their own internals from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            warnings.catch_warnings(),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def strip(model: ModelProto) -> None:
    """Remove what only the quantization needed to know, in place."""
    for node in model.graph.node:
        _clear(node)
    del model.graph.value_info[:]


def module_of(node: NodeProto) -> str:
    """Return the dotted name of the module that a node of a tidy model comes from, or nothing."""
    return next((entry.value for entry in node.metadata_props if entry.key == MODULE), "")


def _clear(node: NodeProto) -> None:
    del node.metadata_props[:]
    node.doc_string = ""


def _traced_module(node: NodeProto) -> str:
    scopes = [entry.value for entry in node.metadata_props if entry.key == _SCOPES]
    names = ast.literal_eval(scopes[0]) if scopes else []
    return names[-2] if len(names) > 1 else ""
