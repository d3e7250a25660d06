import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from distill import load
from distill.audio.frames import frames_for
from distill.audio.mel import LogMel
from distill.compress.framing import OPSET, framing
from distill.errors import UserError
from distill.folder import CONFIG
from distill.storage import read_json, write_json
from tests.distill.test_talker import save, speech

LENGTHS = [1, 533, 534, 1067, 16_000, *np.random.default_rng(0).integers(2_000, 90_000, 4).tolist()]


@pytest.fixture(scope="module")
def both(student, exported):
    return load(student), load(exported, backend="onnx")


@pytest.mark.parametrize("fps", [24, 25, 29.97, 30, 60])
def test_windows_cut_in_the_graph_are_those_of_the_front_end(fps):
    mel = LogMel(fps)
    session = onnxruntime.InferenceSession(framing(mel).SerializeToString())
    for samples in (1, 640, 12_345, 48_000):
        audio = speech(3.1)[:samples]
        expected = mel.windows(torch.from_numpy(audio)[None], frames_for(samples, fps)).numpy()
        assert np.array_equal(session.run(None, {"waveform": audio[None]})[0], expected)


@pytest.mark.parametrize("samples", LENGTHS)
def test_same_audio_and_seed_give_the_same_motion_at_any_length(both, samples):
    audio = speech(6, seed=samples)[:samples]
    ours, theirs = (talker.generate(audio, seed=3).values for talker in both)
    assert ours.shape == (frames_for(samples, 30), 55)
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_a_minute_goes_through_the_same_windows(both):
    audio = speech(60)
    ours, theirs = (talker.generate(audio).values for talker in both)
    assert len(ours) == 1800
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_rows_of_a_batch_are_the_seeds(both):
    audio = speech(1)
    persona = both[1].persona(audio, "ann", "happy", 1.5)
    np.testing.assert_allclose(persona, both[0].persona(audio, "ann", "happy", 1.5), atol=1e-5)
    ours, theirs = (talker.generate_batch(audio, persona, seeds=[1, 2, 5]) for talker in both)
    assert len(ours) == 3
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_a_recording_gives_the_same_persona(both):
    for seconds in (0.01, 1.23, 25):
        ours, theirs = (talker.embed(speech(seconds)) for talker in both)
        np.testing.assert_allclose(ours.identity, theirs.identity, atol=1e-5)
        np.testing.assert_allclose(ours.emotion, theirs.emotion, atol=1e-5)


def test_encoder_and_denoiser_make_up_the_model(both, exported):
    audio = speech(2)
    open_graph = lambda role: onnxruntime.InferenceSession(exported / f"{role}.onnx")  # noqa: E731
    noise, persona = both[0].noise.draw([0, 1], 60), both[0].persona(audio)
    whole = open_graph("model").run(
        None, {"waveform": audio[None], "noise": noise, "persona": persona}
    )
    features = open_graph("encoder").run(None, {"waveform": audio[None]})[0]
    parts = open_graph("denoiser").run(
        None, {"features": features, "noise": noise, "persona": persona}
    )
    np.testing.assert_allclose(whole[0], parts[0], atol=1e-6)


def test_graphs_say_what_they_are_and_nothing_of_this_machine(exported):
    for path in exported.glob("*.onnx"):
        model = onnx.load(path)
        said = {entry.key: entry.value for entry in model.metadata_props}
        assert said["opset"] == str(OPSET) == str(model.opset_import[0].version)
        assert said["steps"] == "2" and said["fps"] == "30"
        assert b"site-packages" not in path.read_bytes()


def test_a_student_without_personalizer_is_exported_too(tmp_path):
    from distill.compress.write import Trial, export

    source = save(tmp_path / "plain", persona=False)
    export(source, "onnx", tmp_path / "out", Trial(clips=[]))
    ours, theirs = load(tmp_path / "out", "onnx"), load(source)
    np.testing.assert_allclose(
        ours.generate(speech(1)).values, theirs.generate(speech(1)).values, atol=2e-5
    )
    with pytest.raises(UserError, match="no personas"):
        ours.generate(speech(1), persona="ann")


def test_export_beside_the_weights_serves_both_backends(student, exported, tmp_path):
    import shutil

    folder = tmp_path / "both"
    shutil.copytree(student, folder)
    shutil.copytree(exported, folder, dirs_exist_ok=True)
    ours, theirs = load(folder, "onnx"), load(folder, "torch")
    audio = speech(1)
    np.testing.assert_allclose(
        ours.generate(audio).values, theirs.generate(audio).values, atol=2e-5
    )


@pytest.mark.parametrize(
    "name", ["model.onnx", "voice.onnx", "fusion.onnx", "bank.safetensors", "noise.safetensors"]
)
def test_a_changed_or_missing_file_is_refused(exported, tmp_path, name):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(exported, folder)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} was changed or damaged"):
        load(folder, backend="onnx")
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name} does not exist"):
        load(folder, backend="onnx")


def test_wrong_use_is_one_sentence(student, exported):
    with pytest.raises(UserError, match=r"run `python -m distill.export .*student"):
        load(student, backend="onnx")
    with pytest.raises(UserError, match=r"has no model\.safetensors.*backend onnx"):
        load(exported)
    with pytest.raises(UserError, match="backend=tpu is unknown"):
        load(student, backend="tpu")
    with pytest.raises(UserError, match="distilled for 2 step"):
        load(exported, backend="onnx").generate(speech(1), steps=1)


def test_a_sampler_of_many_steps_is_not_unrolled(student, tmp_path):
    import shutil

    from distill.compress.write import Trial, export

    folder = tmp_path / "long"
    shutil.copytree(student, folder)
    write_json(folder / CONFIG, read_json(folder / CONFIG) | {"steps": 64})
    with pytest.raises(UserError, match="64 sampler steps"):
        export(folder, "onnx", tmp_path / "out", Trial(clips=[]))
    assert not (tmp_path / "out").exists()
