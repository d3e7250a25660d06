"""Flow maps: one network that jumps any distance in time (arXiv 2410.12557, 2505.13447)."""
