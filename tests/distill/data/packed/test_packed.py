import json

import numpy as np
import pytest
import torch

from distill.data.batches import MotionBatches
from distill.data.corpus import labels_of, require_trainable, split
from distill.data.packed.reading import INDEX, open_packed
from distill.data.packed.shards import ShardWriter
from distill.data.packed.writing import pack
from distill.data.table import COLUMNS, ClipTable
from distill.errors import UserError
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.storage import read_json
from distill.types import Clip
from tests.distill.data.packed.made_up import MadeUp

SHARD_MB = 0.1


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The folder of a packed corpus of several shards."""
    folder = tmp_path_factory.mktemp("packed") / "corpus"
    pack(MadeUp(), str(folder), shard_mb=SHARD_MB)
    return folder


@pytest.fixture
def corpus(packed, tmp_path):
    return open_packed(str(packed), cache=tmp_path)


def batches(corpus, **options):
    space = MotionSpace.identity(load_rig("arkit"), corpus.fps)
    defaults = {"batch_size": 6, "window_frames": 16, "seed": 3}
    labels = labels_of(split(corpus, "train"))
    return MotionBatches(corpus, space, labels, **(defaults | options))


def test_every_clip_comes_back_with_all_that_is_known_of_it(packed, corpus):
    original = {clip.id: clip for clip in MadeUp().clips}
    error = read_json(packed / INDEX)["motion"]["largest_error"]
    assert len(list(packed.glob("chunk-*"))) > 3 and 0 < error < 1e-3
    assert {clip.id for clip in corpus.clips} == original.keys()
    for clip in corpus.clips:
        known = original[clip.id]
        for name in Clip.__slots__:
            if name != "extra":
                assert getattr(clip, name) == getattr(known, name), name
        assert clip.extra["words"] == known.extra["words"]
        found, given = corpus.read(clip), MadeUp().read(known)
        assert np.array_equal(found.audio, given.audio)
        assert np.abs(found.motion - given.motion).max() <= error


def test_opus_is_smaller_and_its_error_is_stated(packed, tmp_path):
    made = pack(MadeUp(8), str(tmp_path / "opus"), audio="opus", motion="float32")
    assert made["audio"]["rms_error"] > 0 and made["motion"]["largest_error"] == 0
    assert made["bytes"] / 8 < read_json(packed / INDEX)["bytes"] / 24
    clip = open_packed(str(tmp_path / "opus"), cache=tmp_path).clips[0]
    corpus = open_packed(str(tmp_path / "opus"), cache=tmp_path)
    assert len(corpus.read(clip).audio) == clip.samples


def test_batches_of_a_reopened_corpus_and_of_all_ranks_are_those_of_the_first(packed, tmp_path):
    first, second = (batches(open_packed(str(packed), cache=tmp_path)) for _ in range(2))
    second(0)
    whole, again = first(7), second(7)
    parts = [second(7, rank, 3) for rank in range(3)]
    assert torch.equal(whole.motion, again.motion)
    for read in (lambda b: b.motion, lambda b: b.cond.audio, lambda b: b.speaker):
        joined = torch.stack([read(part) for part in parts], 1).flatten(0, 1)
        assert torch.equal(joined, read(whole))


def test_labels_and_splits_are_those_of_the_source(corpus):
    source = MadeUp()
    require_trainable(corpus)
    for name in ("train", "val", "test", "test_unseen"):
        mine, theirs = split(corpus, name), split(source, name)
        assert sorted(clip.id for clip in mine) == sorted(clip.id for clip in theirs)
        assert labels_of(mine) == labels_of(theirs)
    training = batches(corpus)
    for number, clip in enumerate(training.train_clips):
        assert training.numbers["speaker"][number] == training.labels.speaker(clip)
        assert training.numbers["emotion"][number] == training.labels.emotion(clip)


def test_shards_are_those_that_litdata_writes(tmp_path):
    """Bytes of `BinaryWriter` of litdata 0.2.76 for these three items."""
    writer = ShardWriter(tmp_path, 300)
    for number in range(3):
        writer.append([b"ab%d" % number, b"x" * (5 + number), b""])
    assert writer.finish() == ["chunk-0-0.bin"]
    numbers = [3, 20, 40, 61, 83]
    items = [(3, 5, 0, b"ab0xxxxx"), (3, 6, 0, b"ab1xxxxxx"), (3, 7, 0, b"ab2xxxxxxx")]
    expected = np.array(numbers, "<u4").tobytes() + b"".join(
        np.array(item[:3], "<u4").tobytes() + item[3] for item in items
    )
    assert (tmp_path / "chunk-0-0.bin").read_bytes() == expected
    index = read_json(tmp_path / "index.json")
    chunk = {"chunk_bytes": 83, "chunk_size": 3, "dim": None, "filename": "chunk-0-0.bin"}
    assert index["chunks"] == [chunk]
    leaf = {"type": None, "context": None, "children_spec": []}
    spec = {"type": "builtins.dict", "context": '["about", "audio", "motion"]'}
    assert json.loads(index["config"]["data_spec"]) == [1, spec | {"children_spec": [leaf] * 3}]


def test_a_bucket_is_read_through_a_cache_that_stays_small(packed, tmp_path):
    limit = int(2.5e6 * SHARD_MB)
    corpus = open_packed(f"file://{packed}", cache=tmp_path, cache_gb=limit / 1e9)
    local = open_packed(str(packed), cache=tmp_path)
    corpus.shards._open.clear()
    largest = 0
    for number in np.random.default_rng(0).permutation(len(local.clips)).tolist():
        assert corpus.shards.item(number) == local.shards.item(number)
        corpus.shards._open.clear()
        held = [path.stat().st_size for path in tmp_path.rglob("chunk-*")]
        largest = max(largest, sum(held))
    assert 0 < largest <= limit < read_json(packed / INDEX)["bytes"]


def test_a_corpus_packed_into_a_bucket_is_the_one_packed_into_a_folder(packed, tmp_path):
    (tmp_path / "bucket").mkdir()
    address = f"file://{tmp_path}/bucket"
    pack(MadeUp(), address, shard_mb=SHARD_MB)
    found = open_packed(address, cache=tmp_path / "cache")
    assert found.content_hash == open_packed(str(packed), cache=tmp_path).content_hash


def test_a_broken_packing_leaves_nothing_and_a_used_folder_is_refused(packed, tmp_path):
    class Broken(MadeUp):
        def read(self, clip):
            if clip.seed == 5:
                raise UserError("this recording is broken")
            return super().read(clip)

    with pytest.raises(UserError, match="broken"):
        pack(Broken(), str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UserError, match="not an empty folder"):
        pack(MadeUp(), str(packed))


def test_motion_too_large_for_half_precision_is_refused(tmp_path):
    class Far(MadeUp):
        def read(self, clip):
            found = super().read(clip)
            found.motion[...] = 1e5
            return found

    with pytest.raises(UserError, match="use float32"):
        pack(Far(), str(tmp_path / "out"))


@pytest.mark.parametrize("root", ["nowhere", "file:///nowhere"])
def test_a_folder_without_a_packed_corpus_is_named(root, tmp_path):
    with pytest.raises(UserError, match=f"{root}.*data.root|data.root={root}|{root} cannot"):
        open_packed(root, cache=tmp_path)


def test_a_hundred_thousand_clips_are_not_made_before_they_are_asked_for():
    columns = np.zeros(100_000, COLUMNS)
    columns["speaker"] = np.arange(100_000) % 500
    columns["frames"] = 30
    columns["split"][-100:] = 1
    names = {"speaker": [f"s{i:03d}" for i in range(500)], "emotion": ["calm"]}
    made = []

    def make(number: int) -> Clip:
        made.append(number)
        return Clip(id=str(number), split="train")

    class Large:
        name, rig, fps, content_hash, channels = "large", "arkit", 30.0, "0", ()
        clips = ClipTable(columns, names, make)

        def read(self, clip):
            raise AssertionError

    require_trainable(Large())
    training = batches(Large())
    assert len(training.train_clips) == 99_900 and len(training.balanced.batch(10**6)) == 6
    assert len(made) < 100  # those that type checks of tests look at
    assert training.train_clips[5].id == "5"
