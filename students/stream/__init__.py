"""Streaming student. `build` is the family's whole public face."""

from students.stream.network import StreamDenoiser

build = StreamDenoiser
