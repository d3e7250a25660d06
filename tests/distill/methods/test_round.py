from dataclasses import replace

import pytest
import torch

from distill.methods.mean import TaughtMean
from distill.methods.progressive.plan import Round
from distill.methods.progressive.round import DistillationRound
from distill.methods.regression import RegressionTraining
from distill.methods.taught import RoundWeights, grid_times
from distill.training.features import feature_distance, feature_projection
from distill.training.losses import LossWeights
from personalizer.enhancer import PersonaEnhancer
from tests.toys import toy_batch, toy_space, toy_student, toy_teacher

OPTIMIZER = {"lr": 1e-3, "weight_decay": 0.0, "updates": 10, "warmup": 1}


def make_round(student=None, teacher=None, *, steps=(4, 2), shrink=False, on_policy=0.0, **weights):
    student, teacher, space = student or toy_student(), teacher or toy_teacher(), toy_space()
    enhancer = PersonaEnhancer(len(space.groups["upper"]), teacher.persona_dim, student.persona_dim)
    return DistillationRound(
        student,
        teacher,
        Round(0, *steps, shrink=shrink),
        space,
        weights=RoundWeights(**weights),
        losses=LossWeights(),
        enhancer=enhancer,
        optimizer=OPTIMIZER,
        on_policy=on_policy,
    )


def terms_of(module, batch, seed=0):
    torch.manual_seed(seed)
    return module.terms(batch)


SHRINK = {"steps": (4, 4), "shrink": True}


def make_mean(student=None, teacher=None, **weights):
    module = make_round(student, teacher)
    return TaughtMean(
        module.model,
        module.teacher,
        module.space,
        weights=RoundWeights(**weights),
        losses=LossWeights(),
        enhancer=module.enhancer,
        optimizer=OPTIMIZER,
    )


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (make_mean, {"dis", "ae", "pc", "gt"}),
        (lambda **w: make_round(**SHRINK, **w), {"dis", "pc", "gt"}),
        (make_round, {"dis", "pc"}),
    ],
)
def test_every_term_can_be_switched_off(make, names):
    batch = toy_batch()
    assert set(terms_of(make(), batch)) == names
    for name in names:
        assert set(terms_of(make(**{name: 0.0}), batch)) == names - {name}


def test_teacher_is_frozen_and_stays_in_eval_mode():
    module = make_round().train()
    assert module.model.training and not module.teacher.training
    torch.stack(list(terms_of(module, toy_batch()).values())).sum().backward()
    assert all(p.grad is None for p in module.teacher.parameters())
    learning = {id(p) for p in module.learning().parameters()}
    assert not learning & {id(p) for p in module.teacher.parameters()}


def test_every_student_parameter_learns_in_the_mean_or_in_a_round():
    learned = set()
    for make in (make_mean, make_round):
        module = make(toy_student())
        torch.stack(list(terms_of(module, toy_batch()).values())).sum().backward()
        now = {n for n, p in module.model.named_parameters() if p.grad is not None}
        assert not now & learned
        learned |= now
    every = {n for n, _ in module.model.named_parameters()}
    assert every - learned <= {"null_audio", "persona.null"}


def test_padding_does_not_change_any_term():
    module, batch = make_round(**SHRINK), toy_batch()
    mask = batch.mask.clone()
    mask[:, 12:] = False
    predicted, target = torch.randn(2, *batch.motion.shape).unbind(0)
    cond, cond_teacher = module.prepared(batch)
    found = []
    for junk in (0.0, 50.0):
        dirty = [torch.where(mask[..., None], m, torch.tensor(junk)) for m in (predicted, target)]
        motion = torch.where(mask[..., None], batch.motion, torch.tensor(-junk))
        padded = replace(batch, motion=motion, mask=mask)
        found.append(module.compared(padded, *dirty, cond, cond_teacher))
    assert set(found[0]) == {"dis", "gt", "pc"}
    for name in found[0]:
        assert found[0][name].item() == pytest.approx(found[1][name].item(), rel=1e-5)
    whole = module.compared(batch, predicted, target, cond, cond_teacher)
    assert all(whole[name].item() != pytest.approx(found[0][name].item()) for name in whole)


@pytest.mark.parametrize("make", [make_mean, lambda *n: make_round(*n, **SHRINK)])
def test_a_student_equal_to_its_teacher_has_no_error(make):
    terms = terms_of(make(toy_teacher(), toy_teacher()), toy_batch())
    assert terms["dis"].item() < 1e-10 and terms.get("ae", torch.zeros(())).item() < 1e-10


