"""What both methods that jump to few steps have in common, on real networks."""

import pytest
import torch

from distill.methods.cached.samples import Samples
from distill.methods.cached.training import CachedTraining
from distill.methods.consistency.training import ConsistencyTraining
from distill.methods.distribution_matching.training import DistributionMatching
from distill.methods.flow_map.training import FlowMapTraining
from distill.methods.taught import RoundWeights
from distill.training.calls import CallCounter
from distill.training.fit import fit
from distill.training.losses import LossWeights
from personalizer.enhancer import PersonaEnhancer
from tests.distill.methods.test_round import OPTIMIZER, losses_of_training, terms_of
from tests.distill.training.toy import UpdateBatches
from tests.toys import toy_batch, toy_space, toy_student, toy_teacher


def common(student, teacher, space, **weights):
    return {
        "weights": RoundWeights(**weights),
        "losses": LossWeights(),
        "enhancer": PersonaEnhancer(
            len(space.groups["upper"]), teacher.persona_dim, student.persona_dim
        ),
        "optimizer": OPTIMIZER,
    }


def consistency(**weights):
    student, teacher, space = toy_student(), toy_teacher(), toy_space()
    options = common(student, teacher, space, **weights)
    return ConsistencyTraining(
        student, teacher, space, grid_steps=4, segments=2, huber=0.3, **options
    )


def matching(fake=None, teacher=None, **weights):
    student, teacher, space = toy_student(), teacher or toy_teacher(), toy_space()
    options = common(student, teacher, space, **weights)
    fake = fake or toy_student()
    return DistributionMatching(student, teacher, fake, space, steps=2, fake_ratio=2.0, **options)


def flow_map(**weights):
    student, teacher, space = toy_student(any_span=True), toy_teacher(), toy_space()
    options = common(student, teacher, space, **weights)
    return FlowMapTraining(
        student, teacher, space, grid_steps=4, anchor=0.3, shortcut=0.3, **options
    )


def cached(**weights):
    student, teacher, space = toy_student(), toy_teacher(), toy_space()
    motion, noise = torch.randn(2, 40, 55, generator=torch.Generator().manual_seed(0)).unbind(0)
    samples = Samples(motion=motion, noise=noise, first=torch.tensor([0, 20, 40]))
    options = common(student, teacher, space, **weights)
    return CachedTraining(student, teacher, space, samples=samples, **options)


EXPECTED_CALLS = {
    consistency: ({6}, 2, 2),
    matching: ({6}, 3, 4),
    flow_map: (set(range(7)), 1, 3),
    cached: ({0}, 1, 1),
}
"""Teacher calls of six updates, and the student's least and most per update."""
METHODS = pytest.mark.parametrize("make", [consistency, matching, flow_map, cached])


def backward(module, seed=0):
    torch.stack(list(terms_of(module, toy_batch(), seed).values())).sum().backward()


@METHODS
def test_terms_can_be_switched_off(make):
    own = {"fake"} if make is matching else set()
    assert set(terms_of(make(), toy_batch())) == {"dis", "pc"} | own
    for name in ("dis", "pc"):
        assert set(terms_of(make(**{name: 0.0}), toy_batch())) == {"dis", "pc"} - {name} | own


@METHODS
def test_teacher_is_frozen_and_stays_in_eval_mode(make):
    module = make().train()
    assert module.model.training and not module.teacher.training
    backward(module)
    assert all(p.grad is None for p in module.teacher.parameters())
    learning = {id(p) for p in module.learning().parameters()}
    assert not learning & {id(p) for p in module.teacher.parameters()}


@METHODS
def test_every_parameter_that_learns_gets_a_gradient(make):
    module = make()
    backward(module)
    named = list(module.learning().named_parameters())
    unused = {n for n, p in named if p.requires_grad and p.grad is None}
    assert not unused and any(p.grad is not None for _, p in named)


@METHODS
def test_training_is_repeatable(make):
    assert losses_of_training(make()) == losses_of_training(make())


def test_the_generator_gets_no_gradient_where_both_scores_agree():
    teacher = toy_teacher()
    module = matching(fake=toy_teacher(), teacher=teacher, gt=0.0, pc=0.0)
    terms = terms_of(module, toy_batch())
    terms["dis"].backward(retain_graph=True)
    assert all(p.grad is None or not p.grad.any() for p in module.model.parameters())
    other = terms_of(matching(gt=0.0, pc=0.0), toy_batch())
    assert terms["dis"] == 0 and other["dis"] > 0


def test_generator_and_fake_score_learn_from_disjoint_terms():
    module = matching()
    terms = terms_of(module, toy_batch())
    terms["fake"].backward(retain_graph=True)
    assert all(p.grad is None for p in module.model.parameters())
    module.zero_grad()
    (terms["dis"] + terms["pc"]).backward()
    assert all(p.grad is None for p in module.fake.parameters())


def test_the_fake_score_learns_at_its_own_rate():
    module = matching()
    groups = module.configure_optimizers()["optimizer"].param_groups
    rates = {id(p): group["initial_lr"] for group in groups for p in group["params"]}
    for network, rate in ((module.model, OPTIMIZER["lr"]), (module.fake, 2 * OPTIMIZER["lr"])):
        assert {rates[id(p)] for p in network.parameters() if p.requires_grad} == {rate}


def trained(make, folder, *attempts):
    torch.set_num_threads(1)
    for updates in attempts:
        module = make()
        counter = CallCounter(module.networks())
        data = UpdateBatches(lambda index, *_: toy_batch(seed=index), validation=[toy_batch()])
        fit(
            module,
            data,
            folder=folder,
            updates=updates,
            ema="model",
            validate_every_updates=2,
            callbacks=[counter],
        )
    return module.state_dict(), counter.calls, module


@METHODS
def test_interrupted_training_ends_alike_and_counts_every_call_once(make, tmp_path):
    class Stop(Exception):
        pass

    def failing(stop_at):
        module = make()
        whole = module.training_step

        def step(batch, batch_idx):
            if module.global_step == stop_at:
                raise Stop
            return whole(batch, batch_idx)

        module.training_step = step
        return module

    torch.set_num_threads(1)
    expected, calls, _ = trained(make, tmp_path / "whole", 6)
    broken = failing(4)
    data = UpdateBatches(lambda index, *_: toy_batch(seed=index), validation=[toy_batch()])
    with pytest.raises(Stop):
        fit(
            broken,
            data,
            folder=tmp_path / "broken",
            updates=6,
            ema="model",
            checkpoint_every_updates=3,
            callbacks=[CallCounter(broken.networks())],
        )
    found, counted, module = trained(make, tmp_path / "broken", 6)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert counted == calls
    teacher, low, high = EXPECTED_CALLS[make]
    assert calls["teacher"] in teacher and 6 * low <= calls["student"] <= 6 * high
    assert not any(m._forward_hooks for m in module.modules())
