import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from distill.errors import UserError
from distill.persona import PersonaBank, embed_audio
from distill.protocols import PersonaEmbedder


class Toy(PersonaEmbedder):
    """Identity is the direction of the first samples; the persona is linear in both."""

    embed_dim = 4

    def embed(self, audio, samples=None):
        z = normalize(audio[:, :4] + 1e-3, dim=-1)
        return z, z.flip(-1)

    def fuse(self, identity, emotion):
        return identity + 10 * emotion


def _bank(emotions=("neutral", "happy", "angry")):
    torch.manual_seed(3)
    return PersonaBank(
        identity=normalize(torch.randn(3, 4), dim=-1),
        emotion=normalize(torch.randn(3, 4), dim=-1),
        identities=("anna", "bert", "carl"),
        emotions=emotions,
    )


def test_pick_returns_the_row_of_the_name():
    bank = _bank()
    assert torch.equal(bank.pick("bert"), bank.identity[1])
    assert torch.equal(bank.pick_emotion("angry"), bank.emotion[2])


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
    assert torch.equal(bank.interpolate("anna", "carl", 0.0), bank.pick("anna"))
    assert torch.equal(bank.interpolate("anna", "carl", 1.0), bank.pick("carl"))
    middle = bank.interpolate("anna", bank.pick("carl"), 0.5)
    torch.testing.assert_close(bank.average(["anna", "carl"]), middle)
    torch.testing.assert_close(bank.average(["anna", "bert", "carl"]), bank.average_identity)
    with pytest.raises(UserError):
        bank.average([])


def test_strength_moves_the_persona_on_the_line_from_the_centre():
    bank, toy = _bank(), Toy()
    centre, whole, twice = (bank.persona(toy, "bert", "angry", s) for s in (0.0, 1.0, 2.0))
    torch.testing.assert_close(centre, bank.persona(toy))
    expected = toy.fuse(bank.pick("bert")[None], bank.pick_emotion("angry")[None])[0]
    torch.testing.assert_close(whole, expected)
    torch.testing.assert_close(twice - whole, whole - centre)
    with pytest.raises(UserError, match="strength"):
        bank.persona(toy, "bert", "angry", float("nan"))


def test_neutral_stays_neutral_however_strong_and_is_the_mean_where_unnamed():
    bank = _bank()
    assert torch.equal(bank.neutral_emotion, bank.pick_emotion("neutral"))
    nameless = _bank(("x", "y", "z"))
    torch.testing.assert_close(nameless.neutral_emotion, nameless.emotion.mean(0))
    toy = Toy()
    strong = bank.persona(toy, None, "neutral", 3.0)
    torch.testing.assert_close(strong, bank.persona(toy, None, "neutral", 0.0))


def test_match_finds_the_nearest_name():
    bank = _bank()
    for name in bank.identities:
        assert bank.match(5 * bank.pick(name)) == name
    assert bank.match_emotion(bank.pick_emotion("happy")) == "happy"


def test_state_survives_a_round_trip_and_damage_is_refused():
    bank = _bank()
    tensors, names = bank.state()
    again = PersonaBank.from_state(tensors, names)
    assert torch.equal(again.identity, bank.identity) and again.emotions == bank.emotions
    for damaged in (
        ({"identity": tensors["identity"]}, names),
        (tensors, {"identities": names["identities"]}),
        ({**tensors, "identity": tensors["identity"][:2]}, names),
        ({**tensors, "emotion": tensors["emotion"][:, :2]}, names),
        ({**tensors, "emotion": tensors["emotion"] / 0.0}, names),
        (tensors, {**names, "identities": ["a", "a", "b"]}),
    ):
        with pytest.raises(UserError, match="persona bank"):
            PersonaBank.from_state(*damaged)


def test_moving_the_bank_moves_its_tensors():
    moved = _bank().to("meta")
    assert moved.identity.device.type == moved.emotion.device.type == "meta"
    assert moved.identities == ("anna", "bert", "carl")


def test_long_audio_is_the_mean_of_its_windows_and_silent_ones_do_not_count():
    window = np.zeros(160_000, np.float32)
    one, two = window.copy(), window.copy()
    one[:4], two[:4] = (1, 0, 0, 0), (0, 1, 0, 0)
    identity, _ = embed_audio(Toy(), np.concatenate([one, two, window]))
    mean = normalize(sum(Toy().embed(torch.from_numpy(x)[None])[0][0] for x in (one, two)), dim=0)
    torch.testing.assert_close(identity, mean)


def test_only_the_first_five_minutes_are_heard():
    audio = np.full(301 * 16_000, 0.1, np.float32)
    changed = audio.copy()
    changed[300 * 16_000 :] = np.nan
    loud = _bank().from_audio(Toy(), audio)
    with pytest.raises(UserError, match="finite"):
        embed_audio(Toy(), changed)
    audio[300 * 16_000 :] = 0.9
    assert torch.equal(_bank().from_audio(Toy(), audio)[0], loud[0])


@pytest.mark.parametrize(
    "audio", [np.zeros(0), np.zeros(16_000), np.full(100, np.nan), np.ones((2, 50))]
)
def test_audio_that_holds_no_voice_is_refused(audio):
    with pytest.raises(UserError):
        embed_audio(Toy(), audio.astype(np.float32))
