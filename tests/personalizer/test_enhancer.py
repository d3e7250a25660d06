import math

import pytest
import torch
from torch.nn.functional import normalize

from personalizer.enhancer import PersonaEnhancer, UpperFaceEncoder, symmetric_info_nce

FRAMES = torch.ones(6, 20, dtype=torch.bool)


def _inputs(batch=6, frames=20):
    torch.manual_seed(1)
    persona_t, persona_s = torch.randn(batch, 16), torch.randn(batch, 8)
    upper_t, upper_s = torch.randn(batch, frames, 5), torch.randn(batch, frames, 5)
    return [x.requires_grad_() for x in (persona_t, persona_s, upper_t, upper_s)]


def _enhancer():
    torch.manual_seed(2)
    return PersonaEnhancer(5, 16, 8, embed_dim=12)


def test_symmetric_loss_of_matched_orthogonal_pairs_has_its_closed_form():
    loss = symmetric_info_nce(torch.eye(4), torch.eye(4), 0.5)
    assert loss.item() == pytest.approx(math.log(1 + 3 * math.exp(-2)), abs=1e-6)


def test_symmetric_loss_is_blind_to_sides_and_order():
    a, b = (normalize(torch.randn(6, 8), dim=-1) for _ in range(2))
    order = torch.randperm(6)
    loss = symmetric_info_nce(a, b, 0.1)
    torch.testing.assert_close(symmetric_info_nce(b, a, 0.1), loss)
    torch.testing.assert_close(symmetric_info_nce(a[order], b[order], 0.1), loss)


def test_pairs_of_one_persona_are_no_negatives_of_each_other():
    a, b = (normalize(torch.randn(3, 8), dim=-1) for _ in range(2))
    a[1], b[1] = a[0], b[0]
    twice = symmetric_info_nce(a, b, 0.1, torch.tensor([4, 4, 1]))
    s = a @ b.T / 0.1
    rows = [
        torch.logsumexp(s[[0, 0], [0, 2]], 0) - s[0, 0],
        torch.logsumexp(s[[1, 1], [1, 2]], 0) - s[1, 1],
        torch.logsumexp(s[2], 0) - s[2, 2],
    ]
    columns = [
        torch.logsumexp(s[[0, 2], [0, 0]], 0) - s[0, 0],
        torch.logsumexp(s[[1, 2], [1, 1]], 0) - s[1, 1],
        torch.logsumexp(s[:, 2], 0) - s[2, 2],
    ]
    torch.testing.assert_close(twice, torch.stack(rows + columns).mean())


def test_unknown_labels_keep_every_negative():
    a, b = (normalize(torch.randn(4, 8), dim=-1) for _ in range(2))
    unknown = symmetric_info_nce(a, b, 0.1, torch.full((4,), -1))
    torch.testing.assert_close(unknown, symmetric_info_nce(a, b, 0.1))


def test_the_teacher_gets_no_gradient_and_the_student_does():
    inputs = _inputs()
    _enhancer()(*inputs, FRAMES).backward()
    persona_t, persona_s, upper_t, upper_s = inputs
    assert persona_t.grad is None and upper_t.grad is None
    assert persona_s.grad is not None and persona_s.grad.abs().sum() > 0
    assert upper_s.grad is not None and upper_s.grad.abs().sum() > 0


def test_the_motion_encoder_learns_from_the_teacher_only():
    enhancer, inputs = _enhancer(), _inputs()
    grads = []
    for upper_s in (inputs[3], torch.randn_like(inputs[3])):
        enhancer.zero_grad()
        enhancer(*inputs[:3], upper_s, FRAMES).backward()
        grads.append([p.grad.clone() for p in enhancer.motion.parameters()])
    for one, two in zip(*grads, strict=True):
        torch.testing.assert_close(one, two)


def test_training_pulls_student_persona_and_motion_to_the_teachers_pair():
    torch.manual_seed(0)
    enhancer = PersonaEnhancer(5, 16, 8, embed_dim=12)
    persona_t = torch.randn(6, 16)
    upper_t = torch.randn(6, 1, 5) + 0.1 * torch.randn(6, 20, 5)
    persona_s = torch.randn(6, 8, requires_grad=True)
    upper_s = (0.1 * torch.randn(6, 20, 5)).requires_grad_()
    optimizer = torch.optim.Adam([*enhancer.parameters(), persona_s, upper_s], lr=0.05)
    for _ in range(40):
        optimizer.zero_grad()
        enhancer(persona_t, persona_s, upper_t, upper_s, FRAMES).backward()
        optimizer.step()
    with torch.no_grad():
        seen = normalize(enhancer.teacher(persona_t), dim=-1)
        own = normalize(enhancer.student(persona_s), dim=-1)
        for persona in (seen, own):
            for upper in (upper_t, upper_s):
                nearest = (persona @ enhancer.motion(upper, FRAMES).T).argmax(dim=1)
                assert nearest.tolist() == list(range(6))


def test_padding_has_no_influence_on_the_motion_embedding():
    encoder = UpperFaceEncoder(5, 8).eval()
    motion = torch.randn(2, 15, 5)
    longer = torch.cat([motion, 9 * torch.randn(2, 10, 5)], dim=1)
    mask = (torch.arange(25) < 15).expand(2, -1)
    torch.testing.assert_close(encoder(longer, mask), encoder(motion, mask[:, :15]))


def test_a_still_or_empty_face_has_a_finite_gradient():
    motion = torch.zeros(2, 10, 5, requires_grad=True)
    mask = torch.tensor([[True] * 10, [False] * 10])
    UpperFaceEncoder(5, 8)(motion, mask).sum().backward()
    assert motion.grad is not None and motion.grad.isfinite().all()


def test_low_precision_inputs_give_a_finite_float32_loss():
    enhancer = _enhancer()
    with torch.autocast("cpu", torch.bfloat16):
        loss = enhancer(*(x.bfloat16() for x in _inputs()), FRAMES)
    assert loss.dtype == torch.float32 and loss.isfinite()


def test_autocast_does_not_change_the_loss():
    enhancer, inputs = _enhancer(), _inputs()
    exact = enhancer(*inputs, FRAMES)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(enhancer(*inputs, FRAMES), exact)
