"""Trains a personalizer by contrast, and measures retrieval on held-out sentences."""

import math

import pytorch_lightning as lightning
import torch
from jaxtyping import Float, Int
from pytorch_lightning.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from distill.data.corpus import joint_labels
from distill.training.rows import joined_rows
from distill.types import SAMPLE_RATE_HZ, Batch
from personalizer.audio_contrastive.network import Personalizer
from personalizer.losses import (
    Temperature,
    Weights,
    bank_info_nce,
    nearest,
    sup_con,
)


class ContrastiveLoss(nn.Module):
    """All terms of the personalizer's loss, with a learnable temperature for each embedding."""

    def __init__(self, weights: Weights | None = None, tau: float = 0.1) -> None:
        super().__init__()
        self.weights = weights or Weights()
        self.identity_tau = Temperature(tau)
        self.emotion_tau = Temperature(tau)
        self.persona_tau = Temperature(tau)

    def forward(
        self, model: Personalizer, audio: Tensor, samples: Tensor, speaker: Tensor, emotion: Tensor
    ) -> dict[str, Float[Tensor, ""]]:
        """Return each term unweighted, and `loss`, their weighted sum.

        The fused persona meets positives of same speaker and same emotion, across the batch and
        as the fused pair of bank entries: so a persona picked by name and one embedded from audio
        lie together. Where several processes share a batch, rows of all of them are contrasted.
        """
        identity, feeling = map(joined_rows, model.embed(audio, samples))
        speaker, emotion = joined_rows(speaker), joined_rows(emotion)
        persona = model.fuse(identity, feeling)
        pair = joint_labels(speaker, emotion, len(model.emotion_bank))
        known = pair.clamp(min=0).unique()
        named = model.fuse(
            nn.functional.normalize(model.identity_bank, dim=-1)[known // len(model.emotion_bank)],
            nn.functional.normalize(model.emotion_bank, dim=-1)[known % len(model.emotion_bank)],
        )
        row = torch.where(pair >= 0, torch.searchsorted(known, pair.clamp(min=0)), pair)
        tau_i, tau_e, tau_p = self.identity_tau(), self.emotion_tau(), self.persona_tau()
        terms = {
            "identity_bank": bank_info_nce(identity, model.identity_bank, speaker, tau_i),
            "identity_batch": sup_con(identity, speaker, tau_i),
            "emotion_bank": bank_info_nce(feeling, model.emotion_bank, emotion, tau_e),
            "emotion_batch": sup_con(feeling, emotion, tau_e),
            "persona_bank": bank_info_nce(persona, named, row, tau_p),
            "persona_batch": sup_con(persona, pair, tau_p),
        }
        total = torch.stack([getattr(self.weights, name) * term for name, term in terms.items()])
        return {"loss": total.sum(), **terms}


class PersonalizerTraining(lightning.LightningModule):
    """Contrastive training for `updates` optimizer steps: AdamW, warm-up, then cosine to zero."""

    def __init__(
        self,
        model: Personalizer,
        *,
        fps: float,
        updates: int,
        warmup_updates: int = 20,
        learning_rate: float = 3e-3,
        weight_decay: float = 0.01,
        tau: float = 0.1,
        weights: Weights | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.criterion = ContrastiveLoss(weights, tau)
        self.fps, self.updates, self.warmup_updates = fps, updates, warmup_updates
        self.learning_rate, self.weight_decay = learning_rate, weight_decay

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch."""
        audio, samples = waveform(batch, self.fps)
        terms = self.criterion(self.model, audio, samples, batch.speaker, batch.emotion)
        named = {f"train/{name}": value.detach() for name, value in terms.items()}
        self.log_dict(named, batch_size=len(samples))
        return terms["loss"]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Log how often the nearest bank entry is the right one."""
        audio, samples = waveform(batch, self.fps)
        identity, emotion = self.model.embed(audio, samples)
        self._log_top1("identity", nearest(identity, self.model.identity_bank), batch.speaker)
        self._log_top1("emotion", nearest(emotion, self.model.emotion_bank), batch.emotion)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW with weight decay on matrices only, and the learning rate's course."""
        plain = {id(p) for p in (self.model.identity_bank, self.model.emotion_bank)}
        learned = [p for p in self.parameters() if p.requires_grad]
        decayed = [p for p in learned if p.ndim > 1 and id(p) not in plain]
        rest = [p for p in learned if p.ndim <= 1 or id(p) in plain]
        groups = [{"params": decayed}, {"params": rest, "weight_decay": 0.0}]
        optimizer = torch.optim.AdamW(groups, lr=self.learning_rate, weight_decay=self.weight_decay)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, self.learning_rate_share)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }

    def learning_rate_share(self, update: int) -> float:
        """Return the share of the peak learning rate at an update."""
        if update < self.warmup_updates:
            return (update + 1) / self.warmup_updates
        done = (update - self.warmup_updates) / max(1, self.updates - self.warmup_updates)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def _log_top1(self, name: str, found: Tensor, wanted: Tensor) -> None:
        known = wanted >= 0
        if count := int(known.sum()):
            share = ((found == wanted) & known).sum() / count
            key = f"val/{name}_top1"
            self.log(key, share, batch_size=count, on_epoch=True, sync_dist=True, prog_bar=True)


def waveform(batch: Batch, fps: float) -> tuple[Float[Tensor, "B S"], Int[Tensor, " B"]]:
    """Return a batch's audio and, from its frame mask, the valid samples of each row."""
    audio = batch.cond.audio
    if audio is None or audio.ndim != 2:
        raise ValueError("personalizer training needs waveforms in batch.cond.audio (B S)")
    valid = (batch.mask.sum(dim=1).double() * SAMPLE_RATE_HZ / fps).round().long()
    return audio, valid.clamp(max=audio.shape[1])
