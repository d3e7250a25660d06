import pytest
import torch


@pytest.fixture(scope="package")
def processes():
    """Start processes from a server that has imported everything and started no thread."""
    context = torch.multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.distill.training.processes"])
    return context
