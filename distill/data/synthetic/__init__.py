"""The synthetic talking-head corpus: sentences, speech with phone times, articulation.

Names are resolved on first use, so that a worker process never imports torch.
"""

from typing import TYPE_CHECKING, Any

from distill.data.synthetic.emotions import EMOTIONS

if TYPE_CHECKING:
    from distill.data.synthetic.corpus import build_corpus
    from distill.data.synthetic.opened import SyntheticCorpus, open_corpus

__all__ = ["EMOTIONS", "SyntheticCorpus", "build_corpus", "open_corpus"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from distill.data.synthetic import corpus

        return getattr(corpus, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
