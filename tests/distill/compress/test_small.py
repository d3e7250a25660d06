"""int8 and fp16: how far they may be from the model they were made of."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from safetensors import safe_open

from distill import load
from distill.compress.parity import Sample, compare
from distill.compress.write import (
    LIMIT_PERCENT,
    MOTION_LIMIT_PERCENT,
    Candidate,
    Trial,
    choose,
    export,
)
from distill.errors import UserError
from distill.folder import WEIGHTS
from distill.storage import read_json
from tests.distill.test_talker import speech

CHANGED_BY = {"weights": 0.02, "static": 0.2, "dynamic": 0.2}
"""Largest error allowed to each scheme, as a share of how much the motion moves."""


def test_every_int8_scheme_stays_near_the_float_model(student, eight_bit, trial):
    folder, report = eight_bit
    talker = load(student)
    moves = np.concatenate([talker.generate(clip.audio).values for clip in trial.clips]).std()
    assert {row["scheme"] for row in report["tried"]} == set(CHANGED_BY)
    for row in report["tried"]:
        assert 0 < row["clips"]["rms_error"] < CHANGED_BY[row["scheme"]] * moves, row["scheme"]
    assert report == read_json(folder / "parity.json")


def test_the_int8_folder_runs_and_its_weights_are_a_byte_each(eight_bit, exported):
    folder, _ = eight_bit
    assert np.isfinite(load(folder, "onnx").generate(speech(1)).values).all()
    config = load(folder, "onnx").config["onnx"]
    assert config["precision"] == "int8" and config["params"] == load(exported, "onnx").params
    model = onnx.load(folder / config["files"]["model"]["name"])
    stored = [t for t in model.graph.initializer if t.data_type == onnx.TensorProto.INT8]
    blocks = load(exported.with_name("student")).engine.denoiser.blocks
    assert sum(np.prod(t.dims) for t in stored) > sum(b.up.weight.numel() for b in blocks)


def test_fp16_is_half_the_file_and_loads_as_any_model(student, tmp_path, trial):
    report = export(student, "safetensors-fp16", tmp_path / "half", trial, force=True)
    half, whole = load(tmp_path / "half"), load(student)
    stays = 4 * whole.noise.taps.size  # the filter of the noise
    assert half.bytes - stays < 0.6 * (whole.bytes - stays)
    with safe_open(str(tmp_path / "half" / WEIGHTS), framework="np") as file:
        assert file.get_tensor("denoiser.out.weight").dtype == np.float16
        assert file.get_tensor("tensor.mean").dtype == np.float32
    audio = speech(1)
    difference = half.generate(audio).values - whole.generate(audio).values
    assert 0 < np.abs(difference).max() < 5e-3
    assert report["tried"][0]["clips"]["max_error"] < 5e-3


def test_worse_lips_are_refused_and_leave_nothing(student, tmp_path):
    audio = speech(1)
    truth = load(student).generate(audio).values  # so that any error is infinitely worse
    trial = Trial(clips=[Sample(audio=audio, motion=truth)])
    with pytest.raises(UserError, match=r"raises the lip vertex error by .*--force"):
        export(student, "safetensors-fp16", tmp_path / "half", trial)
    assert not list(tmp_path.iterdir())
    export(student, "safetensors-fp16", tmp_path / "half", trial, force=True)
    assert load(tmp_path / "half").generate(audio).values.shape == truth.shape


def candidate(scheme, milliseconds, change, student, moved=0.0):
    talker = load(student)
    sample = Sample(audio=speech(0.2), motion=np.ones((6, 55), np.float32))
    parity = compare(talker, talker, [sample])
    assert parity.max_error == 0 and parity.lve_change_percent == 0
    parity = replace(
        parity,
        lve=parity.lve_reference * (1 + change / 100),
        rms_error=moved / 100 * parity.deviation,
    )
    return Candidate(
        folder=student, scheme=scheme, bytes=1, milliseconds=milliseconds, clips=parity,
        recordings=None,
    )  # fmt: skip


def test_the_fastest_within_the_limit_is_chosen(student):
    slow = candidate("slow", 9.0, 0.0, student)
    fast = candidate("fast", 3.0, LIMIT_PERCENT - 0.1, student)
    wrong = candidate("wrong", 1.0, LIMIT_PERCENT + 0.1, student)
    assert choose([slow, wrong, fast], "onnx-int8", force=False) is fast
    assert choose([slow, wrong, fast], "onnx-int8", force=True) is fast
    with pytest.raises(UserError, match=r"by 2\.10 % \(limit 2 %\)"):
        choose([wrong], "onnx-int8", force=False)
    assert choose([wrong], "onnx-int8", force=True) is wrong


def test_a_form_that_moves_otherwise_is_not_chosen_however_good_its_lips(student):
    same = candidate("same", 9.0, 0.0, student, moved=MOTION_LIMIT_PERCENT - 0.1)
    other = candidate("other", 1.0, -1.0, student, moved=MOTION_LIMIT_PERCENT + 0.1)
    assert choose([other, same], "onnx-int8", force=False) is same
    heard = replace(candidate("heard", 1.0, 0.0, student), recordings=other.clips)
    assert choose([heard, same], "onnx-int8", force=False) is same
    with pytest.raises(UserError, match=r"by 5\.10 % of how far it moves \(limit 5 %\)"):
        choose([other], "onnx-int8", force=False)
    assert choose([other], "onnx-int8", force=True) is other
