"""Who may come in, and what operators see."""

import pytest
from fastapi.testclient import TestClient
from httpx import Client, get, post, request
from websockets.exceptions import InvalidStatus

from distill.errors import UserError, UserNote
from distill.live import app
from distill.live.__main__ import listen
from distill.live.guard import stranger
from distill.live.settings import Settings, read
from tests.distill.live.clients import dial, header, spoken
from tests.distill.live.conftest import SHIPPED_STREAM
from tests.distill.test_talker import speech


@pytest.fixture(scope="module")
def locked(serve):
    with serve(token="s3cret", origins=("https://face.example",)) as address:
        yield address


def status(door, query="", **options):
    """HTTP status that a handshake is answered with."""
    try:
        with dial(door, query, **options) as socket:
            socket.send(header())
            socket.recv(10)
            return 101
    except InvalidStatus as error:
        return error.response.status_code


def test_a_token_opens_streams_and_uploads(locked):
    bearer = {"Authorization": "Bearer s3cret"}
    assert status(locked) == 401 and status(locked, "token=wrong") == 401
    assert status(locked, "token=s3cret") == 101
    assert status(locked, additional_headers=bearer) == 101
    assert status(locked, additional_headers={"Authorization": "Basic s3cret"}) == 401
    found = {"/v1/model": 200, "/metrics": 200, "/model/x.onnx": 404, "/samples/99.wav": 404}
    for path, answer in found.items():
        assert get(f"http://{locked}{path}").status_code == 401
        assert get(f"http://{locked}{path}", headers=bearer).status_code == answer
    assert get(f"http://{locked}/rig.glb").status_code == 401
    answer = post(f"http://{locked}/v1/animate", files={"file": b"x"})
    assert answer.status_code == 401 and "token" in answer.json()["detail"]
    assert get(f"http://{locked}/healthz").json() == {"status": "ok"}


def test_a_prefix_of_the_paths_opens_no_door(streaming):
    locked = app.build_app(Settings(models=(str(streaming),), token="s3cret"))
    with TestClient(locked, base_url="http://localhost", root_path="/face") as client:
        assert client.get("/face/healthz").status_code == 200
        assert client.get("/face/metrics").status_code == 401


def test_a_page_opened_with_the_token_keeps_it(locked):
    for query, answer in (("token=wrong", 401), ("token=s3cret", 200)):
        with Client(base_url=f"http://{locked}") as browser:
            assert browser.get(f"/?{query}").status_code == 200
            assert browser.get("/v1/model").status_code == answer
            assert (browser.get("/model/x.onnx").status_code == 401) == (answer == 401)


def test_pages_of_others_may_not_connect(door, locked):
    assert status(door, origin=f"http://{door}") == 101
    assert status(door, origin="https://evil.example") == 403
    own = {"Authorization": "Bearer s3cret"}
    assert status(locked, origin="https://face.example", additional_headers=own) == 101
    for origin in ("null", "http://["):
        answer = get(f"http://{door}/v1/model", headers={"Origin": origin})
        assert answer.status_code == 403 and "--origin" in answer.json()["detail"]


