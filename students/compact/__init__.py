"""Compact convolutional student. `build` is the family's whole public face."""

from students.compact.network import CompactDenoiser

build = CompactDenoiser
