"""Iterative step halving with a personalizer enhancer (DiffusionTalker, arXiv 2503.18159)."""
