"""Recordings sent as files come back as the files that `distill.animate` writes."""

import io
import time
from concurrent.futures import ThreadPoolExecutor
from socket import create_connection
from tempfile import SpooledTemporaryFile

import av
import numpy as np
import pytest
import soundfile
from fastapi.testclient import TestClient
from httpx import Client, get, post

from distill.errors import UserError
from distill.face.files import read_livelink_csv, read_npz
from distill.live.app import build_app
from distill.live.assets import SAMPLES
from distill.live.settings import Settings
from distill.live.studio import Studio
from distill.live.uploads import move
from distill.storage import write_json
from distill.units import SAMPLE_RATE_HZ
from tests.distill.test_talker import speech

AUDIO = speech(0.5)


def wav(audio=AUDIO, form="WAV"):
    file = io.BytesIO()
    soundfile.write(file, audio, SAMPLE_RATE_HZ, format=form)
    return file.getvalue()


@pytest.fixture(scope="module")
def ask(serve):
    """Send a recording to one server; returns the answer."""
    with serve(upload_bytes=200_000, upload_s=3.0) as door:
        client = Client(base_url=f"http://{door}", timeout=120)

        def send(data=None, name="voice.wav", **fields):
            files = {"file": (name, wav() if data is None else data)}
            return client.post("/v1/animate", files=files, data=fields)

        send.get = client.get
        yield send


def test_curves_are_those_of_the_model(ask, talker, tmp_path):
    answer = ask(format="npz", persona="ann", emotion="happy", strength=1.5, seed=3)
    assert answer.status_code == 200, answer.text
    (tmp_path / "a.npz").write_bytes(answer.content)
    found = read_npz(tmp_path / "a.npz")
    audio, _ = soundfile.read(io.BytesIO(wav()), dtype="float32")
    want = talker.generate(audio, persona="ann", emotion="happy", strength=1.5, seed=3)
    np.testing.assert_allclose(found["motion"], want.values, atol=1e-5)
    assert found["fps"] == 30 and found["names"] == talker.channels

    answer = ask(wav(form="FLAC"), name="voice.flac", seed=3)
    assert answer.headers["content-type"].startswith("text/csv")
    (tmp_path / "a.csv").write_bytes(answer.content)
    assert read_livelink_csv(tmp_path / "a.csv")[0].shape == (15, 55)


@pytest.mark.parametrize("form", ["mp4", "gif"])
def test_pictures_show_as_many_frames_as_the_sound_has(ask, form):
    answer = ask(format=form, size=64)
    assert answer.status_code == 200, answer.text
    with av.open(io.BytesIO(answer.content), "r") as video:
        assert sum(1 for _ in video.decode(video=0)) == 15
        assert bool(video.streams.audio) == (form == "mp4")


def test_a_glb_moves_as_long_as_the_sound(ask):
    from pygltflib import GLTF2

    answer = ask(format="glb")
    assert answer.status_code == 200, answer.text
    found = GLTF2.load_from_bytes(answer.content)
    assert found
    assert "jawOpen" in found.meshes[0].extras["targetNames"]
    times = found.accessors[found.animations[0].samplers[0].input]
    assert times.max == [pytest.approx(0.5)]


@pytest.mark.parametrize(
    ("data", "fields", "status", "told"),
    [
        (b"no sound at all", {}, 400, "voice.wav"),
        (b"", {}, 400, "empty file"),
        (wav(speech(3.1)), {}, 400, "limit of 3 s"),
        (wav(np.zeros(120_000, np.float32)), {}, 413, "limit of 200000 bytes"),
        (None, {"persona": "/etc/hostname"}, 400, "unknown persona"),
        (None, {"emotion": "hungry"}, 400, "unknown emotion"),
        (None, {"format": "exe"}, 422, "format"),
        (None, {"strength": "9"}, 422, "strength"),
        (None, {"steps": "7"}, 400, "1 step"),
        (None, {"model": "big"}, 400, "unknown model"),
    ],
)
def test_what_cannot_be_animated_is_answered_in_words(ask, data, fields, status, told):
    answer = ask(data, **fields)
    assert answer.status_code == status and told in answer.json()["detail"]
    assert "/tmp" not in answer.text