def test_listed_pages_may_read_what_they_ask_for(locked):
    origin, own = "https://face.example", {"Authorization": "Bearer s3cret"}
    for headers, status in ((own, 200), ({}, 401)):
        answer = get(f"http://{locked}/v1/model", headers={"Origin": origin} | headers)
        assert answer.status_code == status
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    for asker, status in ((origin, 200), ("https://evil.example", 400)):
        asked = {"Origin": asker, "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = "authorization"
        answer = request("OPTIONS", f"http://{locked}/v1/animate", headers=asked)
        assert answer.status_code == status
        assert ("Access-Control-Allow-Origin" in answer.headers) == (status == 200)
    evil = get(f"http://{locked}/healthz", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in evil.headers
    assert evil.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.parametrize(
    ("origin", "host", "listed"),
    [
        ("http://localhost:8000", "localhost:8000", ()),
        ("http://[::1]:8000", "[::1]:8000", ()),
        (None, "127.0.0.1:9", ()),
        (None, "Localhost", ()),
        (None, "[::1]", ()),
        ("https://face.example", "localhost:8000", ("https://face.example",)),
        ("https://face.example", "face.example", ("https://face.example",)),
        (None, "face.example", ("https://face.example",)),
    ],
)
def test_this_machine_is_called_by_its_names_and_listed_ones(origin, host, listed):
    assert stranger(origin, host, Settings(origins=listed)) is None


@pytest.mark.parametrize(
    ("origin", "host", "told"),
    [
        ("http://evil.example:8000", "evil.example:8000", "http://evil.example:8000"),
        (None, "evil.example:8000", "http://evil.example:8000"),
        (None, "localhost.evil.example", "http://localhost.evil.example"),
        (None, "", "http://"),
        ("http://localhost:9000", "localhost:8000", "http://localhost:9000"),
        ("null", "localhost:8000", "null"),
    ],
)
def test_a_foreign_name_for_this_machine_is_no_way_in(origin, host, told):
    assert stranger(origin, host, Settings()) == told


def test_a_server_for_others_has_the_names_that_they_give_it(door):
    everywhere = Settings(host="0.0.0.0")
    assert stranger(None, "face.example", everywhere) is None
    assert stranger("https://face.example", "face.example", everywhere) is None
    assert stranger("null", "", everywhere) == "null"
    for host, status in (("evil.example", 403), ("localhost:1", 200)):
        answer = get(f"http://{door}/v1/model", headers={"Host": host})
        assert answer.status_code == status


def test_every_answer_lets_the_page_use_threads_and_nothing_foreign(door):
    for path in ("/", "/v1/model", "/nothing"):
        headers = get(f"http://{door}{path}").headers
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert headers["Content-Security-Policy"].startswith("default-src 'self'")


def test_only_files_of_the_model_are_given(serve):
    with serve(models=("stream",)) as door:
        files = get(f"http://{door}/v1/model").json()["files"]
        assert {"stream", "fusion", "bank"} <= set(files)
        for role, url in files.items():
            entry = (SHIPPED_STREAM / url.removeprefix("/model/").partition("?")[0]).read_bytes()
            assert get(f"http://{door}{url}").content == entry, role
        for name in ("config.json", "..%2Fsmall%2Fconfig.json", "nothing.onnx"):
            assert get(f"http://{door}/model/{name}").status_code == 404


def test_counters_follow_what_happens(serve):
    with serve() as door:
        spoken(door, speech(1.0))
        lines = get(f"http://{door}/metrics").text.splitlines()
        found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        assert found["distill_streams_open"] == "0.0"
        assert found['distill_streams_total{outcome="ended"}'] == "1.0"
        assert found["distill_frames_total"] == "30.0"
        assert float(found["distill_sound_seconds_total"]) == pytest.approx(1.0)
        assert float(found["distill_batch_rows_sum"]) >= 30
        paths = get(f"http://{door}/openapi.json").json()["paths"]
        assert {"/v1/animate", "/v1/model", "/healthz", "/readyz", "/metrics"} <= set(paths)
        assert get(f"http://{door}/readyz").json()["ready"] is True


def test_settings_are_the_options(monkeypatch):
    monkeypatch.setenv("FACEDISTILL_TOKEN", "hidden")
    words = ["--model", "a", "--model", "b", "--port", "9", "--idle-s", "1.5"]
    settings = read([*words, "--origin", "https://x.example"])
    assert settings == Settings(
        models=("a", "b"), port=9, idle_s=1.5, origins=("https://x.example",), token="hidden"
    )
    assert read(["--token", "given"]).token == "given" and Settings().local
    monkeypatch.setenv("FACEDISTILL_TOKEN", "")
    with pytest.raises(UserError, match="FACEDISTILL_TOKEN"):
        read([])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"streams": 0}, "--streams 0"),
        ({"idle_s": float("nan")}, "--idle-s nan"),
        ({"port": 70_000}, "--port 70000"),
        ({"token": ""}, "--token"),
        ({"backend": "tensorflow"}, "--backend tensorflow"),
        ({"origins": ("face.example",)}, "--origin face.example"),
    ],
)
def test_settings_outside_their_range_are_refused(changes, told):
    with pytest.raises(UserError, match=told):
        Settings(**changes)


def test_it_listens_to_this_machine_alone_unless_told():
    with listen(Settings(port=0)) as inside, listen(Settings(host="0.0.0.0", port=0)) as outside:
        assert inside.getsockname()[0] == "127.0.0.1" and outside.getsockname()[0] == "0.0.0.0"


def test_a_server_is_ready_from_its_start_to_its_end(streaming, tmp_path, monkeypatch):
    monkeypatch.setattr(app, "PAGE", tmp_path / "dist")  # not built, which is said and no more
    with pytest.warns(UserNote, match="npm --prefix distill/live/page run build"):
        client = TestClient(app.build_app(Settings(models=(str(streaming),))))
    assert client.get("/readyz").status_code == 503
    with client:
        assert client.get("/readyz").json()["ready"] is True
        assert "npm --prefix" in client.get("/").text
    assert client.get("/readyz").status_code == 503
