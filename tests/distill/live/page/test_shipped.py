"""The streaming model that ships, in the page: it follows the voice, the persona and the mood."""

import io
import shutil
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image

from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from distill.folder import SHIPPED as FOLDER
from tests.distill.live.page.reading import gaps, listen, play, streamed, take

SHIPPED = "stream"


@pytest.fixture(scope="module")
def page(browse, start, tmp_path_factory):
    """A page on which it was picked among two."""
    other = shutil.copytree(FOLDER / SHIPPED, tmp_path_factory.mktemp("models") / "other")
    with start(models=(str(other), SHIPPED)) as address:
        page = browse(address, permissions=["microphone"])
        with page.expect_response("**/model/stream.int8.onnx?model=stream"):
            page.get_by_label("Model").select_option(SHIPPED)
        yield page


def test_steps_are_those_that_it_was_distilled_for(page, python):
    steps = page.get_by_label("Steps")
    assert steps.input_value() == str(python.steps) and steps.is_disabled()


def test_a_model_chosen_while_another_loads_replaces_it_and_its_take(page, spoken):
    play(page, spoken)
    workers = len(page.workers)
    for name in ("other", SHIPPED):
        with page.expect_request(f"**/model/stream.int8.onnx?model={name}"):
            page.get_by_label("Model").select_option(name)
    assert page.get_by_role("button", name="CSV").is_disabled()
    play(page, spoken)
    assert len(page.workers) == workers


def test_lips_follow_the_voice_in_the_microphone_as_python_says(page, python):
    listen(page, 150)
    samples, values = take(page)
    opening = gaps(page)[: len(values)]
    page.get_by_role("button", name="Stop").click()
    expected = streamed(python, samples)[: len(values)]
    np.testing.assert_allclose(values, expected, atol=1e-3)
    space = MotionSpace.identity(load_rig("arkit"), 30.0)
    lips = space.lip_gap_mm(torch.from_numpy(expected)).numpy()
    np.testing.assert_allclose(opening, lips, atol=0.05)
    edges = (np.arange(len(opening) + 1) * 16_000 / 30).astype(int)
    loudness = [np.log(np.square(samples[a:b]).mean() + 1e-6) for a, b in pairwise(edges)]
    assert np.corrcoef(loudness, opening)[0, 1] >= 0.6


def test_persona_emotion_and_strength_are_seen(page, spoken, python):
    apart = np.linalg.norm(python.bank.identity - python.bank.average_identity, axis=1)
    plain = spoken_by(page, spoken, "", "", 1.0)
    other = spoken_by(page, spoken, python.bank.identities[apart.argmax()], "", 1.0)
    happy = spoken_by(page, spoken, "", "happy", 1.0)
    happier = spoken_by(page, spoken, "", "happy", 2.0)
    for (curves, picture), (changed, seen) in ((plain, other), (plain, happy), (happy, happier)):
        assert np.abs(changed - curves).max() > 0.1
        assert np.abs(seen - picture).max() > 50


def spoken_by(page, path, persona, emotion, strength):
    """Return the curves (F D) of a recording, and a picture of the head at its end (H W 3)."""
    page.get_by_label("Persona").select_option(persona)
    page.get_by_label("Emotion").select_option(emotion)
    page.get_by_label("Strength").fill(str(strength))
    play(page, path)
    shot = Image.open(io.BytesIO(page.locator("#head").screenshot())).convert("RGB")
    return take(page)[1], np.asarray(shot, np.int16)
