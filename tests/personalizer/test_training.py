import numpy as np
import pytest
import pytorch_lightning as lightning
import torch

from distill.data.balanced import BalancedBatches
from distill.engines.eager import EagerEmbedder
from distill.persona import PersonaBank, unit
from distill.types import Batch, Conditions
from personalizer.audio_contrastive import build
from personalizer.losses import Weights, nearest
from personalizer.training import ContrastiveLoss, PersonalizerTraining, waveform
from tests.personalizer.voices import choir

SPEAKERS, EMOTIONS = 5, 3


class Rows(torch.utils.data.Dataset):
    """Toy batches, made whole: batch k holds the rows that the sampler dealt."""

    def __init__(self, voices, batches):
        self.voices, self.batches = voices, batches

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, k):
        audio, samples, speaker, emotion = self.voices.rows(self.batches[k])
        frames = audio.shape[1] * 30 // 16_000
        mask = torch.arange(frames) * 16_000 < samples[:, None] * 30
        motion = torch.zeros(len(audio), frames, 1)
        return Batch(
            motion=motion, mask=mask, speaker=speaker, emotion=emotion, cond=Conditions(audio=audio)
        )


@pytest.fixture(scope="module")
def trained():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    train, test = choir(SPEAKERS, EMOTIONS, 5, seed=1), choir(SPEAKERS, EMOTIONS, 2, seed=2)
    labels = train.speaker.tolist()
    balanced = BalancedBatches(labels, labels_per_batch=5, clips_per_label=4)
    batches = [batch for epoch in range(16) for batch in balanced.plan(epoch)][:48]
    task = PersonalizerTraining(
        build(speakers=SPEAKERS, emotions=EMOTIONS, width=64, embed_dim=32),
        fps=30.0,
        updates=len(batches),
        warmup_updates=5,
    )
    trainer = lightning.Trainer(
        max_steps=len(batches),
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        gradient_clip_val=1.0,
    )
    everything = list(range(len(test.audio)))
    loaders = [
        torch.utils.data.DataLoader(Rows(train, batches), batch_size=None),
        torch.utils.data.DataLoader(Rows(test, [everything]), batch_size=None),
    ]
    trainer.fit(task, *loaders)
    return task, trainer, test


def test_speaker_and_emotion_of_unseen_sentences_are_found(trained):
    task, trainer, test = trained
    task.eval()
    identity, emotion = task.model.embed(test.audio, test.samples)
    identity_top1 = (nearest(identity, task.model.identity_bank) == test.speaker).float().mean()
    emotion_top1 = (nearest(emotion, task.model.emotion_bank) == test.emotion).float().mean()
    assert identity_top1 >= 0.9 and emotion_top1 >= 0.8
    logged = trainer.callback_metrics
    torch.testing.assert_close(logged["val/identity_top1"], identity_top1)
    torch.testing.assert_close(logged["val/emotion_top1"], emotion_top1)


def test_a_named_persona_lies_with_the_same_persona_from_audio(trained):
    task, _, test = trained
    model = task.model.eval()
    bank = PersonaBank(
        identity=unit(model.identity_bank.detach().numpy()),
        emotion=unit(model.emotion_bank.detach().numpy()),
        identities=tuple("abcde"),
        emotions=("calm", "glad", "sad"),
    )
    voices = EagerEmbedder(model)
    made = [bank.persona(voices, s, e) for s in bank.identities for e in bank.emotions]
    named = torch.from_numpy(np.stack(made))
    heard = model.fuse(*model.embed(test.audio, test.samples))
    found = nearest(heard, named)
    assert (found == test.speaker * EMOTIONS + test.emotion).float().mean() >= 0.7
    who, how = bank.from_audio(voices, test.audio[0].numpy())
    assert bank.match(who) == "a" and bank.match_emotion(how) == "calm"
    assert np.isclose(np.linalg.norm(who), 1.0, atol=1e-5)


def test_the_loss_is_the_weighted_sum_and_a_zero_switches_a_term_off():
    model, voices = build(speakers=2, emotions=2, width=32), choir(2, 2, 2, seed=3)
    rows = voices.rows(list(range(8)))
    terms = ContrastiveLoss(Weights())(model, *rows)
    weights = Weights(emotion_bank=0.0, persona_bank=3.0)
    changed = ContrastiveLoss(weights)(model, *rows)["loss"]
    expected = terms["loss"] - terms["emotion_bank"] + 2.5 * terms["persona_bank"]
    torch.testing.assert_close(changed, expected)


def test_unlabelled_rows_give_zero_loss_and_no_failure():
    model, voices = build(speakers=2, emotions=2, width=32), choir(2, 1, 1, seed=3)
    audio, samples, speaker, _ = voices.rows([0, 1])
    unknown = torch.full_like(speaker, -1)
    assert ContrastiveLoss()(model, audio, samples, unknown, unknown)["loss"].item() == 0.0


def test_valid_samples_follow_the_frame_mask():
    mask = torch.arange(10) < torch.tensor([[10], [3]])
    batch = Batch(
        motion=torch.zeros(2, 10, 1),
        mask=mask,
        speaker=torch.zeros(2, dtype=torch.long),
        emotion=torch.zeros(2, dtype=torch.long),
        cond=Conditions(audio=torch.zeros(2, 5_300)),
    )
    assert waveform(batch, 30.0)[1].tolist() == [5_300, 1_600]


def test_learning_rate_warms_up_then_falls_to_zero():
    task = PersonalizerTraining(
        build(speakers=2, emotions=2, width=32), fps=30.0, updates=100, warmup_updates=10
    )
    course = [task.learning_rate_share(k) for k in range(101)]
    assert course[9] == course[10] == 1.0 and course[100] == pytest.approx(0.0)
    assert course[:10] == sorted(course[:10]) and course[10:] == sorted(course[10:], reverse=True)
