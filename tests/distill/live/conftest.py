import threading
from contextlib import contextmanager

import numpy as np
import pytest
import torch

from distill.live.__main__ import build_server, listen
from distill.live.settings import Settings
from distill.persona import PersonaBank
from distill.pipeline.build import Network, PersonaModel, save_model
from distill.talker import load
from personalizer.audio_contrastive import build as build_personalizer
from students.stream import build as build_stream
from tests.distill.test_talker import PERSONALIZER, speech
from tests.toys import COMMON, PERSONA, toy_space

KWARGS = COMMON | {
    "width": 12, "blocks": 2, "kernel": 4, "expansion": 2, "head_blocks": 1, "block_frames": 1,
    "history_frames": 4, "lookahead_ms": 80, "hidden": (0, 1),
    "audio": {"name": "mel", "width": 12, "blocks": 1, "per_frame": 2},
}  # fmt: skip


@pytest.fixture(scope="session")
def streaming(tmp_path_factory):
    """A streaming model of random weights with a personalizer and two personas."""
    folder = tmp_path_factory.mktemp("live") / "toy"
    torch.manual_seed(3)
    student = build_stream(**KWARGS)
    for parameter in student.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    bank = PersonaBank(
        identity=np.eye(PERSONA, dtype=np.float32)[:2],
        emotion=np.eye(PERSONA, dtype=np.float32)[2:4],
        identities=("ann", "bob"),
        emotions=("happy", "neutral"),
    )
    embedder = Network(
        family="personalizer.audio_contrastive",
        kwargs=PERSONALIZER,
        module=build_personalizer(**PERSONALIZER),
    )
    save_model(
        folder, Network(family="students.stream", kwargs=KWARGS, module=student), toy_space(),
        PersonaModel(network=embedder, bank=bank), name="toy", steps=2, any_steps=False,
        provenance={},
    )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def exported(streaming):
    """The same model as ONNX."""
    from distill.compress.parity import Sample
    from distill.compress.write import Trial, export

    folder = streaming.with_name("toy-onnx")
    export(streaming, "onnx", folder, Trial(clips=[Sample(audio=speech(0.5))]))
    return folder


@pytest.fixture(scope="session")
def talker(streaming):
    return load(streaming)


@contextmanager
def running(settings):
    """A server at a free port of this machine, in a thread; yields `host:port`."""
    server, door = build_server(settings), listen(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{door.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def serve(streaming):
    """Start a server of the streaming model with settings that differ from the usual ones."""
    return lambda **changes: running(Settings(**{"models": (str(streaming),), "port": 0} | changes))


@pytest.fixture(scope="session")
def door(serve):
    """One server with usual limits, for all tests that do not need others."""
    with serve() as address:
        yield address
