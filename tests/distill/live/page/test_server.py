"""The page with the model on the server."""

import numpy as np

from tests.distill.live.clients import opened
from tests.distill.live.page.reading import listen, notice, play, streamed, take


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
