"""Conditional diffusion teacher. `build` is the family's whole public face."""

from teachers.diffusion.network import DiffusionTransformer

build = DiffusionTransformer
