"""Consistency distillation (arXiv 2303.01469), in segments (arXiv 2403.06807)."""
