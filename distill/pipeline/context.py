"""What the stages of a run share, and how each of them trains."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch

from distill.data.batches import MotionBatches, PersonaTable
from distill.data.corpus import Labels
from distill.face.space import MotionSpace
from distill.pipeline.build import PersonaModel, build_augment, frozen_features
from distill.pipeline.runs import RunDirectory, Stage, git_commit, relevant
from distill.protocols import Corpus
from distill.storage import content_hash
from distill.training.batches import UpdateBatches
from distill.training.calls import CallCounter
from distill.training.compiling import compiled_parts, networks_of
from distill.training.fit import fit
from distill.training.guards import StaticFaceGuard
from distill.training.loggers import build_loggers
from distill.training.objective import Objective
from distill.training.progress import Progress
from distill.training.threads import computing_on, threads_to_train
from distill.training.world import is_first, placement


def loader_workers(asked: int | None) -> int:
    """Return how many processes make batches: as asked, or what suits this machine.

    Without a GPU there are none: the cores compute, and a process beside them makes each
    operation wait for its slowest thread (measured: 1.7 against 1.9 teacher updates a second).
    """
    if asked is not None:
        return asked
    return min(8, max(1, (os.cpu_count() or 1) - 1)) if torch.cuda.is_available() else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A run under way: its config and data, and once there are any, its personas.

    Attributes:
        config: Resolved config as plain containers.
        run: Where everything is written.
        progress: Where progress is shown.
        corpus: Data of the run.
        space: Motion space, normalized by the training split.
        labels: Training speakers and emotions.
        personas: Trained personalizer and bank; None before, or for corpora without speakers.
        table: Embeddings of the training clips, in corpus order.
    """

    config: Mapping[str, Any]
    run: RunDirectory
    progress: Progress
    corpus: Corpus
    space: MotionSpace
    labels: Labels
    personas: PersonaModel | None = None
    table: PersonaTable | None = None

    @property
    def budget(self) -> Mapping[str, Any]:
        """The `budget` group."""
        return self.config["budget"]

    @property
    def persona_dim(self) -> int:
        """Size of the personalizer's embedding, also where there is none."""
        if self.personas is None:
            return int(self.config["personalizer"]["kwargs"]["embed_dim"])
        return self.personas.embedder.embed_dim

    def provenance(self, parent: str) -> dict[str, Any]:
        """Return where a model made now comes from; `parent` is the digest of its teacher."""
        return {
            "run": self.config["run"]["name"],
            "commit": git_commit(),
            "config_hash": content_hash(relevant(self.config)),
            "data": self.corpus.name,
            "data_hash": self.corpus.content_hash,
            "seed": self.config["seed"],
            "parent": parent,
        }

    def batches(
        self,
        *,
        seed: int,
        batch_size: int | None = None,
        per_speaker: int = 1,
        augment: Mapping[str, Any] | None = None,
    ) -> MotionBatches:
        """Return the run's batches, augmented and with personas where there are any."""
        return MotionBatches(
            self.corpus,
            self.space,
            self.labels,
            batch_size=batch_size or self.budget["batch_size"],
            window_frames=self.budget["window_frames"],
            seed=seed,
            per_speaker=per_speaker,
            augment=build_augment(augment or self.config["audio"]["augment"]),
            personas=self.table,
            features=frozen_features(self.config, self.corpus.fps),
        )

    def train(
        self,
        stage: Stage,
        module: pl.LightningModule,
        *,
        updates: int,
        seed: int,
        ema: str | None = "model",
        batches: MotionBatches | None = None,
        clips: int | None = None,
    ) -> dict[str, int]:
        """Train `module` in the stage's folder, continuing an interrupted attempt.

        On `batches`, or on the run's own, of so many `clips` where that is given.

        Returns:
            Network calls that training took, by role.
        """
        options = self.config["trainer"]
        batches = batches or self.batches(seed=seed, batch_size=clips)
        embed = None if self.personas is None else self.personas.of_audio
        data = UpdateBatches(
            batches,
            workers=loader_workers(options["workers"]),
            validation=batches.val_batches(embed),
        )
        counter = CallCounter(module.networks() if isinstance(module, Objective) else {})
        guards = [StaticFaceGuard()] if ema else []
        loggers = build_loggers(
            self.config["logger"]["kind"] if is_first() else "none",
            folder=stage.folder,
            run_name=self.config["run"]["name"],
            stage=stage.name,
            config=dict(self.config),
        )
        threads = computing_on(threads_to_train(module, options["threads"]))
        with (
            threads,
            compiled_parts(networks_of(module) if options["compile"] else []),
            self.progress.stage(stage.name, total=updates) as bar,
        ):
            fit(
                module,
                data,
                folder=stage.folder,
                updates=updates,
                seed=seed,
                ema=ema,
                ema_decay=self.budget["ema_decay"],
                precision=options["precision"],
                clip=options["clip"],
                checkpoint_every_s=options["checkpoint_every_s"],
                validate_every_updates=min(updates, options["validate_every_updates"]),
                trainer={**options["lightning"], **placement()},
                callbacks=[*guards, counter],
                loggers=loggers,
                progress=bar,
            )
        return counter.calls
