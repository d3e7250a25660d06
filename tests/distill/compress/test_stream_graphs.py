import copy

import numpy as np
import onnxruntime
import pytest
import torch

from distill.compress.graphs import stream_graphs
from distill.compress.tidy import tidy
from distill.engines.eager import EagerStreamEngine
from students.stream import build
from tests.contract.test_networks import PERSONA, network

D, ROWS = 7, 4


def small(block_frames: int):
    return build(
        width=12, blocks=2, kernel=4, expansion=2, head_blocks=2, head_kernel=5,
        block_frames=block_frames, lookahead_ms=80, fps=30.0, motion_dim=D, cond_dim=8,
        persona_in=PERSONA, smoothing=[0.0, 0.0, 0.5, 1.0, 1.5, 2.0, 0.0],
        audio={"name": "mel", "width": 12, "blocks": 2, "per_frame": 2},
    )  # fmt: skip


@pytest.fixture(scope="module", params=[1, 2, "student=stream"])
def engine(request):
    torch.manual_seed(0)
    of_config = request.param == "student=stream"
    model = copy.deepcopy(network("student", "stream", "")) if of_config else small(request.param)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1 if of_config else 0.3)
    mean = torch.randn(model.motion_dim)
    return EagerStreamEngine(model.eval(), None, mean, torch.ones_like(mean), 0, steps=2)


@pytest.fixture(scope="module")
def sessions(engine):
    graphs = {name: tidy(graph) for name, graph in stream_graphs(engine, PERSONA).items()}
    return {
        name: onnxruntime.InferenceSession(graph.SerializeToString())
        for name, graph in graphs.items()
    }


@pytest.mark.parametrize("rows", [1, ROWS])
def test_graphs_move_as_torch_does_block_after_block(engine, sessions, rows):
    rng = np.random.default_rng(0)
    frames, windows = engine.stream.block_frames, engine.stream.per_frame
    persona = rng.standard_normal((rows, PERSONA)).astype(np.float32)
    style = sessions["style"].run(None, {"persona": persona})[0]
    state, memory = engine.begin(rows), engine.begin(rows)
    for _ in range(12):
        heard = 0.1 * rng.standard_normal((rows, frames * windows, 512)).astype(np.float32)
        noise = rng.standard_normal((rows, frames, engine.causal.motion_dim)).astype(np.float32)
        motion, state = engine.advance(heard, persona, noise, state)
        feeds = {"windows": heard, "noise": noise, "style": style, **memory}
        made, *after = sessions["stream"].run(None, feeds)
        memory = dict(zip(memory, after, strict=True))
        np.testing.assert_allclose(made, motion, atol=1e-4)
        for name, value in memory.items():
            np.testing.assert_allclose(value, state[name], atol=1e-4)


def test_what_a_persona_decides_is_computed_outside_of_the_blocks(engine, sessions):
    names = [value.name for value in sessions["stream"].get_inputs()]
    assert "persona" not in names and "style" in names
    outputs = [value.name for value in sessions["stream"].get_outputs()]
    assert outputs == ["motion", *(f"{name}_next" for name in engine.begin(1))]
