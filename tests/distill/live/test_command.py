"""The command in a process of its own that cannot import torch nor other heavy libraries."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from httpx import get, post

from distill import load
from tests.distill.compress.test_without_torch import SCRIPT as WITHOUT_TORCH
from tests.distill.live.clients import spoken
from tests.distill.live.test_stream import AUDIO, expected
from tests.distill.live.test_uploads import wav

FURTHER = ("rich", "jinja2", "omegaconf", "PIL", "pygltflib", "markdown_it", "espeakng_loader")
SCRIPT = WITHOUT_TORCH.replace("('torch',", f"(*{FURTHER}, 'torch',")
"""Hides all that `deploy/requirements.txt` does not name."""


def started():
    """Start a server of an export, without torch; returns its process and its address."""
    words = ["distill.live.__main__", "--model", "stream", "--port", "0", "--backend", "onnx"]
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, *words], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout
    return process, process.stdout.readline().strip().removeprefix("http://").removesuffix("/")


@pytest.fixture(scope="module")
def light():
    process, address = started()
    yield address
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_streams_need_no_torch(light):
    values, _ = spoken(light, AUDIO, persona="s07", seed=2)
    want = expected(load("stream", "onnx"), name="s07", seed=2)
    np.testing.assert_allclose(values, want, atol=1e-4)
    assert get(f"http://{light}/v1/model").json()["name"] == "stream"
    assert get(f"http://{light}/readyz").status_code == 200


def test_recordings_become_curves(light):
    answer = post(f"http://{light}/v1/animate", files={"file": ("a.wav", wav())}, timeout=60)
    assert answer.status_code == 200 and answer.text.startswith("Timecode,BlendShapeCount")


def test_a_taken_port_is_one_sentence(light):
    port = light.rpartition(":")[2]
    words = ["distill.live.__main__", "--model", "stream", "--port", port]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and done.stderr.startswith("error: cannot listen at")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_server_however_it_ends(end):
    process, address = started()
    assert post(f"http://{address}/v1/animate", files={"file": ("a.wav", wav())}, timeout=60)
    process.send_signal(end)
    assert process.stdout
    assert process.stdout.read() == ""  # comes when the last process that could write is gone
    process.wait(30)
