import torch
from torch import nn

from distill.training.threads import SMALL_PARAMETERS, computing_on, threads_to_train


def test_threads_are_set_inside_and_restored_whatever_happens():
    before = torch.get_num_threads()
    for asked, expected in ((1, 1), (3, 3), (None, before)):
        try:
            with computing_on(asked):
                assert torch.get_num_threads() == expected
                raise KeyError
        except KeyError:
            assert torch.get_num_threads() == before


def test_only_what_learns_decides_and_a_wish_goes_first():
    large = nn.Linear(SMALL_PARAMETERS, 1)
    assert threads_to_train(large, None) is None and threads_to_train(large, 1) == 1
    both = nn.ModuleList([large.requires_grad_(False), nn.Linear(2, 2)])
    assert threads_to_train(both, None) == 1 and threads_to_train(both, 3) == 3
