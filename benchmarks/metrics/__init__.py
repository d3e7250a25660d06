"""Metrics of generated faces: one file per family, each found by `registry`."""
