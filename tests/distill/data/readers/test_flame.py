import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from scipy.spatial.transform import Rotation

from distill.data.readers.artalk import open_artalk
from distill.data.readers.flame import flame_motion, open_flame, read_track
from distill.errors import UserError
from distill.face.flame import flame_channels
from distill.face.rotations import head_rotation
from distill.protocols import Corpus
from tests.distill.data.readers.flame_tracks import sound, track, write_artalk


def write_npz(root: Path, names: dict[str, int], suffix: str = ".flac") -> Path:
    for seed, (name, frames) in enumerate(names.items()):
        for folder in ("FLAME_coeffs", "audio"):
            (root / folder / name).parent.mkdir(parents=True, exist_ok=True)
        np.savez(root / f"FLAME_coeffs/{name}.npz", **track(frames, 50, seed))
        soundfile.write(root / f"audio/{name}{suffix}", sound(frames, seed), 16_000)
    return root


def test_motion_is_expressions_then_jaw_then_the_turn_of_the_head():
    values = track(9, 50)
    motion = flame_motion(values["exp"], values["pose"], "it")
    assert motion.shape == (9, len(flame_channels(50)))
    np.testing.assert_array_equal(motion[:, :50], values["exp"])
    np.testing.assert_array_equal(motion[:, 50:53], values["pose"][:, 3:])
    turned = head_rotation(torch.from_numpy(motion[:, 53:]))
    np.testing.assert_allclose(
        turned, Rotation.from_rotvec(values["pose"][:, :3]).as_matrix(), atol=1e-6
    )


def test_a_track_with_its_sound_is_a_clip_and_people_keep_to_a_split(tmp_path: Path):
    names = {f"person{p}/{v:03d}": 30 + p for p in range(12) for v in range(2)}
    corpus = open_flame(str(write_npz(tmp_path, names)))
    assert isinstance(corpus, Corpus)
    assert (corpus.rig, corpus.fps, corpus.channels) == ("flame", 25.0, flame_channels(50))
    assert [clip.id for clip in corpus.clips] == sorted(names)
    by_person = {clip.speaker: {c.split for c in corpus.clips if c.speaker == clip.speaker}
                 for clip in corpus.clips}  # fmt: skip
    assert len(by_person) == 12
    assert all(len(splits) == 1 for splits in by_person.values())
    assert len(set.union(*by_person.values())) > 1
    clip = corpus.clips[3]
    recording = corpus.read(clip)
    assert (clip.id, clip.speaker, clip.frames) == ("person1/001", "person1", 31)
    assert recording.motion is not None
    np.testing.assert_array_equal(recording.motion[:, :50], track(31, 50, 3)["exp"])
    np.testing.assert_allclose(recording.audio, sound(31, 3), atol=1e-4)
    assert len(recording.audio) == clip.samples


def test_the_shorter_of_sound_and_motion_decides_and_silent_tracks_are_left_out(tmp_path: Path):
    write_npz(tmp_path, {"a/000": 30, "a/001": 30, "a/002": 30}, ".wav")
    soundfile.write(tmp_path / "audio/a/000.wav", sound(20), 16_000)
    soundfile.write(tmp_path / "audio/a/001.wav", sound(40), 16_000)
    (tmp_path / "audio/a/002.wav").unlink()
    corpus = open_flame(str(tmp_path))
    assert {clip.id: clip.frames for clip in corpus.clips} == {"a/000": 20, "a/001": 30}
    for clip in corpus.clips:
        recording = corpus.read(clip)
        assert recording.motion is not None
        assert (len(recording.motion), len(recording.audio)) == (clip.frames, clip.samples)


def test_a_bare_folder_and_the_names_of_other_trackers_are_read(tmp_path: Path):
    values = track(10, 100)
    (tmp_path / "me").mkdir()
    np.savez(tmp_path / "me/one.npz", expcode=values["exp"], posecode=values["pose"])
    soundfile.write(tmp_path / "me/one.wav", sound(10), 16_000)
    corpus = open_flame(str(tmp_path))
    assert corpus.channels == flame_channels(100)
    assert corpus.read(corpus.clips[0]).motion is not None


