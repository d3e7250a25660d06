import numpy as np
import pytest
from numpy.testing import assert_allclose

from distill.errors import UserError
from distill.persona import PersonaBank, VoiceEmbedder, embed_audio, unit


class Toy(VoiceEmbedder):
    """Identity is the direction of the first samples; the persona is linear in both."""

    def embed(self, audio):
        z = unit(audio[:4] + np.float32(1e-3))
        return z, z[::-1]

    def fuse(self, identity, emotion):
        return identity + 10 * emotion


def close(a, b):
    assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def _bank(emotions=("neutral", "happy", "angry")):
    rng = np.random.default_rng(3)
    return PersonaBank(
        identity=unit(rng.standard_normal((3, 4), np.float32)),
        emotion=unit(rng.standard_normal((3, 4), np.float32)),
        identities=("anna", "bert", "carl"),
        emotions=emotions,
    )


def test_pick_returns_the_row_of_the_name():
    bank = _bank()
    assert np.array_equal(bank.pick("bert"), bank.identity[1])
    assert np.array_equal(bank.pick_emotion("angry"), bank.emotion[2])


@pytest.mark.parametrize(("name", "near"), [("Anna", "anna"), ("brt", "bert"), ("zzz", "nearest")])
def test_an_unknown_name_names_the_nearest_and_the_list(name, near):
    with pytest.raises(UserError, match=near) as error:
        _bank().pick(name)
    assert name in str(error.value) and "anna, bert, carl" in str(error.value)


def test_an_unknown_emotion_is_called_an_emotion():
    with pytest.raises(UserError, match=r"emotion 'hapy'.*'happy'"):
        _bank().pick_emotion("hapy")


def test_interpolation_meets_both_ends_and_the_average_is_its_middle():
    bank = _bank()
    assert np.array_equal(bank.interpolate("anna", "carl", 0.0), bank.pick("anna"))
    assert np.array_equal(bank.interpolate("anna", "carl", 1.0), bank.pick("carl"))
    middle = bank.interpolate("anna", bank.pick("carl"), 0.5)
    close(bank.average(["anna", "carl"]), middle)
    close(bank.average(["anna", "bert", "carl"]), bank.average_identity)
    with pytest.raises(UserError):
        bank.average([])


def test_strength_moves_the_persona_on_the_line_from_the_centre():
    bank, toy = _bank(), Toy()
    centre, whole, twice = (bank.persona(toy, "bert", "angry", s) for s in (0.0, 1.0, 2.0))
    close(centre, bank.persona(toy))
    expected = toy.fuse(bank.pick("bert")[None], bank.pick_emotion("angry")[None])[0]
    close(whole, expected)
    close(twice - whole, whole - centre)
    with pytest.raises(UserError, match="strength"):
        bank.persona(toy, "bert", "angry", float("nan"))


def test_neutral_stays_neutral_however_strong_and_is_the_mean_where_unnamed():
    bank = _bank()
    assert np.array_equal(bank.neutral_emotion, bank.pick_emotion("neutral"))
    nameless = _bank(("x", "y", "z"))
    close(nameless.neutral_emotion, nameless.emotion.mean(axis=0))
    toy = Toy()
    strong = bank.persona(toy, None, "neutral", 3.0)
    close(strong, bank.persona(toy, None, "neutral", 0.0))


def test_match_finds_the_nearest_name():
    bank = _bank()
    for name in bank.identities:
        assert bank.match(5 * bank.pick(name)) == name
    assert bank.match_emotion(bank.pick_emotion("happy")) == "happy"


def test_state_survives_a_round_trip_and_damage_is_refused():
    bank = _bank()
    tensors, names = bank.state()
    again = PersonaBank.from_state(tensors, names)
    assert np.array_equal(again.identity, bank.identity) and again.emotions == bank.emotions
    for damaged in (
        ({"identity": tensors["identity"]}, names),
        (tensors, {"identities": names["identities"]}),
        ({**tensors, "identity": tensors["identity"][:2]}, names),
        ({**tensors, "emotion": tensors["emotion"][:, :2]}, names),
        ({**tensors, "emotion": tensors["emotion"] * np.nan}, names),
        (tensors, {**names, "identities": ["a", "a", "b"]}),
    ):
        with pytest.raises(UserError, match="persona bank"):
            PersonaBank.from_state(*damaged)


def test_long_audio_is_the_mean_of_its_windows_and_silent_ones_do_not_count():
    window = np.zeros(160_000, np.float32)
    one, two = window.copy(), window.copy()
    one[:4], two[:4] = (1, 0, 0, 0), (0, 1, 0, 0)
    identity, _ = embed_audio(Toy(), np.concatenate([one, two, window]))
    mean = unit(sum(Toy().embed(x)[0] for x in (one, two)))
    close(identity, mean)


def test_only_the_first_five_minutes_are_heard():
    audio = np.full(301 * 16_000, 0.1, np.float32)
    changed = audio.copy()
    changed[300 * 16_000 :] = np.nan
    loud = _bank().from_audio(Toy(), audio)
    with pytest.raises(UserError, match="finite"):
        embed_audio(Toy(), changed)
    audio[300 * 16_000 :] = 0.9
    assert np.array_equal(_bank().from_audio(Toy(), audio)[0], loud[0])


@pytest.mark.parametrize(
    "audio", [np.zeros(0), np.zeros(16_000), np.full(100, np.nan), np.ones((2, 50))]
)
def test_audio_that_holds_no_voice_is_refused(audio):
    with pytest.raises(UserError):
        embed_audio(Toy(), audio.astype(np.float32))
