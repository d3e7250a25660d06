from dataclasses import replace

import torch

from distill.face.names import ARKIT_CHANNELS
from distill.training.denoising import DenoisingTraining, drop_conditions, noised
from distill.training.features import feature_distance
from distill.training.losses import SEAL_MM, LossWeights, MotionLoss, masked_mean
from distill.training.mean import MeanTraining
from distill.types import Conditions
from tests.toys import toy_batch, toy_space, toy_teacher
from tests.worlds import PointMass


def test_equal_motion_costs_nothing_and_terms_can_be_switched_off():
    space, x = toy_space(), torch.randn(2, 6, 55)
    mask = torch.ones(2, 6, dtype=torch.bool)
    terms = MotionLoss(space, LossWeights())(x, x, mask)
    assert set(terms) == {"x0", "lips", "gap", "upper", "velocity"}
    assert all(float(v) == 0 for v in terms.values())
    assert set(MotionLoss(space, LossWeights(upper=0.0, gap=0.0, velocity=0.0))(x, x, mask)) == {
        "x0",
        "lips",
    }


def test_autocast_changes_no_loss():
    loss, mask = MotionLoss(toy_space(), LossWeights(posture=1.0)), torch.ones(2, 6, dtype=bool)
    x, y = torch.randn(2, 6, 55), torch.randn(2, 6, 55)
    exact = loss(x, y, mask), feature_distance(x, y, mask)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close((loss(x, y, mask), feature_distance(x, y, mask)), exact)
        assert feature_distance(x.bfloat16(), y.bfloat16(), mask).dtype == torch.float32


def test_a_face_at_the_mean_scores_about_one_in_vertex_terms():
    loss = MotionLoss(toy_space(), LossWeights(upper=1.0, gap=1.0))
    target = torch.randn(8, 200, 55)
    mask = torch.ones(8, 200, dtype=torch.bool)
    terms = loss(torch.zeros_like(target), target, mask)
    assert 0.8 < terms["lips"] < 1.25 and 0.8 < terms["upper"] < 1.25 and 0.9 < terms["x0"] < 1.1
    assert 0.5 < terms["gap"] < 1.5  # a logarithm: only near the mean is its scale exact


def test_lips_apart_by_the_scale_weigh_as_much_as_a_mouth_open_twice_too_wide():
    space = toy_space()
    jaw = torch.zeros(2000, 55)
    jaw[:, ARKIT_CHANNELS.index("jawOpen")] = torch.linspace(0, 1, 2000)
    gaps = space.lip_gap_mm(jaw)

    def opened(mm: float) -> torch.Tensor:
        at = int((gaps - mm).abs().argmin())
        assert abs(float(gaps[at]) - mm) < 0.05
        return space.normalize(jaw[at]).expand(1, 4, -1)

    loss, mask = MotionLoss(space, LossWeights()), torch.ones(1, 4, dtype=torch.bool)
    costs = [
        loss(opened(made), opened(real), mask)["gap"]
        for made, real in ((SEAL_MM, 0.0), (9 * SEAL_MM, 4 * SEAL_MM))
    ]
    torch.testing.assert_close(*costs, rtol=0.05, atol=0.0)


def test_padding_does_not_change_any_term():
    loss, mask = MotionLoss(toy_space(), LossWeights()), torch.ones(2, 9, dtype=torch.bool)
    mask[:, 6:] = False
    a, b = torch.randn(2, 2, 9, 55).unbind(0)
    clean = loss(a, b, mask)
    junk = loss(torch.where(mask[..., None], a, torch.tensor(1e3)), b, mask)
    assert all(torch.allclose(clean[name], junk[name]) for name in clean)


def test_lips_that_miss_each_other_cost_more_than_a_mouth_as_much_too_wide():
    space = toy_space()
    loss = MotionLoss(space, LossWeights(x0=0.0, lips=0.0, upper=0.0, velocity=0.0))
    jaw, mask = space.rig.channels.index("jawOpen"), torch.ones(1, 1, dtype=torch.bool)

    def open_by(amount: float) -> torch.Tensor:
        motion = torch.zeros(1, 1, 55)
        motion[..., jaw] = amount
        return space.normalize(motion)

    closed, wide = (loss(open_by(jaw + 0.05), open_by(jaw), mask)["gap"] for jaw in (0.0, 0.5))
    assert closed > 4 * wide


def test_masked_mean_weights_samples():
    error, mask = torch.tensor([[1.0, 1.0], [3.0, 3.0]]), torch.ones(2, 2, dtype=torch.bool)
    assert float(masked_mean(error, mask)) == 2
    assert float(masked_mean(error, mask, torch.tensor([1.0, 0.0]))) == 0.5
    assert float(masked_mean(error, torch.zeros(2, 2, dtype=torch.bool))) == 0


