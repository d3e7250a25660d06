"""BEAT in its layout: columns by name, 60 fps, emotions by number, sequences without sound."""

import json

import numpy as np
import pytest

from distill.data.readers.beat import emotion_of, open_beat, read_weights
from distill.errors import UserError
from distill.face.names import ARKIT_52, ARKIT_CHANNELS
from tests.distill.data.readers.published import talking, write_beat, write_sound

NAMES = ("1_wayne_0_1_1", "1_wayne_0_65_65", "2_scott_0_65_65", "2_scott_1_1_8")


@pytest.fixture
def beat(tmp_path):
    for number, name in enumerate(NAMES):
        path = tmp_path / name.split("_")[0] / f"{name}.json"
        write_beat(path, talking(60, number))
        write_sound(path.with_suffix(".wav"), 1.0, 16_000)
    (tmp_path / "1" / "1_wayne_0_1_1.TextGrid").write_text("")
    (tmp_path / "1" / "notes.json").write_text("{}")
    return tmp_path


def test_columns_are_matched_by_name_whatever_their_order(beat, tmp_path):
    path = beat / "1/1_wayne_0_1_1.json"
    names = json.loads(path.read_text())["names"]
    assert len(names) == 51 and names != [n for n in ARKIT_52 if n != "tongueOut"]
    np.testing.assert_allclose(read_weights(path), talking(60, 0), atol=1e-6)
    backwards = tmp_path / "backwards.json"
    write_beat(backwards, talking(60, 0), names=names[::-1])
    np.testing.assert_array_equal(read_weights(backwards), read_weights(path))


def test_every_second_frame_is_read_beside_its_sound(beat):
    corpus = open_beat(beat)
    assert [clip.id for clip in corpus.clips] == list(NAMES) and corpus.rig == "arkit"
    for number, clip in enumerate(corpus.clips):
        recording = corpus.read(clip)
        assert recording.motion.shape == (clip.frames, len(ARKIT_CHANNELS)) and clip.frames == 30
        assert len(recording.audio) == clip.samples == 16_000
        np.testing.assert_allclose(recording.motion, talking(60, number)[::2], atol=1e-6)
    assert open_beat(beat, fps=25).clips[0].frames == 25


def test_names_tell_speaker_and_emotion(beat):
    clips = {clip.id: clip for clip in open_beat(beat).clips}
    assert [clips[name].speaker for name in NAMES] == ["1_wayne", "1_wayne", "2_scott", "2_scott"]
    assert [clips[name].emotion for name in NAMES] == ["neutral", "happy", "happy", "neutral"]


@pytest.mark.parametrize(
    ("number", "emotion"),
    [(1, "neutral"), (64, "neutral"), (65, "happy"), (72, "happy"), (73, "angry"), (80, "angry"),
     (81, "sad"), (86, "sad"), (87, "contempt"), (95, "surprised"), (103, "afraid"),
     (110, "afraid"), (111, "disgusted"), (118, "disgusted")],
)  # fmt: skip
def test_emotions_follow_the_number_of_a_speech(number, emotion):
    assert emotion_of(0, number) == emotion
    assert emotion_of(1, number) == "neutral"


def test_a_text_is_in_one_split_whoever_reads_it(beat):
    clips = {clip.id: clip for clip in open_beat(beat).clips}
    assert clips["1_wayne_0_65_65"].split == clips["2_scott_0_65_65"].split


def test_a_sequence_without_sound_is_left_out_and_named(beat):
    (beat / "2/2_scott_1_1_8.wav").unlink()
    with pytest.warns(UserWarning, match=r"lacks 1 files .*2/2_scott_1_1_8\.wav"):
        corpus = open_beat(beat)
    assert [clip.id for clip in corpus.clips] == list(NAMES[:3])
    for path in beat.rglob("*.wav"):
        path.unlink()
    with pytest.raises(UserError, match=r"holds 4 files .* none with its \.wav"):
        open_beat(beat)


def test_files_of_another_kind_are_refused(tmp_path):
    path = tmp_path / "x.json"
    write_beat(path, talking(10), fps=30.0)
    with pytest.raises(UserError, match="30 frames per second, not 60"):
        read_weights(path)
    write_beat(path, talking(10))
    value = json.loads(path.read_text())
    path.write_text(json.dumps(value | {"names": value["names"][1:]}))
    with pytest.raises(UserError, match=r"50 names and weights of shape \(10, 51\)"):
        read_weights(path)
    path.write_text(json.dumps(value | {"names": ["blink", *value["names"][1:]]}))
    with pytest.raises(UserError, match="names 'blink'"):
        read_weights(path)
    for broken in ("{", "[]", '{"names": [], "frames": [{}]}'):
        path.write_text(broken)
        with pytest.raises(UserError, match="no facial file of BEAT"):
            read_weights(path)