@pytest.mark.parametrize("hidden", [(), tuple(range(14, 41))])
def test_real_motion_reaches_the_distillation_term_through_the_noise_only(hidden):
    batch = toy_batch()
    module = make_round(toy_student(hidden=hidden), toy_teacher(), shrink=True, steps=(4, 4))
    predicted, target = torch.randn(2, *batch.motion.shape).unbind(0)
    cond, cond_teacher = module.prepared(batch)
    first, second = (
        module.compared(replace(batch, motion=motion), predicted, target, cond, cond_teacher)
        for motion in (batch.motion, batch.motion + 3.0)
    )
    assert first["dis"].item() == second["dis"].item() and first["gt"].item() != second["gt"].item()


def test_the_mean_is_taught_by_the_mean_that_the_teacher_expects():
    batch, teachers = toy_batch(), (toy_teacher(), toy_teacher())
    with torch.no_grad():
        teachers[1].mean.out.bias += 1.0
    first, second = (terms_of(make_mean(toy_student(), t), batch) for t in teachers)
    assert second["dis"].item() > 1.5 * first["dis"].item()
    assert second["gt"].item() == first["gt"].item() and second["ae"].item() == first["ae"].item()


def test_clips_of_one_persona_are_no_negatives_of_each_other():
    batch = toy_batch()
    one = torch.zeros_like(batch.speaker)
    same = terms_of(make_round(), replace(batch, speaker=one, emotion=one))
    assert same["pc"].item() == pytest.approx(0.0, abs=1e-6)


def test_projection_between_equal_sizes_starts_as_identity():
    x = torch.randn(2, 3, 7)
    assert torch.equal(feature_projection(7, 7)(x), x)
    assert feature_projection(7, 9)(x).shape == (2, 3, 9)


def path_states(on_policy, predict=None, seed=0):
    """Noisy states of one batch at the last time of a 2-step student, and the plain ones."""
    module, x = make_round(on_policy=on_policy), toy_batch().motion
    if predict is not None:
        module.model.forward = lambda z, t, cond: predict(x)
    cond = module.model.prepare(toy_batch().cond, x.shape[1])
    torch.manual_seed(seed)
    return module._noisy(x, torch.full((len(x),), 0.5), cond)


def test_a_student_that_errs_is_trained_where_its_own_steps_lead():
    plain = path_states(0.0)
    torch.testing.assert_close(path_states(1.0, lambda x: x), plain, rtol=1e-4, atol=1e-5)
    schedule, wrong = toy_student().schedule, path_states(1.0, lambda x: x + 1.0)
    alpha, sigma = schedule.alpha_sigma(torch.tensor([0.5, 1.0]))
    led_astray = alpha[0] - sigma[0] / sigma[1] * alpha[1]
    torch.testing.assert_close(wrong - plain, led_astray.expand_as(plain), rtol=1e-4, atol=1e-5)


def test_the_first_step_has_nothing_before_it():
    module, batch = make_round(on_policy=1.0), toy_batch()
    cond = module.model.prepare(batch.cond, batch.motion.shape[1])
    ones = torch.ones(len(batch.motion))
    torch.manual_seed(0)
    led = module._noisy(batch.motion, ones, cond)
    module.on_policy = 0.0
    torch.manual_seed(0)
    assert torch.equal(led, module._noisy(batch.motion, ones, cond))


def test_times_lie_on_the_students_grid_and_powers_favour_noise():
    u = (torch.arange(4000) + 0.5) / 4000
    even, late = grid_times(u, 4, 1.0), grid_times(u, 4, 2.0)
    for times in (even, late):
        assert set(times.tolist()) == {0.25, 0.5, 0.75, 1.0}
    assert all((even == t).float().mean() == 0.25 for t in (0.25, 0.5, 0.75, 1.0))
    assert (late == 1).float().mean() == pytest.approx(0.5, abs=1e-3)
    assert grid_times(torch.tensor([0.0, 1.0]), 4, 2.0).tolist() == [1.0, 0.25]


def test_feature_distance_ignores_scale_and_offset():
    a, b = torch.randn(2, 2, 5, 8).unbind(0)
    mask = torch.ones(2, 5, dtype=torch.bool)
    torch.testing.assert_close(
        feature_distance(a, 3 * b + 1, mask), feature_distance(a, b, mask), rtol=1e-3, atol=1e-4
    )


def test_regression_ignores_noise():
    module = RegressionTraining(
        toy_student(), toy_space(), losses=LossWeights(), optimizer=OPTIMIZER
    )
    first, second = (terms_of(module, toy_batch(), seed=s) for s in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)


def losses_of_training(module, updates=3):
    optimizer = module.configure_optimizers()["optimizer"]
    losses = []
    for update in range(updates):
        torch.manual_seed(update)
        loss = torch.stack(list(module.terms(toy_batch(seed=update)).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def test_training_is_repeatable():
    first, second = (losses_of_training(make_round()) for _ in range(2))
    assert first == second
