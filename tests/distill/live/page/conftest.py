import shutil
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from filelock import FileLock

from benchmarks.page import browser as open_browser
from distill import load
from distill.audio.decode import load_audio
from distill.live.assets import SAMPLES, write_head
from distill.storage import write_json
from tests.conftest import REPOSITORY

PAGE = REPOSITORY / "distill" / "live" / "page"
SPOKEN_S = 3.0
READY = "#microphone:enabled"
PATIENCE_MS = 120_000


@pytest.fixture(scope="session")
def dist() -> Path:
    """The built page; built anew when a source is newer."""
    built = PAGE / "dist"
    with FileLock(PAGE / "node_modules.lock"):
        made = max((path.stat().st_mtime for path in built.glob("*.html")), default=0.0)
        sources = [*PAGE.glob("*.*"), *(PAGE / "src").rglob("*"), *(PAGE / "public").rglob("*")]
        sources = [path for path in sources if path.suffix != ".lock"]
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
    path = tmp_path_factory.mktemp("speech") / "0.wav"
    soundfile.write(path, np.round(audio * 32767).astype(np.int16), 16_000)
    return path


@pytest.fixture(scope="session")
def python():
    """The model of the page, in Python."""
    return load("stream", "onnx")


@pytest.fixture(scope="session")
def assets(spoken, tmp_path_factory) -> Path:
    """The head, and real speech as the sample clip."""
    folder = tmp_path_factory.mktemp("assets")
    write_head(folder / "arkit.glb", "arkit")
    shutil.copy(spoken, folder / "0.wav")
    write_json(folder / SAMPLES, [{"name": "speech", "url": "/samples/0.wav"}])
    return folder


@pytest.fixture(scope="session")
def start(serve, assets, dist):
    """Start a server with its page, of the model that ships unless settings say otherwise."""
    return lambda **changes: serve(**{"models": ("stream",), "assets": str(assets)} | changes)


@pytest.fixture(scope="session")
def address(start):
    with start() as address:
        yield address


@pytest.fixture(scope="module")
def browser(spoken):
    """Chromium whose microphone hears the speech, over and over.

    Playwright keeps an event loop running as long: tests of other modules have their own.
    """
    with open_browser(spoken) as opened:
        yield opened


@pytest.fixture(scope="module")
def browse(browser):
    """Open a page in a small window; further options as those of a Playwright context."""
    contexts = []

    def opened(at, *, before=lambda page: None, ready=READY, **options):
        context = browser.new_context(**{"viewport": {"width": 480, "height": 400}} | options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        before(page)
        page.goto(f"http://{at}/")
        page.wait_for_selector(ready)
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def visit(browse, address):
    """Open the page of the model that ships."""
    return partial(browse, address)
