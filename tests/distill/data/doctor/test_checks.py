from dataclasses import replace

import numpy as np
import pytest

from distill.data.doctor import Severity, examine, require_healthy
from distill.data.doctor.alignment import at_other_rate, syllable_curve
from distill.data.doctor.files import file_findings
from distill.data.doctor.sample import Reading, takes
from distill.data.doctor.splits import split_findings
from distill.errors import UserError
from distill.face.rigs import load_rig
from distill.types import Clip, Recording
from tests.distill.data.doctor.faults import Changed, on_motion

FPS = 30.0


def speech(seconds: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Noise that a random rhythm opens and shuts, and lips that follow it."""
    rng = np.random.default_rng(seed)
    frames = int(seconds * FPS)
    gap = np.interp(np.arange(frames), np.arange(0, frames + 4, 4), rng.random(frames // 4 + 2)[
        : len(np.arange(0, frames + 4, 4))])  # fmt: skip
    loud = np.interp(np.arange(int(seconds * 16000)) / 16000 * FPS, np.arange(frames), gap)
    return gap, (rng.standard_normal(len(loud)) * 0.2 * loud**2).astype(np.float32)


@pytest.mark.parametrize("late", [-6, 0, 5])
def test_the_lag_curve_peaks_where_motion_was_moved_to(late):
    gap, audio = speech(20.0)
    found = syllable_curve(np.roll(gap, late), audio, FPS, 0.6)
    assert found is not None
    assert int(found[0].argmax()) - len(found[0]) // 2 == late


def test_reading_at_the_true_rate_undoes_a_wrong_one():
    gap, audio = speech(20.0)
    slow = at_other_rate(gap, 30 / 25)
    assert abs(len(slow) / len(gap) - 25 / 30) < 0.01
    wrong = syllable_curve(slow, audio, FPS, 0.3)
    right = syllable_curve(at_other_rate(slow, 25 / 30), audio, FPS, 0.3)
    assert wrong is not None and right is not None
    assert right[0].max() > 3 * wrong[0].max()


def reading(start: int, frames: int, recording: str = "a") -> Reading:
    extra = {"recording": recording, "start_frame": start}
    clip = Clip(id=f"{recording}{start}", split="train", frames=frames, extra=extra)
    gap = np.arange(start, start + frames, dtype=np.float64)
    samples = frames * 16_000 // 30
    return Reading(
        clip=clip, audio=np.full(samples, start, np.float32), motion=np.zeros((frames, 1)),
        gap=gap, rows=np.arange(frames), audio_s=samples / 16_000, motion_s=frames / FPS,
    )  # fmt: skip


def test_segments_of_one_recording_become_one_take():
    found = takes([reading(0, 31), reading(31, 30), reading(90, 30), reading(0, 30, "b")], FPS)
    assert [len(gap) for gap, _ in found] == [61, 30, 30]
    gap, audio = found[0]
    assert gap.tolist() == list(range(61))
    assert abs(len(audio) - 61 * 16_000 / 30) < 2
    assert audio[31 * 16_000 // 30 - 1] == 0 and audio[31 * 16_000 // 30 + 1] == 31


def test_files_without_a_partner_are_named(tmp_path):
    for name in ("1.wav", "2.wav", "3.wav"):
        (tmp_path / f"take_{name}").write_bytes(b"")
    for name in ("bs_take_1.npy", "bs_take_2.npy", "bs_take_9.npy", "names.npy"):
        (tmp_path / name).write_bytes(b"")
    found = {finding.name: finding.where for finding in file_findings(tmp_path)}
    assert found == {
        "sound_without_motion": "take_3.wav",
        "motion_without_sound": "bs_take_9.npy",
    }


def test_a_folder_that_is_not_laid_out_in_pairs_says_nothing(tmp_path):
    for name in ("a1.flac", "a2.flac", "a3.flac", "motion.npz"):
        (tmp_path / name).write_bytes(b"")
    assert not file_findings(tmp_path)


def small(corpora, request) -> Changed:
    return Changed(corpora("synthetic", request))


def sample_of(corpus):
    return examine(corpus, load_rig("arkit"), clips=24).sample


def test_a_sentence_of_another_speaker_is_a_warning_and_of_the_same_an_error(corpora, request):
    corpus = small(corpora, request)
    train = next(clip for clip in corpus.clips if clip.split == "train")
    test = next(clip for clip in corpus.clips if clip.split == "test")
    sample = sample_of(corpus)
    for speaker, name in ((train.speaker, "test_in_train"), ("somebody", "shared_sentences")):
        said = replace(test, text=f"  {train.text.upper()}!", speaker=speaker)
        corpus.clips = [said if clip.id == test.id else clip for clip in corpus.clips]
        assert [finding.name for finding in split_findings(sample)] == [name]


def test_segments_that_share_frames_across_splits_are_found(corpora, request):
    corpus = small(corpora, request)
    sample = sample_of(corpus)
    corpus.clips = [
        Clip(id="a", split="train", frames=100, extra={"recording": "r", "start_frame": 0}),
        Clip(id="b", split="test", frames=50, extra={"recording": "r", "start_frame": 90}),
    ]
    assert [finding.where for finding in split_findings(sample)] == ["a and b"]


def test_a_still_mouth_is_an_error_though_the_face_moves(corpora, request):
    corpus = corpora("synthetic", request)
    mouth = load_rig("arkit").groups["mouth"].tolist()

    def shut(motion):
        held = motion.copy()
        held[:, mouth] = 0.0
        return held

    found = examine(on_motion(corpus, shut), load_rig("arkit")).findings
    errors = {f.name: f for f in found if f.severity == Severity.ERROR}
    assert errors["constant_channels"].places == ("jawOpen",) and "small_motion" in errors
    still = [f for f in found if f.name == "constant_channels"]
    assert {load_rig("arkit").channels[i] for i in mouth} <= {p for f in still for p in f.places}
    assert all(len(f.places) <= 5 or f.shown.endswith("more") for f in still)


def test_a_clip_that_cannot_be_opened_is_named_and_the_rest_is_examined(corpora, request):
    corpus = corpora("synthetic", request)
    first = corpus.clips[0].id

    def fail(clip: Clip, recording: Recording) -> Recording:
        if clip.id == first:
            raise UserError("the file is cut off")
        return recording

    report = examine(Changed(corpus, fail), load_rig("arkit"))
    found = next(f for f in report.findings if f.name == "unreadable")
    assert found.where == first and "cut off" in found.message
    assert len(report.sample.readings) == len(corpus.clips) - 1


def test_training_is_refused_with_the_worst_finding_and_the_command(corpora, request):
    corpus = corpora("synthetic", request)
    require_healthy(corpus, load_rig("arkit"))
    broken = on_motion(corpus, lambda motion: motion / 1000)
    with pytest.raises(UserError, match=r"wrong_units.*distill\.doctor.*data\.force=true"):
        require_healthy(broken, load_rig("arkit"))
