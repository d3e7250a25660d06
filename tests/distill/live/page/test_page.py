"""The page in a real browser: a voice moves the face as Python says, and nothing leaves."""

import av
import numpy as np
import pytest
import soundfile
import torch

from distill.face.glb import read_morphs
from distill.face.linear import LinearRig
from distill.face.livelink import read_livelink_csv
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from tests.distill.live.page.reading import gaps, listen, notice, play, streamed, take


@pytest.fixture(scope="module")
def asked():
    return []


@pytest.fixture(scope="module")
def page(visit, asked):
    def watch(page):
        for kind in ("request", "websocket"):
            page.on(kind, lambda asking: asked.append(asking.url))

    return visit(before=watch)


@pytest.fixture(scope="module")
def played(page, spoken):
    """A page on which a file was played to the end, by somebody, in a mood."""
    page.get_by_label("Persona").select_option("s07")
    page.get_by_label("Emotion").select_option("happy")
    page.get_by_label("Strength").fill("1.5")
    play(page, spoken)
    return page


def test_a_file_gives_the_motion_of_python(played, python, spoken):
    samples, values = take(played)
    audio, _ = soundfile.read(spoken, dtype="float32")
    np.testing.assert_allclose(samples, audio, atol=1e-4)
    expected = streamed(python, samples, persona="s07", emotion="happy", strength=1.5)
    np.testing.assert_allclose(values, expected, atol=1e-3)
    assert np.abs(values - streamed(python, samples)).max() > 0.01


def test_lips_on_the_screen_open_as_those_of_the_rig(played):
    _, values = take(played)
    space = MotionSpace.identity(load_rig("arkit"), 30.0)
    expected = space.lip_gap_mm(torch.from_numpy(values)).numpy()
    np.testing.assert_allclose(gaps(played), expected, atol=1e-3)


def test_a_take_is_kept_as_csv_and_glb(played, tmp_path):
    _, values = take(played)
    for suffix in ("csv", "glb"):
        with played.expect_download() as download:
            played.get_by_role("button", name=suffix.upper()).click()
        download.value.save_as(tmp_path / f"face.{suffix}")
    motion, fps = read_livelink_csv(tmp_path / "face.csv")
    assert fps == 30.0
    np.testing.assert_allclose(motion, values, atol=1e-6)
    kept, rig = read_morphs(tmp_path / "face.glb"), load_rig("arkit")
    assert isinstance(rig, LinearRig)
    times, weights = animated(tmp_path / "face.glb")
    np.testing.assert_allclose(times, np.arange(len(values) + 1) / 30.0, atol=1e-5)
    columns = [rig.channels.index(name) for name in kept.names]
    expected = rig.effective(torch.from_numpy(values))[:, columns].numpy()
    np.testing.assert_allclose(weights, [*expected, expected[-1]], atol=1e-6)
    np.testing.assert_allclose(kept.points, rig.neutral.numpy(), atol=1e-3)


def animated(path):
    """Return times (F,) and weights (F K) of the animation of a GLB."""
    import pygltflib

    from distill.face.glb import _values

    gltf = pygltflib.GLTF2.load_binary(str(path))
    assert gltf is not None
    blob = gltf.binary_blob()
    assert blob is not None
    (animation,) = gltf.animations
    (channel,) = [c for c in animation.channels if c.target.path == "weights"]
    sampler = animation.samplers[channel.sampler]
    times, weights = (_values(gltf, blob, number) for number in (sampler.input, sampler.output))
    return times, weights.reshape(len(times), -1)


def test_nothing_is_asked_of_anybody_else(played, asked, address):
    own = (f"http://{address}/", f"blob:http://{address}/")
    assert len(asked) > 8 and [url for url in asked if not url.startswith(own)] == []


DELAYS = """
window.delays = [];
window.DelayNode = class extends DelayNode {
  constructor(context, options) { super(context, options); delays.push(1000 * options.delayTime); }
};
"""


@pytest.fixture(scope="module")
def live(visit):
    """A page that hears speech in its microphone."""
    page = visit(permissions=["microphone"], before=lambda page: page.add_init_script(DELAYS))
    listen(page, 60)
    return page


def test_a_microphone_moves_the_face_as_python_says(live, python):
    figures = live.evaluate("facedistill.figures")
    assert figures["delay_ms"] == pytest.approx(1000 * python.stream().delay_s)
    assert figures["p50"] > 0 and figures["rate"] > 0
    samples, values = take(live)
    assert np.abs(samples).max() > 0.01
    np.testing.assert_allclose(values, streamed(python, samples)[: len(values)], atol=1e-3)
    assert values.std(0).max() > 1e-3 and live.evaluate("facedistill.shown.now") > 0


def test_a_video_has_picture_and_sound_as_late_as_it(live, tmp_path):
    live.get_by_role("button", name="Record video").click()
    live.wait_for_timeout(2500)
    with live.expect_download() as download:
        live.get_by_role("button", name="Stop and save").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    with av.open(str(path)) as video:
        assert {stream.type for stream in video.streams} == {"video", "audio"}
        assert sum(1 for _ in video.decode(video=0)) > 0
    late_ms = live.evaluate("facedistill.figures.delay_ms")
    assert late_ms > 0 and live.evaluate("delays") == [pytest.approx(late_ms)]


def test_a_lost_microphone_is_said_and_can_be_used_again(live):
    live.context.clear_permissions()
    assert "microphone is gone" in notice(live)
    live.context.grant_permissions(["microphone"])
    listen(live, 5)
    assert live.is_hidden("#notice")
