"""The command in a process of its own that cannot import torch nor other heavy libraries."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from httpx import get, post

from distill import load
from distill.live.__main__ import GRACE_S, listen, main
from distill.live.settings import Settings
from tests.distill.compress.test_without_torch import SCRIPT as WITHOUT_TORCH
from tests.distill.live.clients import spoken
from tests.distill.live.test_stream import AUDIO, expected
from tests.distill.live.test_uploads import wav
from tests.distill.test_talker import speech

FURTHER = ("rich", "jinja2", "omegaconf", "PIL", "pygltflib", "markdown_it", "espeakng_loader")
SCRIPT = WITHOUT_TORCH.replace("('torch',", f"(*{FURTHER}, 'torch',")
"""Hides all that `deploy/requirements.txt` does not name."""
WITHOUT = ("-c", SCRIPT, "distill.live.__main__")


def started(*python):
    """Start a server of an export; returns its process and its address."""
    words = ["--model", "stream", "--port", "0", "--backend", "onnx"]
    process = subprocess.Popen(
        [sys.executable, *python, *words], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout
    return process, process.stdout.readline().strip().removeprefix("http://").removesuffix("/")


@pytest.fixture(scope="module")
def light():
    process, address = started(*WITHOUT)
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
    words = [*WITHOUT, "--model", "stream", "--port", light.rpartition(":")[2]]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stderr.startswith("error: cannot listen at")
    assert "Traceback" not in done.stderr


def test_nothing_is_made_before_the_port_is_had_nor_kept_after(tmp_path, capsys):
    nowhere = ["--model", str(tmp_path / "nowhere")]
    with listen(Settings(port=0)) as taken:
        port = str(taken.getsockname()[1])
        assert main([*nowhere, "--port", port]) == 2
    assert capsys.readouterr().err.startswith("error: cannot listen at")
    assert main([*nowhere, "--port", port]) == 2
    assert "nowhere" in capsys.readouterr().err
    listen(Settings(port=int(port))).close()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_the_server_however_it_ends(end):
    process, address = started(*WITHOUT)
    answer = post(f"http://{address}/v1/animate", files={"file": ("a.wav", wav())}, timeout=60)
    assert answer.status_code == 200
    process.send_signal(end)
    assert process.stdout
    assert process.stdout.read() == ""  # comes when the last process that could write is gone
    process.wait(30)


@pytest.mark.slow
def test_an_order_in_work_does_not_hold_up_the_end():
    process, address = started("-m", "distill.live")
    film = {"files": {"file": ("a.wav", wav(speech(500.0)))}, "data": {"format": "mp4"}}
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(post, f"http://{address}/v1/animate", **film, timeout=600)
        time.sleep(8)  # it is in work
        assert not answer.done()
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(GRACE_S + 5) == 0
        finally:
            process.kill()
    assert answer.result().status_code == 500
