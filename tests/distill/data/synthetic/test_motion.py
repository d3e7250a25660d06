"""The laws of the face: what a phone, a silence, a speaker and an emotion must look like."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from distill.audio.sync import lag_curve
from distill.data.synthetic.articulation import CHANNELS
from distill.data.synthetic.clip import Job, frames_for, make_clip
from distill.data.synthetic.engines import load_engine
from distill.data.synthetic.phonemes import BILABIAL, LABIODENTAL
from distill.data.synthetic.speakers import make_speaker
from distill.data.synthetic.visemes import target
from distill.face.names import MOUTH
from distill.face.rigs import load_rig

FPS = 30.0
LIPS = [CHANNELS.index(n) for n in MOUTH]
REST = [i for i in range(55) if i not in LIPS]
TEXT = "Maybe Bob put the five big fish, near a thin church?"


@pytest.fixture(scope="module")
def gaps(recordings):
    """Distance between facing lip vertices (mm) of every clip and frame."""
    rig = load_rig("arkit")
    pairs = rig.lip_pairs
    out = {}
    for name, recording in recordings.items():
        points = rig.to_vertices(torch.from_numpy(recording.motion), pairs.reshape(-1))
        points = points.unflatten(1, (-1, 2))
        out[name] = (points[:, :, 0] - points[:, :, 1]).norm(dim=-1).mean(-1).numpy()
    return out


def channel(motion: np.ndarray, name: str) -> np.ndarray:
    return motion[:, CHANNELS.index(name)]


def inside(phone) -> slice:
    first = int(np.ceil(phone.start_s * FPS - 0.35))
    return slice(first, max(first + 1, int(np.floor(phone.end_s * FPS + 0.35)) + 1))


def at(phone) -> int:
    return round(0.5 * (phone.start_s + phone.end_s) * FPS)


def test_lips_close_in_every_bilabial(corpus, gaps):
    lows, highs = zip(*[np.percentile(g, (0, 99)) for g in gaps.values()], strict=True)
    limit = min(lows) + 0.1 * (np.median(highs) - min(lows))
    worst = [
        gaps[c.id][inside(p)].min() for c in corpus.clips for p in c.phones if p.label in BILABIAL
    ]
    assert len(worst) > 150
    assert max(worst) < limit


def test_a_mouth_that_follows_the_voice_still_closes_and_opens(corpus, recordings):
    spoken = [c for c in corpus.clips if c.emotion == "neutral"][:8]
    rig = load_rig("arkit")
    pairs = rig.lip_pairs.reshape(-1)
    sync_r = {(0.0, 1.0): [], (0.03, 1.0): [], (0.06, 0.1): []}
    for clip in spoken:
        for (loudness, clarity), found in sync_r.items():
            made = make_clip(
                Job(
                    text=clip.text, speaker=int(clip.speaker[1:]), unseen=clip.speaker[0] == "u",
                    emotion=clip.emotion, seed=clip.seed, fps=FPS, loudness=loudness,
                    clarity=clarity,
                ),
                load_engine("espeak"),
            )  # fmt: skip
            points = rig.to_vertices(torch.from_numpy(made.motion.astype(np.float32)), pairs)
            points = points.unflatten(1, (-1, 2))
            gap = (points[:, :, 0] - points[:, :, 1]).norm(dim=-1).mean(-1).double().numpy()
            audio = made.audio.astype(np.float32) / 32768
            found.append(lag_curve(gap, audio, FPS)[9])
            for phone in made.phones:
                if phone.label in BILABIAL:
                    assert gap[inside(phone)].min() < 0.1 * np.percentile(gap, 99)
    plain, louder, casual = (np.mean(found) for found in sync_r.values())
    assert louder > plain + 0.04 and casual > louder + 0.04


def test_full_clarity_reaches_each_phone_and_little_clarity_keeps_only_lip_shapes_apart():
    for phone in ("aa", "iy", "s", "uw"):
        full, half, none = (target(phone, clarity) for clarity in (1.0, 0.5, 0.0))
        np.testing.assert_allclose(half, 0.5 * (full + none))
        np.testing.assert_array_equal(full[1:4], none[1:4])
    opening = [0, 4, 5]
    np.testing.assert_array_equal(target("aa", 0.0)[opening], target("iy", 0.0)[opening])
    np.testing.assert_array_equal(target("m", 0.0), target("m", 1.0))


def test_the_lower_lip_rolls_to_the_teeth_in_every_labiodental(corpus, recordings):
    rolls = [
        channel(recordings[c.id].motion, "mouthRollLower")[inside(p)].max()
        for c in corpus.clips
        for p in c.phones
        if p.label in LABIODENTAL
    ]
    assert len(rolls) > 50 and np.mean(rolls) > 0.6 and min(rolls) > 0.3


def test_open_vowels_are_wide_and_rounded_sounds_round(corpus, recordings, gaps):
    gap, rounding = defaultdict(list), defaultdict(list)
    for clip in corpus.clips:
        motion = recordings[clip.id].motion
        for phone in clip.phones:
            gap[phone.label].append(gaps[clip.id][at(phone)])
            both = channel(motion, "mouthFunnel") + channel(motion, "mouthPucker")
            rounding[phone.label].append(both[at(phone)])
    mean_gap = {p: np.mean(g) for p, g in gap.items()}
    mean_round = {p: np.mean(r) for p, r in rounding.items()}
    for vowel in ("aa", "ae", "eh"):
        assert mean_gap[vowel] > 1.25 * max(mean_gap["iy"], mean_gap["s"], mean_gap["f"])
    for sound in ("uw", "ow", "w", "sh"):
        assert mean_round[sound] > 2.0 * max(mean_round["iy"], mean_round["ae"], mean_round["s"])


def test_the_face_rests_in_silence(corpus, recordings, gaps):
    closed = min(g.min() for g in gaps.values())
    for clip in corpus.clips:
        jaw = channel(recordings[clip.id].motion, "jawOpen")
        for phone in clip.phones:
            first, last = int((phone.start_s + 0.15) * FPS) + 1, int((phone.end_s - 0.13) * FPS)
            if phone.label == "sil" and last > first:
                assert jaw[first:last].max() < 0.01
                assert gaps[clip.id][first:last].max() < closed + 1.0


def test_two_seeds_share_the_lips_and_differ_elsewhere():
    engine = load_engine("espeak")
    job = {"text": TEXT, "speaker": 1, "unseen": False, "emotion": "happy", "fps": FPS}
    one, two = (make_clip(Job(**job, seed=seed), engine) for seed in (1, 2))
    assert np.array_equal(one.audio, two.audio)
    assert np.array_equal(one.motion[:, LIPS], two.motion[:, LIPS])
    differs = np.abs(one.motion[:, REST].astype(float) - two.motion[:, REST]).max(0)
    for name in ("headYaw", "headPitch", "headRoll", "eyeLookOutLeft"):
        assert differs[REST.index(CHANNELS.index(name))] > 0.005


def test_frame_rates_sample_the_same_movement():
    engine = load_engine("espeak")
    job = {"text": TEXT, "speaker": 0, "unseen": True, "emotion": "neutral", "seed": 5}
    slow, fast = (make_clip(Job(**job, fps=fps), engine) for fps in (30.0, 60.0))
    assert np.array_equal(slow.audio, fast.audio)
    assert len(fast.motion) == frames_for(len(fast.audio), 60.0)
    shared = fast.motion[::2][: len(slow.motion)].astype(float)
    # a closure is held for a frame, so it may last a little longer at the lower rate
    assert np.abs(shared - slow.motion[: len(shared)]).mean() < 0.01
    assert np.array_equal(shared[:, REST], slow.motion[: len(shared), REST])


def test_values_are_weights_and_speeds_are_physical(recordings):
    for recording in recordings.values():
        motion = recording.motion
        assert np.isfinite(motion).all()
        assert motion[:, :52].min() >= 0.0 and motion[:, :52].max() <= 1.0
        assert np.abs(motion[:, 52:]).max() < 0.25
        step = np.abs(np.diff(motion, axis=0)).max(0)
        for name in ("jawOpen", "mouthPucker", "mouthFunnel", "mouthSmileLeft", "mouthClose"):
            assert step[CHANNELS.index(name)] < 0.7
        assert step[52:].max() < 0.05


def test_blink_rate_is_human(corpus, recordings):
    blinks, minutes = 0, sum(c.samples for c in corpus.clips) / 16000 / 60
    for recording in recordings.values():
        shut = channel(recording.motion, "eyeBlinkLeft") > 0.55
        blinks += int((shut[1:] & ~shut[:-1]).sum())
    assert 8.0 < blinks / minutes < 25.0


def test_lips_move_with_the_sound(corpus, recordings, gaps):
    lags = []
    for clip in corpus.clips:
        gap, audio = gaps[clip.id], recordings[clip.id].audio
        edges = np.clip(((np.arange(len(gap) + 1) - 0.5) * 16000 / FPS).astype(int), 0, len(audio))
        power = [np.mean(audio[a:b] ** 2) if b > a else 0.0
                 for a, b in pairwise(edges)]  # fmt: skip
        level = np.log10(np.array(power) + 1e-7)
        first, last = int(clip.phones[0].end_s * FPS), int(clip.phones[-1].start_s * FPS)
        scores = {
            lag: np.corrcoef(gap[first + lag : last + lag], level[first:last])[0, 1]
            for lag in range(-5, 6)
            if first + lag >= 0 and last + lag <= len(gap)
        }
        lags.append(1000 * max(scores, key=lambda k: scores[k]) / FPS)
    assert -50 <= np.mean(lags) <= 20


def _accuracy(corpus, recordings, label: str) -> float:
    """Test accuracy of a linear classifier of motion statistics, trained on the other split."""

    def features(split):
        clips = [c for c in corpus.clips if c.split == split]
        rows = []
        for clip in clips:
            motion = recordings[clip.id].motion
            speed = np.abs(np.diff(motion, axis=0)).mean(0)
            rows.append(np.concatenate([motion.mean(0), motion.std(0), speed]))
        return np.stack(rows), [getattr(c, label) for c in clips]

    (x, y), (tested, truth) = features("train"), features("test")
    mean, std = x.mean(0), x.std(0) + 1e-3
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.2).fit((x - mean) / std, y)
    return float(model.score((tested - mean) / std, truth))


def test_speakers_and_emotions_show_in_the_motion(corpus, recordings):
    assert _accuracy(corpus, recordings, "speaker") >= 0.8
    assert _accuracy(corpus, recordings, "emotion") >= 0.8


def test_speakers_are_many_distinct_and_always_the_same():
    speakers = [make_speaker(i) for i in range(40)]
    assert speakers == [make_speaker(i) for i in range(40)]
    assert len({s.voice for s in speakers}) >= 24
    assert len({s.style for s in speakers}) == 40
    unseen = {make_speaker(i, unseen=True).voice for i in range(4)}
    assert not unseen & {s.voice for s in speakers[:32]}
