"""Plain output regression: the baseline without diffusion and without a teacher."""

from distill.methods.regression.training import RegressionTraining

__all__ = ["RegressionTraining"]
