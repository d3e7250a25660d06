"""One take at a time, wherever the page is open and whoever has left."""

import numpy as np
import pytest
import soundfile

from tests.distill.live.page.reading import listen, notice, play, take, until

PROMPT = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.streams = [];
navigator.mediaDevices.getUserMedia = (wish) => new Promise((resolve, reject) => {
  window.allow = () => ask(wish).then((stream) => { streams.push(stream); resolve(stream); });
  window.deny = () => reject(new DOMException("", "NotAllowedError"));
});
"""
"""A permission prompt that stays open until a test answers it."""
OFF = "streams.every((stream) => stream.getTracks().every((track) => track.readyState === 'ended'))"


@pytest.mark.parametrize("answer", ["allow", "deny"])
def test_an_answer_to_an_old_question_leaves_the_take_alone(visit, spoken, answer):
    page = visit(permissions=["microphone"], before=lambda page: page.add_init_script(PROMPT))
    page.get_by_role("button", name="Microphone").click()
    until(page, "Boolean(window.allow)")
    page.set_input_files("#file", spoken)
    until(page, "facedistill.state === 'playing'")
    page.evaluate(f"{answer}()")
    page.wait_for_timeout(300)
    assert page.evaluate("facedistill.state") == "playing"
    until(page, "facedistill.state === 'idle'")
    audio, _ = soundfile.read(spoken, dtype="float32")
    np.testing.assert_allclose(take(page)[0], audio, atol=1e-4)
    assert page.evaluate(OFF) and page.is_hidden("#notice")


def test_an_address_without_microphones_plays_files_and_says_so(browse, address, spoken):
    def forward(route):
        url = route.request.url.replace("page.test", address)
        route.fulfill(response=route.fetch(url=url))

    page = browse("page.test", before=lambda page: page.route("http://page.test/**", forward))
    assert not page.evaluate("isSecureContext")
    play(page, spoken)
    assert page.evaluate("facedistill.frames") == 90
    page.get_by_role("button", name="Microphone").click()
    assert "localhost or https" in notice(page)


def test_on_this_device_the_page_works_on_when_its_server_is_gone(browse, start):
    with start() as address:
        page = browse(address, permissions=["microphone"])
        page.wait_for_selector("#samples:enabled")
    listen(page, 10)
    page.get_by_role("button", name="Stop").click()
    with page.expect_download():
        page.get_by_role("button", name="GLB").click()
    page.get_by_label("Play a sample").select_option(index=1)
    assert "server is gone" in notice(page)
