"""A folder of recordings as the benchmark finds them, made here in a second."""

from pathlib import Path

import numpy as np
import soundfile

FACEGOOD_FRAMES, GRID_FRAMES = 60, 40


def sound(path: Path, seconds: float, seed: int) -> None:
    """Write noise in syllables."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    loud = np.abs(np.sin(2 * np.pi * 2 * np.arange(round(16000 * seconds)) / 16000 + seed))
    soundfile.write(path, 0.2 * loud * rng.standard_normal(len(loud)).clip(-3, 3), 16000)


def make(root: Path) -> Path:
    """Write every group: two plain files, two aligned, three of FACEGOOD, two of GRID."""
    rng = np.random.default_rng(0)
    sound(root / "speech_plain/a/one.wav", 1.6, 0)
    sound(root / "speech_plain/b/two_mandarin.flac", 1.6, 1)
    for seed, name in enumerate(("left", "right")):
        sound(root / f"speech_aligned/{name}.wav", 1.6, seed)
        label = f"0 4000000 x^x-m+ax=p\n4000000 {9 + seed}000000 x^m-aa+p=x\n"
        (root / f"speech_aligned/{name}_phone.lab").write_text(label)
    for seed, name in enumerate(("2_01", "2_02", "3_15")):
        sound(root / f"facegood/upstream/code/train/wav/1114_{name}.wav", 2.0, seed)
        gap = rng.random(FACEGOOD_FRAMES).astype(np.float32)
        np.savez(root / f"facegood/{name}.npz", lip_gap_cm=gap, fps=30)
    ids = ["bbaa", "bbab"]
    for seed, name in enumerate(ids):
        sound(root / f"grid_s1/audio/{name}.flac", 1.6, seed)
    np.savez(
        root / "grid_s1/motion.npz",
        ids=np.array(ids),
        fps=25,
        lip_feat_names=np.array(["width", "outer_h"]),
        lip_feats=rng.random((2, GRID_FRAMES, 2)).astype(np.float16),
    )
    return root
