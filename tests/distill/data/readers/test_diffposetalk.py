import builtins
import pickle
from pathlib import Path

import numpy as np
import pytest

from distill.data.readers.diffposetalk import open_diffposetalk
from distill.data.readers.flame import flame_motion
from distill.errors import UserError
from distill.face.flame import flame_channels
from distill.protocols import Corpus
from tests.distill.data.readers.flame_tracks import (
    FRAME_SAMPLES,
    SEGMENT,
    encoded,
    sound,
    track,
    write_lmdb,
)

CLIPS = {"TH001/000": 2 * SEGMENT + 7, "TH001/001": SEGMENT, "TH002/000": 33, "RD_Radio1/000": 5}


def lists(folder: Path, **splits: list[str]) -> None:
    for split, names in splits.items():
        (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("HDTF_TFHP")
    write_lmdb(folder / "lmdb", CLIPS)
    lists(folder / "lmdb", train=["TH001/000 6.9", "TH001/001", "TH404/000"], val=["TH002/000"],
          test=["RD_Radio1/000", ""])  # fmt: skip
    return folder


def test_clips_are_those_of_the_lists_that_the_database_has(root: Path):
    corpus = open_diffposetalk(str(root))
    assert isinstance(corpus, Corpus)
    assert (corpus.rig, corpus.fps, corpus.channels) == ("flame", 25.0, flame_channels(50))
    assert [(c.id, c.split, c.speaker, c.frames) for c in corpus.clips] == [
        ("TH001/000", "train", "TH001", 47), ("TH001/001", "train", "TH001", 20),
        ("TH002/000", "val", "TH002", 33), ("RD_Radio1/000", "test", "RD_Radio1", 5),
    ]  # fmt: skip
    assert open_diffposetalk(str(root / "lmdb")).content_hash == corpus.content_hash


def test_segments_join_to_the_whole_clip_sound_and_motion_in_step(root: Path):
    corpus = open_diffposetalk(str(root))
    for clip in corpus.clips:
        recording, seed = corpus.read(clip), list(CLIPS).index(clip.id)
        values = track(clip.frames, 50, seed)
        assert recording.motion is not None
        np.testing.assert_array_equal(
            recording.motion, flame_motion(values["exp"], values["pose"], clip.id)
        )
        np.testing.assert_allclose(recording.audio, sound(clip.frames, seed), atol=1e-4)
        assert len(recording.audio) == clip.samples


def test_a_reader_travels_to_other_processes(root: Path):
    corpus = open_diffposetalk(str(root))
    twin = pickle.loads(pickle.dumps(corpus))
    assert np.array_equal(twin.read(corpus.clips[0]).audio, corpus.read(corpus.clips[0]).audio)


def test_mp3_segments_stay_in_step_though_they_decode_to_another_length(tmp_path: Path):
    write_lmdb(tmp_path, {"TH001/000": 3 * SEGMENT}, kind="MP3")
    corpus = open_diffposetalk(str(tmp_path))
    recording = corpus.read(corpus.clips[0])
    assert recording.motion is not None
    assert len(recording.audio) == len(recording.motion) * FRAME_SAMPLES == corpus.clips[0].samples
    for start in range(0, len(recording.audio), SEGMENT * FRAME_SAMPLES):
        part = slice(start, start + SEGMENT * FRAME_SAMPLES)
        heard, sent = recording.audio[part], sound(3 * SEGMENT)[part]
        assert np.abs(np.correlate(heard, sent, "same")).argmax() == len(sent) // 2


def test_without_lists_people_are_split_by_name_and_keep_to_one_split(tmp_path: Path):
    write_lmdb(tmp_path, {f"TH{p:03d}/{v:03d}": 4 for p in range(12) for v in range(2)})
    corpus = open_diffposetalk(str(tmp_path))
    assert len(corpus.clips) == 24
    splits = {c.speaker: {d.split for d in corpus.clips if d.speaker == c.speaker}
              for c in corpus.clips}  # fmt: skip
    assert all(len(found) == 1 for found in splits.values())
    assert len(set.union(*splits.values())) > 1


def test_the_hash_follows_content_and_splits(tmp_path: Path):
    def content(name: str, frames: int, split: str) -> str:
        folder = write_lmdb(tmp_path / name, {"TH001/000": frames, "TH002/000": 8})
        lists(folder, **{split: ["TH001/000"], "val": ["TH002/000"]})
        return open_diffposetalk(str(folder)).content_hash

    first = content("a", 10, "train")
    assert content("b", 10, "train") == first
    assert content("c", 11, "train") != first
    assert content("d", 10, "test") != first


class Malicious:
    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def short(frames: int, heard: int) -> dict:
    return {"audio": encoded(sound(heard), "FLAC"), "coef": track(frames, 50)}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"TH001/000/001": None}, "lacks TH001/000/001"),
        ({"TH001/000/001": Malicious()}, "TH001/000/001 asks for .*exec"),
        ({"TH001/000/001": {"coef": track(20, 50)}}, "TH001/000/001 has no audio"),
        ({"TH001/000/001": short(SEGMENT, 4)}, "20 frames of motion and sound for 4"),
        ({"TH001/000/001": short(SEGMENT, SEGMENT) | {"audio": b"junk"}}, "000/001 is not audio"),
        ({"TH001/000/001": short(SEGMENT, SEGMENT) | {"coef": [1]}}, "has no array exp"),
        ({"TH001/000/001": short(3, 3)}, "has 23 frames, not 40"),
    ],
)
def test_damage_is_named_and_never_executed(tmp_path: Path, changes, reason):
    write_lmdb(tmp_path, {"TH001/000": 2 * SEGMENT}, changes=changes)
    corpus = open_diffposetalk(str(tmp_path))
    with pytest.raises(UserError, match=reason):
        corpus.read(corpus.clips[0])


def test_what_is_no_such_database_says_what_is_missing(tmp_path: Path):
    with pytest.raises(UserError, match=r"has no data\.mdb"):
        open_diffposetalk(str(tmp_path))
    (tmp_path / "data.mdb").write_bytes(b"junk" * 5000)
    with pytest.raises(UserError, match="not a readable lmdb"):
        open_diffposetalk(str(tmp_path))
    write_lmdb(tmp_path / "other", {"TH001/000": 5}, changes={"metadata": None})
    with pytest.raises(UserError, match="lacks metadata"):
        open_diffposetalk(str(tmp_path / "other"))
    write_lmdb(tmp_path / "lists", {"TH001/000": 5})
    lists(tmp_path / "lists", train=["TH001/000"], test=["TH001/000"])
    with pytest.raises(UserError, match=r"test\.txt names TH001/000, which is in train\.txt too"):
        open_diffposetalk(str(tmp_path / "lists"))
    write_lmdb(tmp_path / "none", {"TH001/000": 5})
    lists(tmp_path / "none", train=["TH009/000"])
    with pytest.raises(UserError, match="holds 1 clips and none that its split files name"):
        open_diffposetalk(str(tmp_path / "none"))


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch):
    write_lmdb(tmp_path, {"TH001/000": 5})
    real = builtins.__import__

    def absent(name, *rest, **more):
        if name == "lmdb":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(UserError, match=r"facedistill\[flame\]"):
        open_diffposetalk(str(tmp_path))