def test_an_upload_that_hides_its_size_or_drips_is_cut_off(serve):
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'

    def body(pieces, wait_s):
        yield head
        for _ in range(pieces):
            time.sleep(wait_s)
            yield bytes(1000)

    with serve(upload_bytes=50_000, upload_wait_s=0.5) as door:
        form = {"Content-Type": "multipart/form-data; boundary=x"}
        for pieces, wait_s, status, told in ((100, 0, 413, "50000 bytes"), (9, 0.2, 408, "0.5 s")):
            answer = post(
                f"http://{door}/v1/animate", content=body(pieces, wait_s), headers=form, timeout=60
            )
            assert answer.status_code == status and told in answer.json()["detail"]


def test_uploads_beyond_the_limit_come_back_later_and_the_others_are_served(serve):
    def send(door):
        return post(f"http://{door}/v1/animate", files={"file": ("a.wav", wav())}, timeout=120)

    with serve(uploads=1) as door, ThreadPoolExecutor(3) as pool:
        answers = sorted(pool.map(send, [door] * 3), key=lambda answer: answer.status_code)
        assert 'distill_refused_total{reason="uploads"} 2.0' in get(f"http://{door}/metrics").text
    assert [answer.status_code for answer in answers] == [200, 503, 503]
    assert answers[-1].headers["Retry-After"] == "5"
    assert answers[-1].json()["detail"].startswith("1 uploads wait already")


def test_a_seat_is_taken_before_anything_is_read(serve):
    head = (
        b"POST /v1/animate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )

    def begin(door):
        socket = create_connection(door.split(":"), timeout=5)
        socket.sendall(head)
        return socket

    with serve(uploads=1) as door:
        with begin(door), begin(door) as second:
            answer = second.recv(4096)
            assert answer.startswith(b"HTTP/1.1 503") and b"retry-after: 5" in answer
        with begin(door) as third, pytest.raises(TimeoutError):  # both seats came back
            third.settimeout(0.5)
            third.recv(4096)


def test_an_upload_lies_on_the_disk_once(tmp_path):
    with SpooledTemporaryFile(max_size=10) as arrived:
        arrived.write(wav())
        arrived.seek(0)
        move(arrived, tmp_path / "a.wav")
        assert arrived.closed and (tmp_path / "a.wav").read_bytes() == wav()


def test_the_page_gets_a_head_and_samples(ask, tmp_path):
    from distill.face.glb import read_morphs

    (tmp_path / "head.glb").write_bytes(ask.get("/rig.glb").content)
    head = read_morphs(tmp_path / "head.glb")
    assert {"jawOpen", "mouthClose"} <= set(head.names) and "headYaw" not in head.names
    assert head.extras["capped"] == [["mouthClose", "jawOpen", 1.0]]
    assert np.ptp(head.points, 0).max() > 100 and len(head.extras["lip_pairs"]) > 3
    listed = ask.get("/v1/samples").json()
    assert len(listed) == 4
    for sample in listed:
        audio, rate = soundfile.read(io.BytesIO(ask.get(sample["url"]).content))
        assert rate == SAMPLE_RATE_HZ and np.abs(audio).max() > 0.05
    assert ask.get("/samples/99.wav").status_code == 404


@pytest.fixture
def asked_without_a_process(streaming, tmp_path, monkeypatch):
    """Ask a server for its clips, whose process only notes what it is to do, and fails."""
    orders = []

    async def work(self, function, *arguments):
        orders.append(function)
        raise UserError("there is no synthesizer")

    monkeypatch.setattr(Studio, "work", work)
    app = build_app(Settings(models=(str(streaming),), assets=str(tmp_path)))
    client = TestClient(app, base_url="http://localhost")
    return lambda: client.get("/v1/samples").json(), orders


def test_clips_that_are_there_are_listed_at_once(asked_without_a_process, tmp_path):
    ask, orders = asked_without_a_process
    told = [{"name": "a", "url": "/samples/0.wav"}]
    write_json(tmp_path / SAMPLES, told)
    assert ask() == told and not orders


def test_clips_that_cannot_be_made_are_tried_once(asked_without_a_process):
    ask, orders = asked_without_a_process
    assert [ask(), ask()] == [[], []] and len(orders) == 1
