"""The page with the model on the server."""

import numpy as np

from tests.distill.live.clients import opened
from tests.distill.live.page.reading import listen, notice, play, streamed, take, until

SLOW = """
window.WebSocket = class extends WebSocket {
  made = Date.now();
  get readyState() { return Date.now() < this.made + 200 ? 0 : super.readyState; }
  set onopen(work) { super.onopen = (event) => setTimeout(work, 200, event); }
  set onmessage(work) { super.onmessage = (event) => setTimeout(work, 400, event); }
  set onclose(work) { super.onclose = (event) => setTimeout(work, 400, event); }
};
"""
"""Sockets that need a while to connect and to hear."""
CHANGE = """new Promise((done) => {
  const timer = setInterval(() => {
    if (facedistill.frames <= 30) return;
    clearInterval(timer);
    const persona = document.getElementById("persona");
    persona.value = "s07";
    done(persona.dispatchEvent(new Event("change")));
  }, 10);
})"""
"""Chooses another persona after 30 frames; a test that looks from outside may come too late."""
PIECE = 1600


def test_another_persona_says_the_rest_of_the_sound(browse, start, python, spoken):
    with start() as address:
        page = browse(address, before=lambda page: page.add_init_script(SLOW))
        page.get_by_label("Server").check(force=True)
        page.set_input_files("#file", spoken)
        page.evaluate(CHANGE)
        until(page, "facedistill.state === 'idle'")
        samples, values = take(page)
        page.context.close()
    before = streamed(python, samples)
    np.testing.assert_allclose(values[:30], before[:30], atol=1e-3)
    rests = [streamed(python, samples[at:], persona="s07") for at in range(0, len(samples), PIECE)]
    errors = [np.abs(values[-len(rest) :] - rest).max() for rest in rests]
    assert len(values) == len(before) and min(errors[5:-5]) < 1e-3


def test_the_server_gives_the_same_motion_and_its_end_is_said(browse, start, python, spoken):
    with start() as address:
        page = browse(address, permissions=["microphone"])
        page.get_by_label("Server").check(force=True)
        play(page, spoken)
        samples, values = take(page)
        np.testing.assert_allclose(values, streamed(python, samples), atol=1e-3)
        listen(page, 10)
    assert "server is gone" in notice(page)
    page.get_by_label("This device").check(force=True)
    listen(page, 10)
    assert page.is_hidden("#notice")


def test_a_full_server_is_said(browse, start):
    with start(streams=1) as address, opened(address):
        page = browse(address, permissions=["microphone"])
        page.get_by_label("Server").check(force=True)
        page.get_by_role("button", name="Microphone").click()
        assert "All streams of the server are taken" in notice(page)
        page.context.close()