def test_content_decides_the_hash(tmp_path: Path):
    hashes = [open_flame(str(write_npz(tmp_path, {"a/000": n}))).content_hash for n in (30, 30, 31)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_tracks_that_cannot_be_are_refused_by_name(tmp_path: Path):
    values = track(10, 50)
    cases = {
        "lacks exp or pose": {"shape": values["shape"], "exp": values["exp"]},
        r"pose of \(10, 3\)": values | {"pose": values["pose"][:, :3]},
        r"pose of \(9, 6\)": values | {"pose": values["pose"][:9]},
        r"shape \(10, 300\)": values | {"exp": np.zeros((10, 300), np.float32)},
        "not finite in frame 4": values | {"exp": np.where(np.arange(10)[:, None] == 4, np.nan, 0.0)
                                           * np.ones((1, 50))},
        "not a FLAME track": values | {"exp": np.array([[{}]], object)},
    }  # fmt: skip
    for reason, arrays in cases.items():
        np.savez(tmp_path / "one.npz", **arrays)
        with pytest.raises(UserError, match=rf"one\.npz.*{reason}"):
            read_track(tmp_path / "one.npz")
    (tmp_path / "one.npz").write_bytes(b"PK no zip")
    with pytest.raises(UserError, match="not a FLAME track"):
        read_track(tmp_path / "one.npz")
    with pytest.raises(UserError, match=r"holds no <person>/<clip>\.npz"):
        open_flame(str(tmp_path))


def test_artalk_lists_its_clips_and_its_columns_are_expressions_head_jaw(tmp_path: Path):
    frames = {f"clip{i}": 26 + i for i in range(4)}
    corpus = open_artalk(str(write_artalk(tmp_path, frames)))
    assert isinstance(corpus, Corpus)
    assert corpus.channels == flame_channels(100)
    assert {clip.id: clip.frames for clip in corpus.clips} == {
        f"motions/{name}": count for name, count in frames.items()
    }
    recording = corpus.read(corpus.clips[2])
    values = track(28, 100, 2)
    assert recording.motion is not None
    np.testing.assert_array_equal(recording.motion[:, :100], values["exp"])
    np.testing.assert_array_equal(recording.motion[:, 100:103], values["pose"][:, 3:])
    np.testing.assert_allclose(recording.audio, sound(28, 2), atol=1e-4)


def test_artalk_refuses_lists_that_lie(tmp_path: Path):
    write_artalk(tmp_path / "set", {"a": 30})
    np.save(tmp_path / "secret.npy", np.zeros((30, 106), np.float32))
    index = tmp_path / "set/metadata.json"
    for text, reason in (
        ('[{"audio_path": "audios/a.wav", "motion_path": "../secret.npy"}]', r"\.\./secret\.npy"),
        ('[{"audio_path": "audios/b.wav", "motion_path": "motions/a.npy"}]', r"audios/b\.wav"),
        ('[{"audio_path": "audios/a.wav"}]', "without motion_path"),
        (json.dumps(["audios/a.wav"]), "without motion_path"),
        ("[]", "lists no clip"),
        ("{", "not a list of clips"),
    ):
        index.write_text(text)
        with pytest.raises(UserError, match=reason):
            open_artalk(str(tmp_path / "set"))
    index.unlink()
    with pytest.raises(UserError, match=r"metadata\.json"):
        open_artalk(str(tmp_path / "set"))


def test_a_motion_file_is_never_unpickled(tmp_path: Path):
    (tmp_path / "bad.npy").write_bytes(pickle.dumps({"exp": 1}))
    with pytest.raises(UserError, match="not a FLAME track"):
        read_track(tmp_path / "bad.npy")
