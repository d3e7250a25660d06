import warnings

import pytest

from distill.data.readers.facegood import FacegoodCorpus
from distill.data.readers.grid import open_grid
from distill.data.synthetic import build_corpus
from distill.protocols import Corpus


@pytest.fixture(scope="session")
def corpora(tmp_path_factory):
    """Opens a corpus by name, once."""
    opened: dict[str, Corpus] = {}

    def get(name: str, request) -> Corpus:
        if name not in opened:
            if name == "synthetic":
                pytest.importorskip("espeakng_loader", reason="the synth extra is not installed")
                opened[name] = build_corpus(
                    tmp_path_factory.mktemp("cache"),
                    clips=24, speakers=4, unseen_speakers=1, seed=3, workers=1,
                )  # fmt: skip
            else:
                folder = request.getfixturevalue("shared_data")
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)
                    if name == "facegood":
                        opened[name] = FacegoodCorpus(folder / "facegood" / "upstream")
                    else:
                        opened[name] = open_grid(str(folder / "grid_s1"))
        return opened[name]

    return get


@pytest.fixture(params=["synthetic", "facegood", "grid"])
def corpus(request, corpora):
    """Our own talking heads and two sets of recordings."""
    return corpora(request.param, request)
