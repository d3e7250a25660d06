import pytest

from distill.data.synthetic import SyntheticCorpus, build_corpus

pytest.importorskip("espeakng_loader", reason="the synth extra is not installed")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> SyntheticCorpus:
    """A small corpus that every test of this folder shares."""
    folder = tmp_path_factory.mktemp("cache")
    return build_corpus(
        folder, clips=64, speakers=4, unseen_speakers=1, seed=3, workers=2,
        emotions=("neutral", "happy", "sad", "angry"),
    )  # fmt: skip


@pytest.fixture(scope="session")
def recordings(corpus):
    return {clip.id: corpus.read(clip) for clip in corpus.clips}
