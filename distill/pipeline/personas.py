"""Second stage: the personalizer, its bank of names and the embeddings of the training clips."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from distill.artifact import load_artifact, save_artifact
from distill.data.batches import PersonaTable
from distill.data.corpus import split
from distill.persona import PersonaBank, unit
from distill.pipeline.build import Network, PersonaModel, build_personalizer
from distill.pipeline.context import Context
from distill.training.world import on_first
from distill.types import Clip
from personalizer.training import PersonalizerTraining

SPLITS_REPORTED = ("val", "test")


def prepare_personas(context: Context) -> Context:
    """Return the context with a trained personalizer, unless the corpus names no two speakers."""
    options = context.config["personalizer"]
    if not options["enabled"] or len(context.labels.speakers) < 2:
        return context
    stage = context.run.stage("personalizer")
    if stage.complete:
        context.progress.skip(stage.name)
        network = _reload(context)
        personas = PersonaModel(network=network, bank=_bank(context, network))
        return replace(context, personas=personas, table=_table(context, personas))
    network = build_personalizer(options, context.labels)
    updates = context.budget["personalizer_updates"]
    module = PersonalizerTraining(
        network.module,  # type: ignore[arg-type]
        fps=context.corpus.fps,
        updates=updates,
        **options["training"],
    )
    seed = context.config["seed"] * 100 + 1
    batches = context.batches(
        seed=seed,
        batch_size=options["batch_size"],
        per_speaker=options["per_speaker"],
        augment=options["augment"],
    )
    context.train(stage, module, updates=updates, seed=seed, ema=None, batches=batches)
    network.module.eval().requires_grad_(False)
    personas = PersonaModel(network=network, bank=_bank(context, network))

    def write() -> None:
        save_artifact(
            stage.folder,
            modules={"embedder": (network.family, network.kwargs, network.module)},
            tensors={},
            config={"provenance": context.provenance("")},
            header={"family": network.family},
        )
        stage.finish({"updates": updates, "retrieval": retrieval(context, personas)})

    on_first(write)
    return replace(context, personas=personas, table=_table(context, personas))


def _reload(context: Context) -> Network:
    opened = load_artifact(context.run.stage("personalizer").folder)
    spec = opened.config["modules"]["embedder"]
    return Network(family=spec["family"], kwargs=spec["kwargs"], module=opened.modules["embedder"])


def _bank(context: Context, network: Network) -> PersonaBank:
    emotions = context.labels.emotions or ("neutral",)
    state = network.module.state_dict()
    return PersonaBank(
        identity=unit(state["identity_bank"].numpy()),
        emotion=unit(state["emotion_bank"].numpy()),
        identities=context.labels.speakers,
        emotions=emotions,
    )


def _table(context: Context, personas: PersonaModel) -> PersonaTable:
    clips = [clip for clip in split(context.corpus, "train") if clip.frames]
    identity, emotion = embed_clips(context, personas, clips)
    return PersonaTable(identity, emotion, personas.embedder.fuse)


def embed_clips(
    context: Context, personas: PersonaModel, clips: list[Clip]
) -> tuple[Tensor, Tensor]:
    """Return identity and emotion embeddings (N E) of clips; silent ones get the bank's centre."""
    pairs = [personas.embed(context.corpus.read(clip).audio) for clip in clips]
    return torch.stack([who for who, _ in pairs]), torch.stack([how for _, how in pairs])


def retrieval(context: Context, personas: PersonaModel) -> dict[str, float]:
    """Return how often the nearest bank entry names the right speaker and emotion, per split."""
    found: dict[str, float] = {}
    for name in SPLITS_REPORTED:
        clips = [c for c in split(context.corpus, name) if c.speaker in context.labels.speakers]
        if not clips:
            continue
        identity, emotion = embed_clips(context, personas, clips)
        bank, rows = personas.bank, zip(identity.numpy(), emotion.numpy(), clips, strict=True)
        hits = [
            (bank.match(who) == clip.speaker, bank.match_emotion(how) == clip.emotion)
            for who, how, clip in rows
        ]
        found[f"{name}/identity_top1"], found[f"{name}/emotion_top1"] = map(
            float, np.mean(hits, axis=0)
        )
    return found
