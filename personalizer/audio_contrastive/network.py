"""The contrastive personalizer: audio to identity and emotion, both fused into one persona."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from distill.audio.mel import LogMel
from distill.layers.precision import full_precision
from distill.protocols import PersonaEmbedder
from personalizer.audio_contrastive.features import FPS, FRAME_SAMPLES, Correlogram, Loudness

PER_FRAME = 2


class ConvBlock(nn.Module):
    """Residual convolution over time that masked frames do not enter."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)

    def forward(
        self, x: Float[Tensor, "B F C"], keep: Float[Tensor, "B F 1"]
    ) -> Float[Tensor, "B F C"]:
        """Return features of the same shape."""
        return x + gelu(self.mix((self.norm(x) * keep).transpose(1, 2))).transpose(1, 2)


class AttentionHead(nn.Module):
    """Attentive statistics pooling (Okabe et al. 2018, arXiv 1803.10963) to a unit embedding."""

    def __init__(self, width: int, embed_dim: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, 32), nn.Tanh(), nn.Linear(32, 1))
        self.out = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, embed_dim))

    @full_precision
    def forward(self, x: Float[Tensor, "B F C"], mask: Bool[Tensor, "B F"]) -> Float[Tensor, "B E"]:
        """Pool the frames of `mask` by weighted mean and deviation."""
        score = self.score(x).masked_fill(~mask.unsqueeze(-1), torch.finfo(x.dtype).min)
        share = score.softmax(dim=1)
        mean = (share * x).sum(dim=1)
        spread = (share * (x - mean.unsqueeze(1)).square()).sum(dim=1)
        return normalize(self.out(torch.cat([mean, (spread + 1e-5).sqrt()], dim=-1)), dim=-1)


class Fusion(nn.Module):
    """Learned queries attend to the identity and the emotion token; a linear path beside them.

    Nothing is normalized at the end, so a persona exaggerated in identity or emotion space stays
    exaggerated after the fusion.
    """

    def __init__(self, embed_dim: int, queries: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.kind = nn.Parameter(0.1 * torch.randn(2, embed_dim))
        self.query = nn.Parameter(torch.randn(queries, embed_dim))
        self.attend = nn.MultiheadAttention(embed_dim, heads, batch_first=True)
        self.out = nn.Linear(queries * embed_dim, embed_dim)
        self.straight = nn.Linear(2 * embed_dim, embed_dim)

    def forward(
        self, identity: Float[Tensor, "B E"], emotion: Float[Tensor, "B E"]
    ) -> Float[Tensor, "B E"]:
        """Return the personalized embedding, components of about unit variance."""
        tokens = math.sqrt(identity.shape[-1]) * torch.stack([identity, emotion], dim=1)
        query = self.query.expand(len(tokens), -1, -1)
        mixed, _ = self.attend(query, tokens + self.kind, tokens, need_weights=False)
        return self.out(mixed.flatten(1)) + self.straight(tokens.flatten(1))


class Personalizer(PersonaEmbedder):
    """Log-mel, loudness and pitch -> convolutions -> one attention head each for who and how.

    Attributes:
        identity_bank: A learnable identity per training speaker (N E).
        emotion_bank: A learnable emotion per training emotion (M E).
    """

    def __init__(
        self, *, embed_dim: int, width: int, blocks: int, speakers: int, emotions: int, mels: int
    ) -> None:
        super().__init__()
        self.embed_dim = embed_dim
        self.mel = LogMel(fps=FPS, per_frame=PER_FRAME, mels=mels)
        self.loudness = Loudness()
        self.pitch = Correlogram()
        features = PER_FRAME * mels + self.loudness.out_dim + self.pitch.out_dim
        self.enter = nn.Linear(features, width)
        self.blocks = nn.ModuleList(ConvBlock(width, 2**i) for i in range(blocks))
        self.identity_head = AttentionHead(width, embed_dim)
        self.emotion_head = AttentionHead(width, embed_dim)
        self.fusion = Fusion(embed_dim)
        self.identity_bank = nn.Parameter(normalize(torch.randn(speakers, embed_dim), dim=-1))
        self.emotion_bank = nn.Parameter(normalize(torch.randn(emotions, embed_dim), dim=-1))

    def embed(
        self, audio: Float[Tensor, "B S"], samples: Int[Tensor, " B"] | None = None
    ) -> tuple[Float[Tensor, "B E"], Float[Tensor, "B E"]]:
        """Return unit (identity, emotion); audio from `samples` on has no influence."""
        frames = max(1, -(-audio.shape[1] // FRAME_SAMPLES))
        place = torch.arange(frames, device=audio.device)
        if samples is None:
            mask = place.expand(audio.shape[0], -1) >= 0
        else:
            within = torch.arange(audio.shape[1], device=audio.device)
            audio = audio * (within < samples[:, None])
            mask = place * FRAME_SAMPLES < samples[:, None].clamp(min=1)
        keep = mask.unsqueeze(-1).to(audio.dtype)
        x = self.enter(self.features(audio, frames)) * keep
        for block in self.blocks:
            x = block(x, keep)
        return self.identity_head(x, mask), self.emotion_head(x, mask)

    @torch.no_grad()
    def features(self, audio: Float[Tensor, "B S"], frames: int) -> Float[Tensor, "B F C"]:
        """Return what the network hears: spectrum, loudness and pitch of every 40 ms."""
        parts = (self.mel(audio, frames), self.loudness(audio, frames), self.pitch(audio, frames))
        return torch.cat(parts, dim=-1)

    def fuse(
        self, identity: Float[Tensor, "B E"], emotion: Float[Tensor, "B E"]
    ) -> Float[Tensor, "B E"]:
        """Return the personalized embedding."""
        return self.fusion(identity, emotion)
