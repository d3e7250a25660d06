import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from distill.data.parts import Part
from distill.data.synthetic import build_corpus, open_corpus
from distill.data.synthetic.corpus import build_part
from distill.errors import UserError
from distill.protocols import Corpus

ROOT = Path(__file__).parents[4]
SMALL = {"clips": 9, "speakers": 2, "unseen_speakers": 1, "emotions": ("neutral", "sad")}


def test_fulfils_the_corpus_protocol(corpus):
    described: Corpus = corpus
    assert (described.name, described.rig, described.fps) == ("synthetic", "arkit", 30.0)
    assert len(described.channels) == 55
    assert len({c.id for c in described.clips}) == len(described.clips) == 64


def test_every_clip_is_audible_and_lengths_agree(corpus, recordings):
    for clip in corpus.clips:
        recording = recordings[clip.id]
        assert recording.audio.shape == (clip.samples,)
        assert recording.motion.shape == (clip.frames, 55)
        assert recording.audio.dtype == recording.motion.dtype == np.float32
        assert clip.frames == -(-clip.samples * 30 // 16000)
        assert 0.1 < np.abs(recording.audio).max() < 0.99
        assert clip.samples > 16000


def test_labels_are_complete_and_phones_contiguous(corpus):
    for clip in corpus.clips:
        assert clip.text and clip.seed > 0 and clip.emotion in ("neutral", "happy", "sad", "angry")
        assert clip.phones[0].label == clip.phones[-1].label == "sil"
        assert clip.phones[0].start_s == 0.0
        for left, right in zip(clip.phones, clip.phones[1:], strict=False):
            assert left.start_s < left.end_s == right.start_s
        assert abs(clip.phones[-1].end_s - clip.samples / 16000) < 1e-3
        words = clip.extra["words"]
        assert len(words) >= 0.6 * len(clip.text.split())
        assert all(0.0 <= a < b <= clip.phones[-1].end_s for _, a, b in words)


def test_splits_share_no_sentence_and_keep_unseen_speakers_apart(corpus):
    splits: dict[str, set[str]] = {}
    for clip in corpus.clips:
        splits.setdefault(clip.text.lower(), set()).add(clip.split)
    assert all(len(s) == 1 for s in splits.values())
    speakers = {s: {c.speaker for c in corpus.clips if c.split == s} for s in
                ("train", "val", "test", "test_unseen")}  # fmt: skip
    assert speakers["test_unseen"] == {"u00"}
    assert speakers["train"] == {"s00", "s01", "s02", "s03"} >= speakers["val"] | speakers["test"]


def test_speakers_and_emotions_are_balanced(corpus):
    train = [c for c in corpus.clips if c.split == "train"]
    cells = Counter((c.speaker, c.emotion) for c in train)
    assert len(cells) == 16
    assert max(cells.values()) - min(cells.values()) <= 1


def test_same_seed_same_bytes_whatever_the_workers(tmp_path):
    one = build_corpus(tmp_path / "one", **SMALL, workers=1)
    three = build_corpus(tmp_path / "three", **SMALL, workers=3)
    assert one.content_hash == three.content_hash
    for name in ("audio.npy", "motion.npy", "index.json"):
        assert (one.folder / name).read_bytes() == (three.folder / name).read_bytes()
    other = build_corpus(tmp_path / "one", **SMALL, seed=1)
    assert other.content_hash != one.content_hash and other.folder != one.folder


def test_a_second_build_opens_the_first(tmp_path):
    calls: list[tuple[int, int]] = []
    first = build_corpus(tmp_path, **SMALL, progress=lambda *a: calls.append(a))
    assert calls == [(i + 1, 9) for i in range(9)]
    written = (first.folder / "index.json").stat().st_mtime_ns
    again = build_corpus(tmp_path, **SMALL, progress=lambda *a: calls.append(a))
    assert (again.folder / "index.json").stat().st_mtime_ns == written
    assert len(calls) == 9
    assert again.clips == first.clips


def test_a_corpus_joined_from_parts_is_the_one_made_at_once(tmp_path):
    whole = build_corpus(tmp_path / "whole", **SMALL)
    parts = [Part(number, 3) for number in (3, 1)]  # the second is left to the join
    assert [build_part(tmp_path / "parts", part, **SMALL) for part in parts] == [3, 3]
    (folder,) = (tmp_path / "parts").iterdir()
    written = [path.stat().st_mtime_ns for path in sorted(folder.rglob("*.npy"))]
    (folder / "parts" / ".partial-of-a-killed-process").mkdir()
    assert build_part(tmp_path / "parts", parts[0], **SMALL) == 3
    assert [path.stat().st_mtime_ns for path in sorted(folder.rglob("*.npy"))] == written
    joined = build_corpus(tmp_path / "parts", **SMALL)
    for name in ("audio.npy", "motion.npy", "index.json"):
        assert (joined.folder / name).read_bytes() == (whole.folder / name).read_bytes()
    assert not (folder / "parts").exists()
    assert build_part(tmp_path / "parts", parts[1], **SMALL) == 3
    assert not (folder / "parts").exists()


def test_a_killed_build_is_not_taken_for_complete(tmp_path):
    code = (
        "from pathlib import Path; from distill.data.synthetic import build_corpus;"
        f"build_corpus(Path({str(tmp_path)!r}), clips=400, speakers=2, unseen_speakers=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        sizes = [p.stat().st_size for p in tmp_path.glob("synthetic-*/.partial/audio.npy")]
        if sizes and sizes[0] > 500_000:
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (folder,) = tmp_path.glob("synthetic-*")
    assert not (folder / "index.json").exists()
    with pytest.raises(UserError, match="does not exist"):
        open_corpus(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clips": 3}, "ask for at least 5 clips"),
        ({"emotions": ("neutral", "bored")}, "unknown emotion 'bored'"),
        ({"emotions": ()}, "at least one emotion"),
        ({"speakers": 0}, "at least 1 speaker"),
        ({"fps": 0.0}, "outside 1 to 240"),
        ({"engine": "hal"}, "unknown speech engine 'hal'"),
        ({"loudness": 1.0}, "outside 0 to 0.1"),
        ({"clarity": 0.0}, "outside 0.1 to 1"),
    ],
)
def test_impossible_requests_are_refused(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        build_corpus(tmp_path, **{**SMALL, **change})


def test_a_foreign_folder_is_refused(tmp_path):
    (tmp_path / "index.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(UserError, match="not a synthetic corpus"):
        open_corpus(tmp_path)


def test_an_unwritable_cache_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another cache folder"):
        build_corpus(tmp_path / "file", **SMALL)


def test_workers_do_not_import_torch():
    code = "import sys, distill.data.synthetic.worker; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
