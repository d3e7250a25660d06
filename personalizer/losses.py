"""Contrastive losses over unit embeddings; label -1 means unknown and takes no part."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize

from distill.layers.precision import full_precision


class Temperature(nn.Module):
    """A learnable temperature that cannot leave [low, high].

    `tau = low + (high - low) sigmoid(raw)`: smooth at the limits, so it is never stuck there as a
    hard clamp would be.
    """

    def __init__(self, start: float = 0.1, low: float = 0.02, high: float = 1.0) -> None:
        super().__init__()
        if not low < start < high:
            raise ValueError(f"temperature {start} is not between {low} and {high}")
        share = (start - low) / (high - low)
        self.low, self.high = low, high
        self.raw = nn.Parameter(torch.tensor(math.log(share / (1 - share))))

    def forward(self) -> Float[Tensor, ""]:
        """Return tau."""
        return self.low + (self.high - self.low) * torch.sigmoid(self.raw)


@full_precision
def sup_con(
    embeddings: Float[Tensor, "B E"], labels: Int[Tensor, " B"], tau: Float[Tensor, ""] | float
) -> Float[Tensor, ""]:
    """Supervised InfoNCE across the batch: equal label, other sample is a positive.

    `L = mean_i  -1/|P(i)| sum_{p in P(i)} log( exp(z_i.z_p/tau) / sum_{a != i} exp(z_i.z_a/tau) )`
    (Khosla et al. 2020, arXiv 2004.11362, L_out). Embeddings are normalized here. Anchors without
    a positive are ignored; samples of unknown label are neither anchor, positive nor negative.
    Zero (with a gradient of zero) when no anchor is left.
    """
    z = normalize(embeddings, dim=-1)
    known = labels >= 0
    other = known[None, :] & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    positive = (labels[:, None] == labels[None, :]) & other
    logits = (z @ z.T / tau).masked_fill(~other, torch.finfo(torch.float32).min)
    log_share = logits - logits.logsumexp(dim=1, keepdim=True)
    count = positive.sum(dim=1)
    per_anchor = -log_share.masked_fill(~positive, 0.0).sum(dim=1) / count.clamp(min=1)
    anchor = (known & (count > 0)).float()
    return (per_anchor * anchor).sum() / anchor.sum().clamp(min=1.0)


@full_precision
def bank_info_nce(
    embeddings: Float[Tensor, "B E"],
    bank: Float[Tensor, "N E"],
    labels: Int[Tensor, " B"],
    tau: Float[Tensor, ""] | float,
) -> Float[Tensor, ""]:
    """InfoNCE against a bank with one entry per label: cross-entropy over cosine similarities.

    `L = mean_i -log( exp(cos(z_i, b_{y_i})/tau) / sum_n exp(cos(z_i, b_n)/tau) )`. Samples of
    unknown label are ignored; zero when none is left.
    """
    logits = normalize(embeddings, dim=-1) @ normalize(bank, dim=-1).T / tau
    total = cross_entropy(logits, labels.long(), ignore_index=-1, reduction="sum")
    return total / (labels >= 0).sum().clamp(min=1)


def nearest(embeddings: Float[Tensor, "B E"], bank: Float[Tensor, "N E"]) -> Int[Tensor, " B"]:
    """Return the index of the bank entry of highest cosine similarity."""
    return (normalize(embeddings, dim=-1) @ normalize(bank, dim=-1).T).argmax(dim=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weight of each term of the personalizer's loss; 0 switches a term off."""

    identity_bank: float = 1.0
    identity_batch: float = 0.5
    emotion_bank: float = 1.0
    emotion_batch: float = 0.5
    persona_bank: float = 0.5
    persona_batch: float = 0.25
