"""3D-ETF: what the names of RAVDESS and HDTF tell, and the order of 52 values."""

import numpy as np
import pytest

from distill.data.readers.threed_etf import EMOTIONS, describe, open_threed_etf
from distill.errors import UserError
from distill.face.names import ARKIT_52, ARKIT_CHANNELS
from tests.distill.data.readers.published import talking, write_sound

ALPHABETICAL = [ARKIT_CHANNELS.index(name) for name in sorted(ARKIT_52)]
RAVDESS, HDTF = "01-01-05-01-02-01-12", "RD_Radio1_000"


@pytest.fixture
def etf(tmp_path):
    for number, name in enumerate((RAVDESS, HDTF)):
        (tmp_path / "curves").mkdir(exist_ok=True)
        np.save(tmp_path / f"curves/{name}.npy", talking(30, number)[:, ALPHABETICAL])
    write_sound(tmp_path / "wav" / f"03{RAVDESS[2:]}.wav", 1.0, 48_000)
    write_sound(tmp_path / "curves" / f"{HDTF}.wav", 1.0, 16_000)
    return tmp_path


def test_curves_are_in_alphabetical_order_and_find_their_sound(etf):
    corpus = open_threed_etf(etf)
    assert corpus.channels == ARKIT_CHANNELS and corpus.fps == 30.0
    for number, clip in enumerate(corpus.clips):
        recording = corpus.read(clip)
        np.testing.assert_allclose(recording.motion, talking(30, number), atol=1e-6)
        assert clip.frames == len(recording.motion) == 30
        assert clip.samples == len(recording.audio) == 16_000


def test_another_order_is_read_when_it_is_named(etf):
    plain, named = open_threed_etf(etf), open_threed_etf(etf, order="arkit")
    jaw = plain.read(plain.clips[0]).motion[:, ARKIT_CHANNELS.index("jawOpen")]
    column = sorted(ARKIT_52).index("jawOpen")
    np.testing.assert_array_equal(named.read(named.clips[0]).motion[:, column], jaw)
    with pytest.raises(UserError, match=r"data\.order=random is unknown"):
        open_threed_etf(etf, order="random")


@pytest.mark.parametrize("number", range(1, 9))
def test_names_of_ravdess_tell_emotion_and_actor(number):
    split, speaker, emotion = describe(f"03-01-{number:02d}-01-02-01-07")
    assert (split, speaker, emotion) == ("train", "actor07", EMOTIONS[number - 1])


def test_splits_keep_actors_and_recordings_together():
    splits = [describe(f"03-01-05-01-02-01-{actor:02d}")[0] for actor in range(1, 25)]
    assert splits == ["train"] * 20 + ["val"] * 2 + ["test_unseen"] * 2
    for recording in range(40):
        pieces = {describe(f"WDA_Someone{recording}_{piece:03d}") for piece in range(5)}
        assert len(pieces) == 1 and pieces.pop()[1:] == (f"WDA_Someone{recording}", "")
    dealt = [describe(f"RD_Radio{n}_000")[0] for n in range(400)]
    assert 290 < dealt.count("train") < 350 and dealt.count("test") > 20


def test_what_is_missing_or_of_another_kind_is_named(etf):
    (etf / f"curves/{HDTF}.wav").unlink()
    with pytest.warns(UserWarning, match=rf"{HDTF}\.wav"):
        assert len(open_threed_etf(etf).clips) == 1
    np.save(etf / f"curves/{RAVDESS}.npy", np.zeros((30, 51), np.float32))
    with pytest.warns(UserWarning), pytest.raises(UserError, match="51 values a frame, not 52"):
        open_threed_etf(etf)
    np.save(etf / f"curves/{RAVDESS}.npy", talking(30)[:, ALPHABETICAL] * 100)
    with pytest.warns(UserWarning):
        corpus = open_threed_etf(etf)
    with pytest.raises(UserError, match="weights are 0 to 1"):
        corpus.read(corpus.clips[0])
    with pytest.raises(UserError, match=r"none with a \.wav of its name"):
        open_threed_etf(etf / "wav")