def test_velocity_sees_jitter_that_position_cannot_tell_from_offset():
    loss = MotionLoss(toy_space(), LossWeights(lips=0.0, gap=0.0, upper=0.0))
    target, mask = torch.zeros(1, 20, 55), torch.ones(1, 20, dtype=torch.bool)
    offset = torch.ones_like(target)
    jitter = offset * torch.tensor([1.0, -1.0]).repeat(10)[None, :, None]
    moved, shaken = loss(offset, target, mask), loss(jitter, target, mask)
    assert torch.isclose(moved["x0"], shaken["x0"])
    assert float(moved["velocity"]) == 0 and float(shaken["velocity"]) > 1


def test_noised_motion_has_the_schedules_variance():
    t = torch.tensor([0.3, 0.9])
    z = noised(PointMass(), torch.zeros(2, 500, 20), t, torch.randn(2, 500, 20))
    _, sigma = PointMass.schedule.alpha_sigma(t)
    torch.testing.assert_close(z.std((1, 2)), sigma, rtol=0.03, atol=0)


def test_conditions_drop_at_the_asked_rate():
    cond = Conditions(audio=torch.zeros(4000, 1, 1), persona=torch.zeros(4000, 1))
    kept = drop_conditions(cond, 4000, 0.2, 0.5)
    assert abs(kept.audio_keep.mean() - 0.8) < 0.03
    assert abs(kept.persona_keep.mean() - 0.5) < 0.03


def losses_of(module, batch, updates=120):
    step, losses = module.configure_optimizers()["optimizer"], []
    for _ in range(updates):
        loss = torch.stack(list(module.terms(batch).values())).sum()
        step.zero_grad()
        loss.backward()
        step.step()
        losses.append(loss.item())
    return losses


def test_a_teacher_learns_what_to_expect_then_what_noise_hides():
    """Motion jumps between two values, which no mean and no Gaussian says."""
    torch.manual_seed(0)
    options = {
        "optimizer": {"lr": 3e-3, "weight_decay": 0.0, "updates": 120, "warmup": 5},
        "losses": LossWeights(),
    }
    model, space = toy_teacher(), toy_space()
    batch = replace(toy_batch(), motion=toy_batch().motion.sign())
    mean = losses_of(MeanTraining(model, space, **options), batch)
    kept = model.mean.out.weight.clone()
    rest = losses_of(DenoisingTraining(model, space, **options), batch)
    assert sum(mean[-10:]) < 0.8 * sum(mean[:10])
    assert sum(rest[-10:]) < 0.8 * sum(rest[:10])
    assert torch.equal(model.mean.out.weight, kept)


def test_two_noises_per_clip_are_the_clips_twice_with_the_sound_heard_once():
    batch, space = toy_batch(), toy_space()
    twice = replace(
        batch,
        motion=batch.motion.repeat(2, 1, 1),
        mask=batch.mask.repeat(2, 1),
        speaker=batch.speaker.repeat(2),
        emotion=batch.emotion.repeat(2),
        clip=None,
        start=None,
        cond=batch.cond.repeated(2),
    )

    def terms(batch, noises):
        heard, model = [], toy_teacher()

        def listened(module, args, features):
            heard.append(len(features))
            torch.manual_seed(0)  # times and noise are drawn after

        model.encoder.register_forward_hook(listened)
        options = {"optimizer": {}, "losses": LossWeights(), "noises": noises}
        module = DenoisingTraining(model, space, drop_audio=0.0, drop_persona=0.0, **options)
        return module.terms(batch), heard

    found, heard = terms(batch, 2)
    expected, all_heard = terms(twice, 1)
    torch.testing.assert_close(found, expected)
    assert heard == [len(batch.motion)] and all_heard == [2 * len(batch.motion)]


def test_posture_sees_offsets_and_not_what_averages_out():
    space = toy_space()
    loss = MotionLoss(
        space, LossWeights(x0=0.0, lips=0.0, gap=0.0, upper=0.0, velocity=0.0, posture=1.0)
    )
    x, mask = torch.zeros(1, 8, 55), torch.ones(1, 8, dtype=torch.bool)
    mask[:, 6:] = False
    swing = x.clone()
    swing[:, :6:2], swing[:, 1:6:2], swing[:, 6:] = 1.0, -1.0, 9.0
    assert float(loss(swing, x, mask)["posture"]) == 0
    assert float(loss(swing + 0.5, x, mask)["posture"]) == 0.25
