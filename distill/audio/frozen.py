"""HuBERT, wav2vec 2.0 and WavLM from transformers: frozen, aligned to motion frames, adapted."""

import hashlib
import json
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from distill.audio.backbones import backbone_from_config
from distill.audio.frames import exact_fps
from distill.errors import UserError
from distill.layers.conv import ConvBlock
from distill.protocols import AudioEncoder
from distill.types import SAMPLE_RATE_HZ, Conditions

KERNEL = 7
CHUNK_S, CONTEXT_S = 20.0, 2.0
"""Longer audio is encoded in pieces with context on both sides, so that memory stays flat."""


class FrozenEncoder(AudioEncoder):
    """A pretrained backbone, never trained, then a trained projection and convolution blocks.

    Give `backbone` (see `load_backbone`), or the `backbone_config` of an encoder whose weights
    will be loaded afterwards. The backbone stays in eval mode whatever `train()` says. Its tokens
    (50 per second) are interpolated linearly to the centres of the motion frames.

    Attributes:
        out_dim: `width`.
        lookahead_frames: None, for attention sees the whole clip.
        backbone_config: What the backbone is rebuilt from, plain JSON values.
    """

    def __init__(
        self,
        *,
        name: str,
        fps: float | int,
        width: int,
        blocks: int,
        backbone: nn.Module | None = None,
        backbone_config: dict[str, Any] | None = None,
        expansion: int = 2,
    ) -> None:
        super().__init__()
        if backbone is None:
            if backbone_config is None:
                raise ValueError("FrozenEncoder needs a backbone or its backbone_config")
            backbone = backbone_from_config(name, backbone_config)
        config: Any = backbone.config
        self.name, self.fps, self.out_dim, self.lookahead_frames = name, fps, width, None
        self.backbone_config: dict[str, Any] = json.loads(config.to_json_string(use_diff=False))
        for local in ("_name_or_path", "transformers_version"):
            self.backbone_config.pop(local, None)
        self.stride_samples, self.field_samples = 1, 1
        for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
            self.field_samples += (kernel - 1) * self.stride_samples
            self.stride_samples *= stride
        self.backbone = backbone.requires_grad_(False).eval()
        self.project = nn.Linear(config.hidden_size, width)
        self.blocks = nn.Sequential(
            *(ConvBlock(width, KERNEL, KERNEL // 2, expansion) for _ in range(blocks))
        )
        self.norm = nn.LayerNorm(width)

    def train(self, mode: bool = True) -> "FrozenEncoder":
        """Set the mode of all but the backbone, which stays in eval."""
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, cond: Conditions, frames: int) -> Float[Tensor, "B F A"]:
        """Encode `cond.features` (from `features`) when given, else `cond.audio`."""
        features = cond.features
        if features is None:
            if cond.audio is None:
                raise ValueError("FrozenEncoder needs cond.audio or cond.features")
            features = self.features(cond.audio, frames)
        projected = self.project(features[:, :frames].to(self.project.weight.dtype))
        return self.norm(self.blocks(projected))

    @torch.no_grad()
    def features(
        self, audio: Float[Tensor, "B S"], frames: int, fps: float | int | None = None
    ) -> Float[Tensor, "B F K"]:
        """Return backbone features at the centres of `frames` motion frames, without gradient."""
        rate = float(exact_fps(fps or self.fps))
        chunk, context = max(1, round(CHUNK_S * rate)), round(CONTEXT_S * rate)
        parts = []
        for start in range(0, frames, chunk):
            stop = min(frames, start + chunk)
            first = int(max(0, start - context) * SAMPLE_RATE_HZ / rate)
            last = int((stop + context) * SAMPLE_RATE_HZ / rate) + 1
            tokens = self._tokens(audio[:, first:last], int(stop * SAMPLE_RATE_HZ / rate) - first)
            centres = torch.arange(start, stop, dtype=torch.float64, device=audio.device) + 0.5
            centres = centres * SAMPLE_RATE_HZ / rate - first
            parts.append(interpolate(tokens, self._position(centres)))
        return torch.cat(parts, 1)

    def identity(self) -> str:
        """Return a hash of the backbone's shape and weights, for cache keys."""
        digest = hashlib.sha256(json.dumps(self.backbone_config, sort_keys=True).encode())
        for name, value in sorted(self.backbone.state_dict().items()):
            digest.update(name.encode())
            digest.update(value.detach().cpu().float().numpy().tobytes())
        return digest.hexdigest()[:16]

    def _tokens(self, audio: Float[Tensor, "B S"], needed: int) -> Float[Tensor, "B T K"]:
        """Run the backbone on normalized audio of at least `needed` samples."""
        short = max(needed, self.field_samples) - audio.shape[1]
        audio = functional.pad(audio.float(), (0, max(0, short)))
        audio = audio - audio.mean(1, keepdim=True)
        audio = audio * torch.rsqrt(audio.square().mean(1, keepdim=True) + 1e-7)
        return self.backbone(audio).last_hidden_state.float()

    def _position(self, centres: Float[Tensor, " F"]) -> Float[Tensor, " F"]:
        """Return token positions whose receptive fields are centred at `centres` (samples)."""
        return (centres - self.field_samples / 2) / self.stride_samples


def interpolate(
    tokens: Float[Tensor, "B T K"], position: Float[Tensor, " F"]
) -> Float[Tensor, "B F K"]:
    """Interpolate linearly between tokens; positions outside take the nearest token."""
    position = position.clamp(0, tokens.shape[1] - 1)
    left = position.floor().long()
    right = (left + 1).clamp(max=tokens.shape[1] - 1)
    share = (position - left).to(tokens.dtype)[:, None]
    return tokens[:, left] * (1 - share) + tokens[:, right] * share


def refuse_lookahead(name: str, lookahead_frames: int | None) -> None:
    """Refuse a bounded look-ahead, which attention over the whole clip cannot keep."""
    if lookahead_frames is not None:
        raise UserError(
            f"audio={name} attends to the whole clip, so lookahead_frames={lookahead_frames} "
            "cannot be kept; use audio=mel, or leave lookahead_frames unset"
        )
