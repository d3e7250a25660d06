import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread(_deterministic):
    """Tensors here are tiny: a second thread only waits."""
    torch.set_num_threads(1)
