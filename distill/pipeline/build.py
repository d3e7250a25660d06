"""From config to objects: the one place that knows both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from distill.artifact import build_family, save_artifact
from distill.audio.augment import Augment
from distill.audio.backbones import BACKBONES
from distill.audio.cache import FeatureCache
from distill.audio.encoders import build_encoder
from distill.audio.frozen import FrozenEncoder
from distill.data.corpus import Labels, open_described
from distill.diffusion.movement import fastest_hz
from distill.engines.eager import EagerEmbedder
from distill.errors import UserError
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.persona import SILENCE_PEAK, PersonaBank
from distill.protocols import Corpus, Denoiser, PersonaEmbedder, Rig
from distill.training.losses import LossWeights
from distill.types import SAMPLE_RATE_HZ

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network together with what rebuilds it."""

    family: str
    kwargs: dict[str, Any]
    module: torch.nn.Module


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaModel:
    """The trained personalizer of a run and its bank."""

    network: Network
    bank: PersonaBank

    @property
    def embedder(self) -> PersonaEmbedder:
        """The network as what it is."""
        module = self.network.module
        assert isinstance(module, PersonaEmbedder)
        return module

    def embed(self, audio: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return (identity, emotion) of a recording (S,); silence has the bank's centre."""
        if np.abs(audio).max() <= SILENCE_PEAK:
            pair = self.bank.average_identity, self.bank.neutral_emotion
        else:
            pair = self.bank.from_audio(EagerEmbedder(self.embedder), audio)
        return torch.from_numpy(pair[0]), torch.from_numpy(pair[1])

    @torch.no_grad()
    def of_audio(self, audio: np.ndarray) -> Tensor:
        """Return the personalized embedding (E) of a recording (S,)."""
        identity, emotion = self.embed(audio)
        return self.embedder.fuse(identity[None], emotion[None])[0]


def build_corpus(config: Config, progress: Any = None) -> Corpus:
    """Make or open the corpus that `data` describes, and check it fits the rig."""
    corpus = open_described(config["data"], progress)
    rig = config["rig"]["name"]
    if corpus.rig != rig:
        raise UserError(
            f"data={config['data']['name']} drives rig {corpus.rig!r}, not {rig!r}; "
            f"add rig={corpus.rig}"
        )
    return corpus


def build_rig(config: Config) -> Rig:
    """Load the rig that `rig` describes."""
    options = {k: v for k, v in config["rig"].items() if k != "name"}
    return load_rig(config["rig"]["name"], **options)


def build_denoiser(config: Config, space: MotionSpace, persona_dim: int) -> Network:
    """Build the teacher or student that `config` (a `teacher` or `student` group) describes."""
    kwargs = dict(config["kwargs"]) | {
        "motion_dim": space.motion_dim,
        "fps": space.fps,
        "persona_in": persona_dim,
        "hidden": hidden_channels(config["kwargs"].get("hidden"), space),
        "deviation": space.noise_deviation.tolist(),
        "smoothing": smoothing_frames(space),
    }
    audio = dict(kwargs["audio"])
    if audio.get("path") is None:
        audio.pop("path", None)  # the encoder's own default
    module = build_family(config["family"], kwargs | {"audio": audio})
    encoder = getattr(module, "encoder", None)
    if isinstance(encoder, FrozenEncoder):  # rebuilt from this, never fetched again
        audio = {k: v for k, v in audio.items() if k != "path"}
        audio["backbone_config"] = encoder.backbone_config
    return Network(family=config["family"], kwargs=kwargs | {"audio": audio}, module=module)


FAST_SHARE, PASSED = 0.99, 0.75
"""A network's output is smoothed so that of the frequency under which 99 % of a channel's power
lies, three quarters of the amplitude pass: slower channels lose nothing, flicker goes."""


def smoothing_frames(space: MotionSpace) -> list[float]:
    """Return the deviation in frames of the Gaussian that smooths each channel of a network.

    exp(-(2 pi f d)^2 / 2) is what a Gaussian of deviation d passes of frequency f.
    """
    fastest = fastest_hz(space.noise.double().numpy(), space.fps, FAST_SHARE)
    width = np.sqrt(-2 * np.log(PASSED)) / (2 * np.pi * np.maximum(fastest, 0.5))
    return (width * space.fps).round(3).tolist()


def hidden_channels(group: str | None, space: MotionSpace) -> list[int]:
    """Return the channels of a group of the motion space (`mouth`); none for None."""
    if group is None:
        return []
    if group not in space.groups:
        raise UserError(
            f"kwargs.hidden={group} is no group of rig {space.rig.name!r}; "
            f"choose from {', '.join(space.groups)} or null"
        )
    return space.groups[group].tolist()


def build_personalizer(config: Config, labels: Labels) -> Network:
    """Build the personalizer for the corpus's training labels."""
    kwargs = dict(config["kwargs"]) | {
        "speakers": len(labels.speakers),
        "emotions": max(len(labels.emotions), 1),
    }
    return Network(
        family=config["family"], kwargs=kwargs, module=build_family(config["family"], kwargs)
    )


def loss_weights(config: Config) -> LossWeights:
    """Read loss weights."""
    return LossWeights(**config)


def build_augment(options: Config) -> Augment | None:
    """Build an augmentation, or None when its strength is 0."""
    return Augment(**options) if options["strength"] else None


def save_model(
    folder: Path,
    network: Network,
    space: MotionSpace,
    personas: PersonaModel | None,
    *,
    name: str,
    steps: int,
    any_steps: bool,
    noise: float = 1.0,
    guidance: float = 1.0,
    provenance: Mapping[str, Any],
) -> None:
    """Write a model folder that `distill.load` opens: network, personalizer, normalization."""
    modules = {"denoiser": (network.family, network.kwargs, network.module)}
    tensors = {"mean": space.mean, "std": space.std, "noise": space.noise}
    config: dict[str, Any] = {
        "name": name,
        "steps": steps,
        "any_steps": any_steps,
        "noise": noise,
        "guidance": guidance,
        "rig": space.rig.name,
        "fps": space.fps,
        "sample_rate_hz": SAMPLE_RATE_HZ,
        "channels": list(space.channels),
        "bounded": space.rig.name in ("arkit", "ict"),
        "provenance": dict(provenance),
    }
    if personas is not None:
        embedder = personas.network
        modules["embedder"] = (embedder.family, embedder.kwargs, embedder.module)
        arrays, config["bank"] = personas.bank.state()
        tensors |= {f"bank.{key}": torch.from_numpy(value) for key, value in arrays.items()}
    header = {
        "family": network.family,
        "steps": str(steps),
        "rig": space.rig.name,
        "fps": f"{space.fps:g}",
        "sample_rate_hz": str(SAMPLE_RATE_HZ),
        "parent": str(provenance.get("parent", "")),
    }
    save_artifact(folder, modules=modules, tensors=tensors, config=config, header=header)


def as_denoiser(network: Network) -> Denoiser:
    """Return the network as a denoiser; one `isinstance` instead of a flag."""
    if not isinstance(network.module, Denoiser):
        raise UserError(
            f"family {network.family!r} is not a denoiser, so it can neither teach step halving "
            "nor learn it; choose another teacher= or student="
        )
    return network.module


def build_enhancer(
    config: Config, space: MotionSpace, teacher: Denoiser, student: Denoiser
) -> torch.nn.Module | None:
    """Build the personalizer enhancer of a round.

    None when its weight is 0 or the rig has no upper face to contrast personas with.
    """
    from personalizer.enhancer import PersonaEnhancer

    upper = len(space.groups["upper"])
    if not upper or not config["distill"]["weights"]["pc"]:
        return None
    return PersonaEnhancer(upper, teacher.persona_dim, student.persona_dim)


def frozen_features(config: Config, fps: float) -> Callable[[Any, float], Any] | None:
    """Return the cached features of the teacher's frozen audio encoder; None when it learns."""
    audio = {k: v for k, v in config["teacher"]["kwargs"]["audio"].items() if v is not None}
    if audio["name"] not in BACKBONES:
        return None
    encoder = build_encoder(fps=fps, **audio)
    assert isinstance(encoder, FrozenEncoder)
    return FeatureCache.of(Path(config["data"]["cache"]) / "features", encoder).features
