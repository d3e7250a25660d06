import json

import numpy as np
import pytest

from distill.data.readers.facegood import (
    SOURCES,
    WIDTH,
    FacegoodCorpus,
    read_names,
    segments,
    to_arkit,
)
from distill.errors import UserError
from distill.face.ict import ict_to_arkit
from distill.face.names import ARKIT_52


@pytest.fixture(scope="module")
def folder(shared_data):
    return shared_data / "facegood"


def test_splits_follow_each_other_in_time_with_a_gap(folder):
    corpus = FacegoodCorpus(folder / "upstream")
    for recording in {clip.extra["recording"] for clip in corpus.clips}:
        spans = {}
        for clip in corpus.clips:
            if clip.extra["recording"] == recording:
                first = clip.extra["start_frame"]
                low, high = spans.get(clip.split, (first, first))
                spans[clip.split] = min(low, first), max(high, first + clip.frames)
        assert spans["train"][1] + 30 <= spans["val"][0]
        assert spans["val"][1] + 30 <= spans["test"][0]


def test_no_two_segments_share_a_frame():
    clips = segments("x", 3000)
    ends = [c.extra["start_frame"] + c.frames for c in clips]
    starts = [c.extra["start_frame"] for c in clips]
    assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
    assert ends[-1] == 3000


def test_conversion_agrees_with_the_published_map(folder):
    meta = json.loads((folder / "meta.json").read_text())
    with np.load(folder / "2_01.npz") as file:
        weights, ict = file["weights"], file["ict_weights_extended"]
    ours = to_arkit(weights, meta["names116"])[:, :52]
    np.testing.assert_allclose(ours, ict_to_arkit(ict), atol=1e-6)


def test_audio_and_motion_are_equally_long(folder):
    corpus = FacegoodCorpus(folder / "upstream")
    for clip in corpus.clips[:3] + corpus.clips[-3:]:
        recording = corpus.read(clip)
        assert len(recording.motion) == clip.frames and len(recording.audio) == clip.samples


def test_wrong_folders_and_lists_are_refused(tmp_path):
    with pytest.raises(UserError, match="FACEGOOD/FACEGOOD-Audio2Face"):
        FacegoodCorpus(tmp_path)
    shifted = np.array([f"name{i}" for i in range(WIDTH)])
    np.save(tmp_path / "names.npy", shifted)
    with pytest.raises(UserError, match="expected 116 names"):
        read_names(tmp_path / "names.npy")
    with pytest.raises(UserError, match="shape"):
        to_arkit(np.zeros((4, 7)), [])


def test_every_source_goes_to_a_shape_of_the_rig():
    assert set(SOURCES) <= set(ARKIT_52)
