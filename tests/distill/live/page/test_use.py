"""How the page is used and what it says when something is missing."""

import numpy as np
import pytest
import torch

from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from tests.distill.live.page.reading import gaps, notice, play, take

PHONE = {"width": 360, "height": 740}
CONTROLS = {"button", "combobox", "slider", "radio"}


@pytest.fixture(scope="module")
def page(visit):
    return visit()


def test_a_refused_microphone_is_said(page):
    page.get_by_role("button", name="Microphone").click()
    assert "not allowed" in notice(page)
    page.get_by_role("button", name="Close this message").click()
    assert page.is_hidden("#notice")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("**/ort/*.wasm", "cannot run in this tab"),
        ("**/model/stream*", "cannot run in this tab"),
        ("**/model/style*", "cannot run in this tab"),
        ("**/rig.glb", "head cannot be loaded"),
    ],
)
def test_what_is_missing_is_said_and_the_page_stays_alive(visit, missing, said):
    page = visit(before=lambda page: page.route(missing, lambda route: route.abort()))
    assert said in notice(page)
    assert page.get_by_role("button", name="Open file").is_enabled()
    assert len(page.workers) == ("rig" in missing)


def test_a_server_that_does_not_answer_is_said(visit):
    page = visit(
        before=lambda page: page.route("**/v1/model", lambda route: route.abort()),
        ready="#notice:not([hidden])",
    )
    assert "does not answer" in notice(page)


def test_a_file_that_is_no_sound_is_said(page, tmp_path):
    (tmp_path / "x.wav").write_text("no sound")
    page.set_input_files("#file", tmp_path / "x.wav")
    assert "cannot be read as sound" in notice(page)


def test_everything_can_be_reached_by_keyboard_and_has_a_name(page):
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    parts = [node for node in tree if not node["ignored"] and node["role"]["value"] in CONTROLS]
    assert {part["role"]["value"] for part in parts} == CONTROLS
    assert [part for part in parts if not part.get("name", {}).get("value", "").strip()] == []
    reached = set()
    page.evaluate("document.activeElement.blur()")
    for _ in range(16):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.value"))
    assert {"microphone", "open", "samples", "persona", "emotion", "strength", "tab"} <= reached


def test_a_phone_shows_it_without_scrolling_sideways_and_night_is_dark(visit):
    page = visit(viewport=PHONE, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert max(int(part) for part in ground.strip("rgb()").split(",")) < 64


def test_threads_are_used_where_the_page_is_isolated(visit):
    many = "Object.defineProperty(navigator, 'hardwareConcurrency', { get: () => 4 })"
    page = visit(before=lambda page: page.add_init_script(many))
    assert page.evaluate("crossOriginIsolated") and page.evaluate("facedistill.threads") == 2
    assert page.is_hidden("#notice")


def test_the_ict_head_is_shown_where_it_is(browse, start, shared_data, spoken):
    path = shared_data / "ict_facekit" / "ict_face_lite.npz"
    with start(rig_path=str(path), assets=None) as address:
        page = browse(address)
        play(page, spoken)
        _, values = take(page)
        space = MotionSpace.identity(load_rig("ict", path=str(path)), 30.0)
        expected = space.lip_gap_mm(torch.from_numpy(values)).numpy()
        np.testing.assert_allclose(gaps(page), expected, atol=1e-3)
        page.context.close()
