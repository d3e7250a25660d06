import subprocess
import sys
from pathlib import Path

import torch

from distill.training.compiling import compiled_parts, parts_of
from tests.toys import toy_batch, toy_student

ROOT = Path(__file__).parents[3]


def compile_and_compare() -> None:
    network, batch = toy_student().eval(), toy_batch()
    times = torch.full((len(batch.motion),), 0.7)

    def say():
        cond = network.prepare(batch.cond, batch.motion.shape[1])
        return network(batch.motion, times, cond)

    plain, names = say(), list(network.state_dict())
    with compiled_parts([network], backend="aot_eager"):
        assert all(part._compiled_call_impl is not None for part in parts_of(network))
        torch.testing.assert_close(say(), plain, rtol=1e-4, atol=1e-4)
        assert list(network.state_dict()) == names
    assert all(part._compiled_call_impl is None for part in parts_of(network))


def test_a_compiled_network_says_the_same_keeps_its_names_and_is_itself_afterwards():
    """In a process whose functions are not wrapped by type checks, which cannot be compiled."""
    words = f"from {__name__} import compile_and_compare; compile_and_compare()"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
