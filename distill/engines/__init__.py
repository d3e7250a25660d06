"""What runs the networks of a model folder: torch, or onnxruntime without torch."""

from distill.engines.engine import BACKENDS, Engine, open_engine

__all__ = ["BACKENDS", "Engine", "open_engine"]
