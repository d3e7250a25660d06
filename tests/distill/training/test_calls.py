import pytorch_lightning as pl
import torch
from torch import nn

from distill.diffusion.guidance import GuidedDenoiser
from distill.training.calls import CallCounter, called
from tests.distill.training.toy import fake_trainer
from tests.toys import toy_batch, toy_student, toy_teacher


def test_a_wrapper_counts_for_what_it_wraps():
    inner, plain = toy_teacher(), nn.Linear(2, 2)
    assert called(GuidedDenoiser(inner, 2.0)) == [inner]
    assert called(inner) == [inner] and called(plain) == [plain]


def test_only_calls_inside_training_batches_count_and_no_hook_stays():
    teacher, student, batch = GuidedDenoiser(toy_teacher(), 2.0), toy_student(), toy_batch()
    counter = CallCounter({"teacher": (teacher,), "student": (student,)})

    def call(model):
        cond = model.prepare(batch.cond, batch.motion.shape[1])
        model(batch.motion, torch.ones(len(batch.motion)), cond)

    call(student)
    trainer, module = fake_trainer(), pl.LightningModule()
    counter.on_train_batch_start(trainer, module, batch, 0)
    call(teacher)
    call(student)
    counter.on_train_batch_end(trainer, module, None, batch, 0)
    call(student)
    assert counter.calls == {"teacher": 2, "student": 1}
    assert not any(m._forward_hooks for net in (teacher, student) for m in net.modules())


def test_counts_continue_from_a_checkpoint():
    counter = CallCounter({})
    counter.load_state_dict({"teacher": 5, "student": 7})
    assert counter.state_dict() == {"teacher": 5, "student": 7}
