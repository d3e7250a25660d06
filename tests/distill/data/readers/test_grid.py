"""Lip contours of GRID: the layout, what is left out, and who is in which split."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from distill.data.readers.grid import open_grid, to_motion
from distill.errors import UserError
from distill.face.landmarks import rest_contour
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace

IDS = ("bbaf2n", "bbaf4p", "lgif3a", "prii6n")
FRAMES = 12
SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


def contours(count: int = len(IDS)) -> np.ndarray:
    """Mouths in the box, y down, each elsewhere; the lower lip sinks by 0.5 px a frame."""
    points = np.tile(rest_contour() * (1, -1), (count, FRAMES, 1, 1))
    points += np.arange(count)[:, None, None, None] + (30.0, 20.0)
    points[:, :, 11:, 1] += 0.5 * np.arange(FRAMES)[None, :, None]
    return points.astype(np.float16)


def write(folder: Path, **changed) -> Path:
    """Write the layout with some arrays changed; None leaves one out."""
    (folder / "audio").mkdir(parents=True)
    arrays = {"ids": np.array(IDS), "fps": np.int64(25), "lip_points": contours()}
    arrays["track_score"] = np.full((len(IDS), FRAMES), 0.9, np.float16)
    arrays = {name: value for name, value in (arrays | changed).items() if value is not None}
    np.savez(folder / "motion.npz", **arrays)
    words = [["sil", 0.0, 0.1], ["bin", 0.1, 0.2], ["sp", 0.2, 0.25], ["blue", 0.25, 0.4]]
    clips = [{"id": name, "words": words} for name in IDS[:3]]
    (folder / "alignments.json").write_text(json.dumps({"fps": 25, "clips": clips}))
    for name in IDS:
        soundfile.write(folder / "audio" / f"{name}.flac", np.zeros(16_000 * 10 // 25 + 7), 16_000)
    return folder


def test_motion_is_the_contour_about_its_middle_with_y_up(tmp_path):
    corpus = open_grid(str(write(tmp_path)))
    space = MotionSpace.identity(load_rig("landmarks"), corpus.fps)
    assert corpus.channels == space.channels and corpus.rig == space.rig.name
    shapes = []
    for clip in corpus.clips:
        recording = corpus.read(clip)
        assert recording.motion is not None and clip.frames == 10 == len(recording.motion)
        assert len(recording.audio) == clip.samples == 6400
        shapes.append(recording.motion)
        gap = space.lip_gap_mm(torch.from_numpy(recording.motion))
        np.testing.assert_allclose(gap.diff(), 0.5, atol=0.02)
    for shape in shapes[1:]:  # the same mouth elsewhere in the box is the same motion
        np.testing.assert_allclose(shape, shapes[0], atol=0.05)


def test_pixels_are_kept():
    contour = contours(1)[0].astype(np.float32)
    motion = to_motion(contour).reshape(FRAMES, -1, 2) + rest_contour()
    apart = np.linalg.norm(contour[:, :, None] - contour[:, None], axis=-1)
    np.testing.assert_allclose(
        np.linalg.norm(motion[:, :, None] - motion[:, None], axis=-1), apart, atol=1e-4
    )


def test_words_become_the_text_and_silences_do_not(tmp_path):
    clips = {clip.id: clip for clip in open_grid(str(write(tmp_path))).clips}
    assert clips["bbaf2n"].text == "bin blue" and clips["prii6n"].text == ""
    assert clips["bbaf2n"].extra["words"][1] == ["bin", 0.1, 0.2]


def test_lost_tracks_are_left_out_and_named(tmp_path):
    points, scores = contours(), np.full((len(IDS), FRAMES), 0.9, np.float16)
    points[0, 3, 5] = np.nan
    points[1, 0, 5, 1] = 0.0  # up the nose, out of the box
    scores[2, 7] = 0.2
    folder = write(tmp_path, lip_points=points, track_score=scores)
    with pytest.warns(UserWarning, match="3 clips .* bbaf2n, bbaf4p, lgif3a"):
        corpus = open_grid(str(folder))
    assert [clip.id for clip in corpus.clips] == ["prii6n"]
    assert np.isfinite(corpus.read(corpus.clips[0]).motion).all()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"track_score": None}, "track_score"),
        ({"lip_points": contours()[:, :, :12]}, "expected 20 points"),
        ({"fps": np.int64(30)}, "30 fps"),
        ({"ids": np.array([*IDS[:3], IDS[0]])}, "1 ids twice"),
    ],
)
def test_other_layouts_are_refused(tmp_path, changed, said):
    with pytest.raises(UserError, match=said):
        open_grid(str(write(tmp_path, **changed)))


@pytest.mark.parametrize("gone", ["motion.npz", "alignments.json", "audio/lgif3a.flac"])
def test_missing_files_are_named(tmp_path, gone):
    (write(tmp_path) / gone).unlink()
    with pytest.raises(UserError, match=gone):
        open_grid(str(tmp_path))


def test_pickled_ids_are_refused(tmp_path):
    with pytest.raises(UserError, match="no contours"):
        open_grid(str(write(tmp_path, ids=np.array(IDS, object))))


def test_the_real_recordings(shared_data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        corpus = open_grid(str(shared_data / "grid_s1"))
    splits = {name: {c.id for c in corpus.clips if c.split == name} for name in SHARES}
    assert sum(map(len, splits.values())) == len(corpus.clips) >= 295
    for name, share in SHARES.items():
        assert abs(len(splits[name]) / len(corpus.clips) - share) < 0.05
    starts = [{clip[:4] for clip in ids} for ids in splits.values()]
    assert sum(map(len, starts)) == len(set.union(*starts))
    clip = corpus.clips[0]
    assert (clip.id, clip.text, clip.frames) == ("bbal7s", "bin blue at l seven soon", 74)
    motion = np.concatenate([corpus.read(c).motion for c in corpus.clips[::30]])
    assert np.isfinite(motion).all() and 1.0 < motion.std() < 4.0 and abs(motion.mean()) < 1.0
