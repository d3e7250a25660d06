import numpy as np
import pytest

from benchmarks.real.sources import find_real
from distill.errors import UserError
from tests.benchmarks.real.folders import make


@pytest.fixture
def clips(tmp_path):
    return {clip.name: clip for clip in find_real(make(tmp_path))}


def test_languages_and_labels_are_known(clips):
    languages = {name: clip.language for name, clip in clips.items()}
    assert languages["a/one.wav"] == "en" and languages["b/two_mandarin.flac"] == "zh"
    assert languages["upstream/code/train/wav/1114_2_01.wav"] == "zh"
    assert languages["audio/bbaa.flac"] == "en"
    assert [p.label for p in clips["left.wav"].phones] == ["m", "aa"]
    assert clips["a/one.wav"].phones == ()


def test_recorded_mouths_keep_their_own_frame_rate(clips, tmp_path):
    filmed = clips["upstream/code/train/wav/1114_3_15.wav"].recorded
    assert filmed.fps == 30.0
    assert np.array_equal(filmed.values, np.load(tmp_path / "facegood/3_15.npz")["lip_gap_cm"])
    grid = clips["audio/bbab.flac"].recorded
    heights = np.load(tmp_path / "grid_s1/motion.npz")["lip_feats"][1, :, 1]
    assert grid.fps == 25.0 and np.array_equal(grid.values, heights)


def test_every_second_file_of_a_group_is_validation(clips):
    assert [name for name, clip in clips.items() if clip.validation] == [
        "a/one.wav",
        "left.wav",
        "upstream/code/train/wav/1114_2_01.wav",
        "upstream/code/train/wav/1114_3_15.wav",
        "audio/bbaa.flac",
    ]


def test_a_folder_without_recordings_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="point --data to real recordings"):
        find_real(tmp_path)


def test_groups_may_be_absent(tmp_path):
    make(tmp_path / "whole")
    (tmp_path / "some").mkdir()
    (tmp_path / "whole/speech_plain").rename(tmp_path / "some/speech_plain")
    assert {clip.group for clip in find_real(tmp_path / "some")} == {"speech_plain"}


def test_the_real_folder_is_read_whole(shared_data):
    clips = find_real(shared_data)
    assert {clip.group for clip in clips} == {
        "speech_plain", "speech_aligned", "facegood", "grid_s1"
    }  # fmt: skip
    aligned = [clip for clip in clips if clip.group == "speech_aligned"]
    labels = [phone.label for clip in aligned for phone in clip.phones]
    assert all(clip.phones for clip in aligned)
    assert sum(label in "pbm" for label in labels) > 20
