"""Every published corpus opens by its config alone: root, and the rig it moves."""

import numpy as np
import pytest

from distill.command import composed
from distill.data.readers.vocaset import TRAIN
from distill.errors import UserError
from distill.pipeline.build import build_corpus
from tests.distill.data.readers.published import talking, write_beat, write_sound, write_vertices


def write_vocaset(root):
    name = f"{TRAIN[0]}_sentence01"
    write_vertices(root, [name], {TRAIN[0]: 1.0}, fps=60, mm_per_unit=1000.0)


def write_biwi(root):
    write_vertices(root, ["F2_e01"], {"F2": 1.0}, fps=25, mm_per_unit=1000.0)


def write_multiface(root):
    write_vertices(root, ["12_SEN_a"], {"12": 1.0}, fps=30, mm_per_unit=1.0)


def write_some_beat(root):
    write_beat(root / "1/1_wayne_0_1_1.json", talking(60))
    write_sound(root / "1/1_wayne_0_1_1.wav", 1.0)


def write_threed_etf(root):
    write_sound(root / "RD_Radio1_000.wav", 1.0)
    np.save(root / "RD_Radio1_000.npy", np.zeros((30, 52), np.float32))


WRITERS = {
    "vocaset": (write_vocaset, 30.0), "biwi": (write_biwi, 25.0),
    "multiface": (write_multiface, 30.0), "beat": (write_some_beat, 30.0),
    "threed_etf": (write_threed_etf, 30.0),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_a_corpus_opens_by_its_config(name, tmp_path):
    write, fps = WRITERS[name]
    root = tmp_path / "data"
    write(root)
    config = composed([f"data={name}", f"data.root={root}", f"data.cache={tmp_path / 'cache'}"])
    if config["data"].get("units"):
        with pytest.raises(UserError, match="add rig=vertices"):
            build_corpus(config)
        config["rig"]["name"] = "vertices"
    corpus = build_corpus(config)
    recording = corpus.read(corpus.clips[0])
    assert corpus.name == name and corpus.fps == fps
    assert recording.motion is not None
    assert recording.motion.shape == (corpus.clips[0].frames, len(corpus.channels))
    assert not (tmp_path / "cache").exists()
