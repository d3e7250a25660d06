"""Distribution matching distillation (arXiv 2311.18828, 2405.14867)."""
