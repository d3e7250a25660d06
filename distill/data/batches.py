"""Training and validation batches: batch k is a pure function of the seed and of k."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from distill.data.balanced import BlockedBatches
from distill.data.corpus import Labels, numbered, split, spread, with_motion
from distill.data.windows import Window, cut, draw_start
from distill.face.space import MotionSpace
from distill.protocols import Corpus
from distill.types import Batch, Conditions, Recording

VALIDATED_CLIPS = 512
"""At most so many validation clips, evenly spread, are gone through while training."""
Augment = Callable[[np.ndarray, np.random.Generator], np.ndarray]
Features = Callable[[np.ndarray, float], np.ndarray]


@dataclass(frozen=True, slots=True)
class PersonaTable:
    """Identity and emotion embeddings (N E) of every training clip, and how to fuse a pair.

    Training draws the identity from another clip of the same speaker half of the time, so that a
    persona stands for the speaker and not for the sentence.
    """

    identity: Float[Tensor, "N E"]
    emotion: Float[Tensor, "N E"]
    fuse: Callable[[Tensor, Tensor], Tensor]
    swap: float = 0.5


class MotionBatches:
    """Windows of a corpus as batches: persona-balanced for training, in order for validation.

    `distill.training.batches.UpdateBatches` is the Lightning data module that serves them.

    Args:
        corpus: Where recordings come from.
        space: Motion space whose normalization is applied.
        labels: Index tables of speakers and emotions.
        batch_size: Windows per batch over all processes.
        window_frames: Frames per window.
        seed: Seed of every draw.
        per_speaker: Clips of each drawn speaker in a batch (positives of contrastive losses).
        augment: Label-preserving change of the waveform, or None.
        personas: Embeddings of the training clips, or None before there are any.
        features: Cached features of a frozen audio encoder, or None.
    """

    def __init__(
        self,
        corpus: Corpus,
        space: MotionSpace,
        labels: Labels,
        *,
        batch_size: int,
        window_frames: int,
        seed: int,
        per_speaker: int = 1,
        augment: Augment | None = None,
        personas: PersonaTable | None = None,
        features: Features | None = None,
    ):
        self.corpus, self.space, self.labels = corpus, space, labels
        self.batch_size, self.window_frames = batch_size, window_frames
        self.seed = seed
        self.augment, self.personas, self.features = augment, personas, features
        self.train_clips = with_motion(split(corpus, "train"))
        self.val_clips = spread(with_motion(split(corpus, "val")), VALIDATED_CLIPS)
        self.numbers = numbered(self.train_clips, labels)
        self.alike = {name: _group(numbers) for name, numbers in self.numbers.items()}
        per_batch = min(len(self.alike["speaker"]), -(-batch_size // per_speaker))
        self.balanced = BlockedBatches(
            self.numbers["speaker"],
            labels_per_batch=per_batch,
            clips_per_label=-(-batch_size // per_batch),
            seed=seed,
        )

    def __call__(self, index: int, rank: int = 0, world: int = 1) -> Batch:
        """Build training batch `index`; ranks get disjoint parts of the same batch."""
        rows_of_rank = range(rank, self.batch_size, world)
        chosen = self.balanced.batch(index)[rank : self.batch_size : world]
        rngs = [np.random.default_rng((self.seed, index, row)) for row in rows_of_rank]
        starts = [
            draw_start(self.train_clips[index].frames, self.window_frames, rng)
            for index, rng in zip(chosen, rngs, strict=True)
        ]
        recordings = [self.corpus.read(self.train_clips[index]) for index in chosen]
        rows = [self._row(*row) for row in zip(recordings, starts, rngs, strict=True)]
        numbers = {name: column[chosen] for name, column in self.numbers.items()}
        batch = self._collate(numbers, rows, self._personas(chosen, rngs))
        return replace(batch, clip=torch.as_tensor(chosen), start=torch.tensor(starts))

    def val_batches(self, embed: Callable[[np.ndarray], Tensor] | None = None) -> list[Batch]:
        """Return the middle window of every validation clip, in order, without augmentation.

        `embed` maps a whole recording (S,) to its persona (E), as at use time.
        """
        batches = []
        for first in range(0, len(self.val_clips), self.batch_size):
            clips = self.val_clips[first : first + self.batch_size]
            starts = [max(clip.frames - self.window_frames, 0) // 2 for clip in clips]
            recordings = [self.corpus.read(clip) for clip in clips]
            rows = [self._row(r, start, None) for r, start in zip(recordings, starts, strict=True)]
            persona = None if embed is None else torch.stack([embed(r.audio) for r in recordings])
            batches.append(self._collate(numbered(clips, self.labels), rows, persona))
        return batches

    def _row(
        self, recording: Recording, start: int, rng: np.random.Generator | None
    ) -> tuple[Window, np.ndarray | None]:
        window = cut(recording, start, self.window_frames, self.space.fps)
        features = None
        if self.features is not None:
            whole = self.features(recording.audio, self.space.fps)
            features = np.zeros((self.window_frames, whole.shape[1]), np.float32)
            part = whole[start : start + self.window_frames]
            features[: len(part)] = part
        if self.augment is not None and rng is not None:
            heard = self.augment(window.audio, rng)
            window = Window(audio=heard, motion=window.motion, valid_frames=window.valid_frames)
        return window, features

    def _personas(
        self, chosen: Sequence[int], rngs: Sequence[np.random.Generator]
    ) -> Tensor | None:
        table = self.personas
        if table is None:
            return None
        identity, emotion = [], []
        for index, rng in zip(chosen, rngs, strict=True):
            for name, drawn in (("speaker", identity), ("emotion", emotion)):
                pool = self.alike[name][int(self.numbers[name][index])]
                drawn.append(_swap(index, pool, table.swap, rng))
        with torch.no_grad():
            return table.fuse(table.identity[identity], table.emotion[emotion])

    def _collate(
        self,
        numbers: Mapping[str, np.ndarray],
        rows: Sequence[tuple[Window, np.ndarray | None]],
        persona: Tensor | None,
    ) -> Batch:
        windows = [window for window, _ in rows]
        features = [f for _, f in rows if f is not None]
        valid = torch.tensor([window.valid_frames for window in windows])
        mask = torch.arange(self.window_frames)[None] < valid[:, None]
        motion = self.space.normalize(torch.from_numpy(np.stack([w.motion for w in windows])))
        return Batch(
            motion=motion * mask[..., None],
            mask=mask,
            speaker=torch.from_numpy(numbers["speaker"]),
            emotion=torch.from_numpy(numbers["emotion"]),
            cond=Conditions(
                audio=torch.from_numpy(np.stack([w.audio for w in windows])),
                features=torch.from_numpy(np.stack(features)) if features else None,
                persona=persona,
            ),
        )


def _swap(own: int, pool: np.ndarray, chance: float, rng: np.random.Generator) -> int:
    return int(pool[int(rng.integers(len(pool)))]) if rng.random() < chance else own


def _group(numbers: np.ndarray) -> dict[int, np.ndarray]:
    """Return the places of every number."""
    order = np.argsort(numbers, kind="stable")
    found, first = np.unique(numbers[order], return_index=True)
    return dict(zip(found.tolist(), np.split(order, first[1:]), strict=True))
