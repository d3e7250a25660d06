"""Identity and emotion from audio alone, by contrastive learning."""

from distill.errors import UserError
from personalizer.audio_contrastive.network import Personalizer


def build(
    *,
    speakers: int,
    emotions: int,
    embed_dim: int = 64,
    width: int = 128,
    blocks: int = 3,
    mels: int = 40,
) -> Personalizer:
    """Build the personalizer for a corpus of `speakers` voices and `emotions` emotions."""
    if speakers < 1 or emotions < 1:
        raise UserError(f"the personalizer needs labels: {speakers} speakers, {emotions} emotions")
    if embed_dim % 4:
        raise UserError(f"embed_dim={embed_dim} is not a multiple of 4 (attention heads)")
    return Personalizer(
        embed_dim=embed_dim,
        width=width,
        blocks=blocks,
        speakers=speakers,
        emotions=emotions,
        mels=mels,
    )
