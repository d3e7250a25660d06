import numpy as np
import pytest
import torch

from distill.data.batches import MotionBatches, PersonaTable
from distill.data.corpus import labels_of, require_trainable, split
from distill.data.windows import cut, draw_start
from distill.errors import UserError
from distill.face.space import MotionSpace
from distill.types import Clip, Recording
from tests.toys import toy_space


class Ramp:
    """Clip i: motion is i + frame/1000, audio is the sample's time in seconds."""

    name, rig, fps, content_hash = "ramp", "arkit", 30.0, "0"

    def __init__(self, clips=12, frames=40):
        self.space = toy_space()
        self.channels = self.space.channels
        self.clips = [
            Clip(
                id=str(i),
                split="train" if i < clips - 2 else "val",
                speaker=f"s{i % 3}",
                emotion=f"e{i % 2}",
                frames=frames + i,
            )
            for i in range(clips)
        ]

    def read(self, clip):
        frames = np.arange(clip.frames, dtype=np.float32)
        motion = int(clip.id) + frames[:, None] / 1000 + np.zeros((1, 55), np.float32)
        return Recording(audio=np.arange(clip.frames * 533, dtype=np.float32) / 16e3, motion=motion)


@pytest.fixture
def corpus():
    return Ramp()


def batches(corpus, **options):
    space = MotionSpace.identity(corpus.space.rig, 30.0)
    labels = labels_of(split(corpus, "train"))
    defaults = {"batch_size": 6, "window_frames": 24, "seed": 3}
    return MotionBatches(corpus, space, labels, **(defaults | options))


def equal(a, b):
    return torch.equal(a.motion, b.motion) and torch.equal(a.cond.audio, b.cond.audio)


def test_batch_k_is_a_pure_function_of_seed_and_k(corpus):
    first, second = batches(corpus), batches(corpus)
    second(4)
    assert equal(first(9), second(9)) and not equal(first(9), first(10))
    assert not equal(first(9), batches(corpus, seed=4)(9))


def test_ranks_share_a_batch_without_overlap(corpus):
    whole = batches(corpus)(5)
    parts = [batches(corpus)(5, rank, 2) for rank in range(2)]
    joined = torch.stack([parts[0].motion, parts[1].motion], 1).flatten(0, 1)
    assert torch.equal(joined, whole.motion)


def test_audio_and_motion_of_a_window_start_together(corpus):
    batch = batches(corpus)(0)
    frame = (batch.motion[:, 0, 0] % 1) * 1000
    seconds = batch.cond.audio[:, 0]
    assert torch.all((seconds * 30 - frame).abs() < 0.01)


def test_positives_exist_when_asked_for(corpus):
    speakers = batches(corpus, per_speaker=2)(1).speaker.tolist()
    assert all(speakers.count(speaker) >= 2 for speaker in speakers)


@pytest.mark.parametrize("size", [1, 5, 16])
def test_a_batch_is_full_however_few_speakers_there_are(corpus, size):
    assert len(batches(corpus, batch_size=size)(0).motion) == size
    corpus.clips = [clip for clip in corpus.clips if clip.speaker == "s0"]
    assert len(batches(corpus, batch_size=size)(3).motion) == size


def test_short_clips_are_padded_and_masked(corpus):
    batch = batches(corpus, window_frames=200)(0)
    valid = batch.mask.sum(1)
    assert torch.all(valid < 200) and torch.all(batch.motion[~batch.mask] == 0)


def test_identity_comes_from_another_clip_of_the_same_speaker(corpus):
    clips = [clip for clip in corpus.clips if clip.split == "train"]
    table = PersonaTable(
        torch.tensor([[float(clip.speaker[1:])] for clip in clips]),
        torch.tensor([[float(clip.emotion[1:])] for clip in clips]),
        lambda identity, emotion: torch.cat([identity, emotion], dim=1),
        swap=1.0,
    )
    batch = batches(corpus, personas=table)(2)
    assert torch.equal(batch.cond.persona[:, 0], batch.speaker.float())
    assert torch.equal(batch.cond.persona[:, 1], batch.emotion.float())


def test_augmentation_touches_training_audio_only(corpus):
    loud = batches(corpus, augment=lambda audio, rng: audio + 100)
    assert loud(0).cond.audio.min() >= 100
    assert loud.val_batches()[0].cond.audio.max() < 100


def test_validation_is_the_same_every_time(corpus):
    first, second = batches(corpus).val_batches(), batches(corpus).val_batches()
    assert len(first) == 1 and equal(first[0], second[0])
    assert torch.all(first[0].motion[:, 0, 0].floor() >= 10)


def test_windows_past_the_end_are_zero(corpus):
    clip = corpus.clips[0]
    window = cut(corpus.read(clip), 30, 24, 30.0)
    assert window.valid_frames == 10 and np.all(window.motion[10:] == 0)
    assert draw_start(10, 24, np.random.default_rng(0)) == 0


def test_a_corpus_that_cannot_train_is_refused(corpus):
    corpus.clips = [c for c in corpus.clips if c.split == "val"]
    with pytest.raises(UserError, match="no training clip"):
        require_trainable(corpus)


def test_a_clip_in_two_splits_is_refused(corpus):
    twice = corpus.clips[0]
    corpus.clips.append(Clip(id=twice.id, split="test", frames=3))
    with pytest.raises(UserError, match="splits 'train' and 'test'"):
        require_trainable(corpus)
