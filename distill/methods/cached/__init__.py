"""Cached pairs: the teacher's samples from stored noise are the targets of a one-step student."""
