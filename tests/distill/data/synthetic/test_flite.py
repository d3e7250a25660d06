"""flite: what it prints is read right everywhere; where the program is, it is really spoken."""

import shutil
from collections import Counter

import numpy as np
import pytest

from distill.data.synthetic import build_corpus
from distill.data.synthetic.engines import Prosody, load_engine
from distill.data.synthetic.flite import VOICES, read_phones, with_closures
from distill.data.synthetic.phonemes import STOPS
from distill.data.synthetic.speakers import make_speaker
from distill.errors import UserError

RATE_HZ = 16_000
HERE = shutil.which("flite") is not None
spoken = pytest.mark.skipif(not HERE, reason="the program flite is not installed")
TEXT = "The apple, the supper, and the paper."


def test_without_the_program_one_sentence_says_what_to_do(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UserError, match=r"not on the path; install it .* or use data\.engine=esp"):
        load_engine("flite")


def test_printed_ends_become_contiguous_phones_within_the_sound():
    phones = read_phones("pau:0.193 m:0.217 ey:0.428 p:0.487 pau:0.700 \n", seconds=0.6)
    assert [p.label for p in phones] == ["sil", "m", "ey", "p", "sil"]
    assert [p.start_s for p in phones] == [0.0, 0.193, 0.217, 0.428, 0.487]
    assert phones[-1].end_s == 0.6


def test_a_stop_spans_its_quiet_and_opens_where_sound_returns():
    audio = 0.2 * np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32)
    audio[round(0.49 * RATE_HZ) : round(0.56 * RATE_HZ)] *= 0.01
    printed = "pau:0.1 aa:0.5 p:0.6 aa:0.9 pau:1.0"
    before, stop, after = with_closures(read_phones(printed, 1.0), audio, RATE_HZ)[1:4]
    assert stop.start_s == pytest.approx(0.49, abs=0.008)
    assert stop.release_s == pytest.approx(0.56, abs=0.008)
    assert before.end_s == before.release_s == stop.start_s
    assert stop.end_s == after.start_s == 0.6


def test_a_stop_without_quiet_keeps_its_printed_start():
    audio = 0.2 * np.random.default_rng(0).standard_normal(RATE_HZ).astype(np.float32)
    stop = with_closures(read_phones("aa:0.5 p:0.6 aa:1.0", 1.0), audio, RATE_HZ)[1]
    assert stop.start_s == 0.5 and 0.5 < stop.release_s < 0.6


def test_mixed_speakers_come_from_both_engines_and_all_voices():
    speakers = [make_speaker(i, engine="mixed") for i in range(32)]
    assert Counter(s.engine for s in speakers) == {"espeak": 16, "flite": 16}
    flite = [s for s in speakers if s.engine == "flite"]
    assert Counter(s.voice for s in flite) == dict.fromkeys(VOICES, 4)
    assert len({(s.voice, s.formants, s.pitch) for s in flite}) == 16
    assert {make_speaker(i, unseen=True, engine="mixed").engine for i in range(4)} == {
        "espeak", "flite"
    }  # fmt: skip


@spoken
@pytest.mark.parametrize("voice", VOICES)
def test_the_same_sentence_is_the_same_bytes_again(voice):
    engine = load_engine("flite")
    first = engine.speak(TEXT, voice, Prosody())
    engine.speak("Something else in between!", voice, Prosody(pitch=70.0))
    again = engine.speak(TEXT, voice, Prosody())
    assert np.array_equal(first.audio, again.audio) and first.phones == again.phones


@spoken
@pytest.mark.parametrize("voice", VOICES)
def test_phones_lie_where_they_are_heard(voice):
    speech = load_engine("flite").speak(TEXT, voice, Prosody())
    level = np.sqrt(np.convolve(speech.audio**2, np.full(160, 1 / 160), "same"))
    heard = np.flatnonzero(level > 0.1 * level.max()) / speech.rate_hz
    said = [p for p in speech.phones if p.label != "sil"]
    assert heard[0] == pytest.approx(said[0].start_s, abs=0.06)
    assert heard[-1] == pytest.approx(said[-1].end_s, abs=0.1)
    stops = [p for p in said if p.label == "p"]
    assert len(stops) == 4
    rms = np.sqrt(np.mean(speech.audio**2))
    for stop in stops:
        first, last = (round(t * speech.rate_hz) for t in (stop.start_s, stop.release_s))
        assert stop.release_s - stop.start_s > 0.02
        assert np.sqrt(np.mean(speech.audio[first:last] ** 2)) < 0.7 * rms


@spoken
def test_rate_and_pitch_are_what_was_asked_for():
    engine = load_engine("flite")

    def pitch_hz(pitch):
        audio = engine.speak("Mary may mow.", "awb", Prosody(pitch=pitch, pitch_range=5.0)).audio
        middle = audio[len(audio) // 2 - 1600 : len(audio) // 2 + 1600]
        kept = np.correlate(middle, middle, "full")[len(middle) - 1 :]
        return RATE_HZ / (50 + kept[50:250].argmax())

    assert pitch_hz(80.0) / pitch_hz(50.0) == pytest.approx(2**0.5, rel=0.12)
    slow, fast = (engine.speak(TEXT, "slt", Prosody(rate_wpm=r)).audio for r in (120.0, 240.0))
    assert len(slow) / len(fast) == pytest.approx(2.0, rel=0.05)


@spoken
def test_unknown_voices_are_refused():
    with pytest.raises(UserError, match="flite has no voice 'hal'"):
        load_engine("flite").speak("Hello.", "hal", Prosody())


@spoken
def test_a_mixed_corpus_closes_lips_and_repeats_its_bytes(tmp_path):
    pytest.importorskip("espeakng_loader", reason="the synth extra is not installed")
    asked = {"clips": 12, "speakers": 4, "unseen_speakers": 1, "emotions": ("neutral", "sad")}
    corpus = build_corpus(tmp_path / "a", **asked, engine="mixed", workers=2)
    again = build_corpus(tmp_path / "b", **asked, engine="mixed", workers=1)
    assert corpus.content_hash == again.content_hash
    assert corpus.content_hash != build_corpus(tmp_path / "a", **asked).content_hash
    close = corpus.channels.index("mouthClose")
    for clip in corpus.clips:
        motion = corpus.read(clip).motion
        for left, right in zip(clip.phones, clip.phones[1:], strict=False):
            assert left.start_s < left.end_s == right.start_s
        for phone in clip.phones:
            if phone.label in STOPS & {"p", "b"}:
                frames = slice(round(phone.start_s * 30), round(phone.end_s * 30) + 1)
                assert motion[frames, close].max() > 0.01
