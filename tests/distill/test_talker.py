from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from distill import folder
from distill.errors import UserError
from distill.persona import PersonaBank
from distill.pipeline.build import Network, PersonaModel, save_model
from distill.talker import Persona, load
from personalizer.audio_contrastive import build as build_personalizer
from tests.distill.test_artifact import KWARGS
from tests.toys import PERSONA, toy_space, toy_student

PERSONALIZER = {"speakers": 2, "emotions": 2, "embed_dim": PERSONA, "width": 16, "blocks": 1}


def save(folder, *, any_steps=False, noise=1.0, seed=2, persona=True):
    embedder = build_personalizer(**PERSONALIZER)
    student = toy_student()
    torch.manual_seed(seed)
    for parameter in student.parameters():
        parameter.data += 0.02 * torch.randn_like(parameter)
    bank = PersonaBank(
        identity=np.eye(PERSONA, dtype=np.float32)[:2],
        emotion=np.eye(PERSONA, dtype=np.float32)[2:4],
        identities=("ann", "bob"),
        emotions=("happy", "neutral"),
    )
    network = Network(family="personalizer.audio_contrastive", kwargs=PERSONALIZER, module=embedder)
    save_model(
        folder,
        Network(family="students.compact", kwargs=KWARGS, module=student),
        toy_space(),
        PersonaModel(network=network, bank=bank) if persona else None,
        name="student",
        steps=2,
        any_steps=any_steps,
        noise=noise,
        provenance={},
    )
    return folder


@pytest.fixture(scope="module")
def talker(tmp_path_factory):
    return load(save(tmp_path_factory.mktemp("student"), any_steps=True))


def speech(seconds, seed=0):
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(int(16_000 * seconds))).astype(np.float32)


@pytest.mark.parametrize("samples", [1, 533, 534, 16_000, 16_001])
def test_motion_covers_all_audio(talker, samples):
    motion = talker.generate(speech(2)[:samples])
    assert motion.values.shape == (-(-samples * 30 // 16_000), 55)
    assert np.isfinite(motion.values).all() and motion.fps == 30


def test_same_seed_same_motion_and_other_seed_other_motion(talker):
    audio = speech(1)
    first, again, other = (talker.generate(audio, seed=s).values for s in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_row_of_a_batch_depends_on_its_seed_only(talker):
    audio = speech(1)
    persona = talker.persona(audio)
    alone = talker.generate_batch(audio, persona, seeds=[5])[0]
    together = talker.generate_batch(audio, persona, seeds=[4, 5, 6])[1]
    np.testing.assert_allclose(alone, together, atol=1e-5)


def test_shapes_stay_in_range_and_rotations_are_free(talker):
    values = talker.generate(speech(2)).values
    assert values[:, :52].min() >= 0 and values[:, :52].max() <= 1
    wild = talker.physical(np.array([[-0.5] * 55, [1.5] * 55], np.float32))
    assert np.all(wild[:, :52] == [[0], [1]]) and np.all(wild[:, 52:] == [[-0.5], [1.5]])
    free = replace(talker, config=talker.config | {"bounded": False})
    assert np.all(free.physical(np.full((1, 55), 1.5, np.float32)) == 1.5)


def test_long_audio_in_windows_equals_one_shot_away_from_the_seams(talker, monkeypatch):
    audio = speech(20)
    persona = talker.persona(audio)
    whole = talker.generate_batch(audio, persona, seeds=[0])[0]
    monkeypatch.setattr("distill.talker.WINDOW_FRAMES", 300)
    parts = talker.generate_batch(audio, persona, seeds=[0])[0]
    assert parts.shape == whole.shape
    np.testing.assert_allclose(parts[:200], whole[:200], atol=1e-4)
    jumps = np.abs(np.diff(parts, axis=0)).max()
    assert jumps < 2 * np.abs(np.diff(whole, axis=0)).max()


def test_persona_by_name_audio_and_object(talker):
    audio = speech(1)
    embedded = talker.embed(audio)
    assert np.linalg.norm(embedded.identity) == pytest.approx(1.0, abs=1e-5)
    by_object = talker.persona(audio, embedded)
    np.testing.assert_array_equal(by_object, talker.persona(audio))
    assert not np.array_equal(talker.persona(audio, "ann"), talker.persona(audio, "bob"))
    assert not np.array_equal(
        talker.persona(audio, "ann", "happy"), talker.persona(audio, "ann", "neutral")
    )


def test_strength_zero_is_the_same_for_everybody(talker):
    audio = speech(1)
    np.testing.assert_array_equal(
        talker.persona(audio, "ann", "happy", 0.0), talker.persona(audio, "bob", "neutral", 0.0)
    )


def test_silence_has_the_average_persona(talker):
    silent = np.zeros(16_000, np.float32)
    center = Persona(identity=talker.bank.average_identity, emotion=talker.bank.neutral_emotion)
    np.testing.assert_array_equal(talker.persona(silent), talker.persona(silent, center))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"persona": "anne"}, "nearest is 'ann'"),
        ({"emotion": "hapy"}, "nearest is 'happy'"),
        ({"steps": 0}, "between 1 and"),
        ({"steps": 5000}, "between 1 and"),
        ({"strength": float("nan")}, "not a finite number"),
    ],
)
def test_wrong_choices_are_a_sentence(talker, options, words):
    with pytest.raises(UserError, match=words):
        talker.generate(speech(1), **options)


def test_a_student_runs_only_at_the_steps_it_was_distilled_for(tmp_path):
    student = load(save(tmp_path))
    with pytest.raises(UserError, match="distilled for 2 step"):
        student.generate(speech(1), steps=4)
    assert student.calls() == 2


def test_a_model_without_noise_ignores_the_seed(tmp_path):
    model = load(save(tmp_path, noise=0.0))
    first, second = (model.generate(speech(1), seed=s).values for s in (0, 1))
    assert np.array_equal(first, second)


def test_stereo_arrays_are_refused(talker):
    with pytest.raises(UserError, match="not mono"):
        talker.generate(np.zeros((2, 100), np.float32))


def test_a_shipped_model_is_found_by_name_and_a_folder_goes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "SHIPPED", tmp_path / "shipped")
    save(tmp_path / "shipped" / "tiny")
    monkeypatch.chdir(tmp_path)
    assert folder.shipped_models() == ["tiny"]
    assert folder.find_model("tiny") == tmp_path / "shipped" / "tiny"
    assert load("tiny").steps == 2
    (tmp_path / "tiny").mkdir()
    assert folder.find_model("tiny") == Path("tiny")


def test_what_is_no_model_names_those_that_ship(tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "SHIPPED", tmp_path)
    with pytest.raises(UserError, match=r"nobody is neither .* shipped model \(none\)"):
        load("nobody")
