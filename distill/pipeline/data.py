"""First stage: make or open the corpus and measure its normalization."""

from collections.abc import Mapping
from typing import Any

from safetensors.torch import load_file, save_file

from distill.data.corpus import SPLITS, labels_of, motions, require_trainable, split
from distill.data.doctor import require_healthy
from distill.errors import UserError
from distill.face.space import MotionSpace
from distill.pipeline.build import build_corpus, build_rig
from distill.pipeline.context import Context
from distill.pipeline.runs import RunDirectory
from distill.storage import atomic_path
from distill.training.progress import Progress

STATISTICS = "space.safetensors"
MEASURED = ("mean", "std", "noise")


def prepare_data(config: Mapping[str, Any], run: RunDirectory, progress: Progress) -> Context:
    """Return the context of a run whose corpus is ready and normalized.

    Raises:
        UserError: The corpus cannot be had, has errors that `data.force` does not allow, or is not
            the one the run was started on.
    """
    stage = run.stage("data")
    with progress.stage("data", total=1, unit="clip") as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.advance(done - bar.done)

        corpus = build_corpus(config, show)
    require_trainable(corpus)
    train = split(corpus, "train")
    rig = build_rig(config)
    if not stage.complete and not config["data"].get("force"):
        require_healthy(corpus, rig)
    if stage.complete:
        before = stage.manifest()["content_hash"]
        if before != corpus.content_hash:
            raise UserError(
                f"{run.folder} was started on data {before}, which is now {corpus.content_hash}; "
                "choose another run.dir or restore the data"
            )
        space = load_space(run, rig, corpus.fps)
    else:
        space = MotionSpace.fit(rig, corpus.fps, motions(corpus, train))
        with atomic_path(stage.folder / STATISTICS) as temporary:
            save_file({name: getattr(space, name) for name in MEASURED}, temporary)
        stage.finish(
            {
                "corpus": corpus.name,
                "fps": corpus.fps,
                "content_hash": corpus.content_hash,
                "clips": {name: len(split(corpus, name)) for name in SPLITS},
            }
        )
    return Context(
        config=config,
        run=run,
        progress=progress,
        corpus=corpus,
        space=space,
        labels=labels_of(train),
    )


def load_space(run: RunDirectory, rig: Any, fps: float) -> MotionSpace:
    """Return the motion space that a run's data stage measured."""
    kept = load_file(run.stage("data").folder / STATISTICS)
    return MotionSpace(rig, fps, *(kept[name] for name in MEASURED))
