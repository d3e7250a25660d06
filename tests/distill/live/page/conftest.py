import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from filelock import FileLock
from playwright.sync_api import sync_playwright

from distill import load
from distill.audio.decode import load_audio
from tests.conftest import REPOSITORY
from tests.distill.live.page.models import exported_stream, manifest, write_head
from tests.distill.live.page.server import Files

PAGE = REPOSITORY / "distill" / "live" / "page"
SPOKEN_S = 4.0


@pytest.fixture(scope="session")
def dist() -> Path:
    """The built page; built anew when a source is newer."""
    built = PAGE / "dist"
    with FileLock(PAGE / ".lock"):
        made = max((p.stat().st_mtime for p in built.rglob("*.html")), default=0.0)
        sources = [*PAGE.glob("*.*"), *(PAGE / "src").rglob("*"), *(PAGE / "public").rglob("*")]
        if made < max(path.stat().st_mtime for path in sources):
            if not (PAGE / "node_modules").is_dir():
                subprocess.run(["npm", "--prefix", PAGE, "install"], check=True)
            subprocess.run(["npm", "--prefix", PAGE, "run", "build"], check=True)
    return built


@pytest.fixture(scope="session")
def spoken(shared_data, tmp_path_factory) -> Path:
    """Real speech as a wav file at 16 kHz."""
    recording = sorted((shared_data / "speech_plain" / "cmu_arctic").glob("*.flac"))[0]
    audio = load_audio(recording)[: int(SPOKEN_S * 16_000)]
    path = tmp_path_factory.mktemp("speech") / "speech.wav"
    soundfile.write(path, np.round(audio * 32767).astype(np.int16), 16_000)
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    return exported_stream(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def talker(model):
    return load(model, "onnx")


@pytest.fixture(scope="session")
def served(dist, model, spoken, tmp_path_factory):
    """Start the server of the page."""
    head = tmp_path_factory.mktemp("head") / "rig.glb"
    write_head(head)
    told = manifest(model)
    files = {f"/model/{path.name}": path for path in model.glob("*.onnx")}
    files |= {"/": dist / "index.html", "/rig.glb": head, "/samples/1.wav": spoken}
    samples = [{"name": "Sample 1", "url": "/samples/1.wav"}]
    server = Files(dist, {"/v1/model": told, "/v1/samples": samples}, files)
    yield server
    server.shutdown()


@pytest.fixture(scope="session")
def browser(spoken):
    """Chromium whose microphone hears the speech, over and over."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on this machine; run `apt-get install chromium`")
    arguments = [
        "--no-sandbox",
        "--use-gl=angle",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={spoken}",
    ]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=arguments)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser, served):
    """Open the page; keyword arguments as those of a Playwright context."""
    contexts = []

    def opened(*, before=None, ready=True, **options):
        size = {"width": 720, "height": 480}
        context = browser.new_context(**{"viewport": size, "accept_downloads": True} | options)
        contexts.append(context)
        page = context.new_page()
        page.told = []
        page.on("console", lambda message: page.told.append(message.text))
        page.on("pageerror", lambda error: page.told.append(str(error)))
        if before:
            before(page)
        page.goto(served.url)
        if ready:
            page.wait_for_function("window.facedistill?.state === 'idle'", timeout=30_000)
        return page

    yield opened
    for context in contexts:
        context.close()
