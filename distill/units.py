"""Constants that every part shares, whatever computes."""

SAMPLE_RATE_HZ = 16_000
"""Every waveform inside the toolkit is mono float32 at this rate."""
