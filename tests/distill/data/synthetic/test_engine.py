import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from distill.data.synthetic.engines import Prosody, load_engine
from distill.data.synthetic.phonemes import PHONES, SILENCE, from_espeak
from distill.data.synthetic.sentences import FIXED
from distill.errors import UserError

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def engine():
    return load_engine("espeak")


def test_the_same_sentence_is_the_same_bytes_again(engine):
    first = engine.speak("A big blue boat.", "en-us+m3", Prosody())
    engine.speak("Something else in between!", "en-gb-x-rp+f3", Prosody(pitch=70.0))
    again = engine.speak("A big blue boat.", "en-us+m3", Prosody())
    assert np.array_equal(first.audio, again.audio)
    assert first.phones == again.phones


def test_breathy_voices_are_the_same_bytes_in_another_process():
    code = (
        "import hashlib; from distill.data.synthetic.engines import Prosody, load_engine;"
        "audio = load_engine('espeak').speak('My father.', 'en-us+f3', Prosody()).audio;"
        "print(hashlib.sha256(audio).hexdigest())"
    )
    command = [sys.executable, "-c", code]
    said = {
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout for _ in range(3)
    }
    assert len(said) == 1


def test_unknown_voices_are_refused_not_ignored(engine):
    for voice in ("en-us+nobody", "en-gb", "xx-nowhere+m1"):
        with pytest.raises(UserError, match="espeak-ng has no"):
            engine.speak("Hello.", voice, Prosody())


def test_a_stop_starts_with_its_closure(engine):
    speech = engine.speak("The apple, the supper, and the paper.", "en-us+m3", Prosody())
    stops = [p for p in speech.phones if p.label == "p"]
    assert len(stops) == 4
    for stop in stops:
        first = int(stop.start_s * speech.rate_hz) + 1
        release = int(stop.release_s * speech.rate_hz)
        closed = np.abs(speech.audio[first:release])
        assert stop.release_s - stop.start_s > 0.015
        assert np.sqrt(np.mean(closed**2)) < 0.01


def test_the_fixed_sentences_cover_every_phone(engine):
    heard = {p.label for t in FIXED for p in engine.speak(t, "en-us+m3", Prosody()).phones}
    assert heard == {*PHONES, SILENCE}


def test_mnemonics_keep_stress_and_split():
    assert from_espeak("'eI") == (("ey",), 2)
    assert from_espeak(",U") == (("uh",), 1)
    assert from_espeak("@L") == (("ax", "l"), 0)
    assert from_espeak("_:") == ((SILENCE,), 0)


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(UserError, match=r"pip install \"facedistill\[synth\]\""):
        load_engine("espeak")
