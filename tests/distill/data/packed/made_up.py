"""A small corpus in memory, of 16-bit audio, with everything that packing has to keep."""

import numpy as np

from distill.types import Clip, Interval, Recording

FPS = 30.0


class MadeUp:
    """Clip i: motion is a slope that names it, audio is noise of its own."""

    name, rig, fps, content_hash = "made-up", "arkit", FPS, "abc"

    def __init__(self, clips: int = 24, channels: int = 55):
        self.channels = tuple(f"c{i}" for i in range(channels))
        self.clips = [self._clip(i, clips) for i in range(clips)]

    def _clip(self, i: int, clips: int) -> Clip:
        split = "train" if i < clips - 6 else ("val", "test", "test_unseen")[i % 3]
        frames = 20 + i % 7
        return Clip(
            id=f"clip-{i:03d}",
            split=split,
            speaker=f"s{i % 3}",
            emotion="" if i % 5 == 0 else f"e{i % 2}",
            frames=frames,
            samples=frames * 16_000 // 30,
            text=f"sentence {i}",
            phones=(Interval(label="sil", start_s=0.0, end_s=0.25),),
            seed=i,
            extra={"words": [["a", 0.0, 0.5]], "number": -1},
        )

    def read(self, clip: Clip) -> Recording:
        noise = np.random.default_rng(clip.seed).integers(-9000, 9000, clip.samples)
        slope = (clip.seed + np.arange(clip.frames)[:, None] / 300) / 32
        return Recording(
            audio=(noise / 32768).astype(np.float32),
            motion=np.broadcast_to(slope, (clip.frames, len(self.channels))).astype(np.float32),
        )
