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
    with pytest.raises(UserError, match="shape"):
        to_arkit(np.zeros((4, 7)), [])


def off_by_one(names):
    """The list of `bsname.txt`: the second name stands before the last one."""
    return [names[0], *names[2:-1], names[1], names[-1]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (off_by_one, "mouth_stretch_c is name 73, not 74, off by -1 as in bsname.txt"),
        (lambda names: ["116", *names], r"name 75, not 74, off by \+1"),
        (lambda names: [*names[1:], names[0]], "off by -1"),
        (lambda names: [*names[:-2], names[-1], names[-2]], "names are others or in another order"),
        (lambda names: names[:100], "expected 116 names, found 100"),
        (lambda names: [f"name{i}" for i in range(WIDTH)], "others"),
    ],
)
def test_a_list_that_is_not_the_arrays_own_is_refused(folder, tmp_path, change, said):
    names = json.loads((folder / "meta.json").read_text())["names116"]
    np.save(tmp_path / "names.npy", np.array(names))
    assert read_names(tmp_path / "names.npy") == names
    np.save(tmp_path / "names.npy", np.array(change(names)))
    with pytest.raises(UserError, match=said):
        read_names(tmp_path / "names.npy")


def test_every_source_goes_to_a_shape_of_the_rig():
    assert set(SOURCES) <= set(ARKIT_52)
