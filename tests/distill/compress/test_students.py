import numpy as np
import onnxruntime
import pytest
import torch
from omegaconf import OmegaConf

from distill.compress.graphs import Moving, model_graphs
from distill.compress.tidy import strip, tidy
from distill.types import Conditions
from tests.contract.test_networks import CONFIGS, PERSONA, network

NAMES = sorted(
    path.stem
    for path in (CONFIGS / "student").glob("*.yaml")
    if OmegaConf.load(path).get("family") != "students.stream"  # test_stream_graphs.py has those
)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_every_student_of_the_configs_is_exported(name):
    model = network("student", name, None)
    for parameter in model.parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))
    mean, std = torch.randn(55), torch.rand(55) + 0.1
    graph = tidy(model_graphs(model, steps=1, mean=mean, std=std, persona_in=PERSONA)["model"])
    strip(graph)
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    for frames in (1, 47):
        audio = 0.1 * torch.randn(1, frames * 1600 // 3)
        noise, persona = torch.randn(1, frames, 55), torch.randn(1, PERSONA)
        features = model.prepare(Conditions(audio=audio), frames).audio
        expected = Moving(model, 1, mean, std)(features, noise, persona).numpy()
        feeds = {"waveform": audio, "noise": noise, "persona": persona}
        found = session.run(None, {key: value.numpy() for key, value in feeds.items()})[0]
        np.testing.assert_allclose(found, expected, atol=1e-4)
