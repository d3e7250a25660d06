"""The page in a real browser: `python -m benchmarks.page`.

Chromium's microphone hears a sample clip over and over; frame rate, algorithmic delay and compute
of a frame are read from the page, and a picture is kept of a moment when the mouth is open.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import numpy as np

from benchmarks.collect import FOLDER
from benchmarks.screen import console, rich_table
from benchmarks.tables import Table, number
from distill.command import guarded
from distill.errors import UserError
from distill.pipeline.runs import git_commit
from distill.storage import atomic_path, write_json

MODULE, KIND = "benchmarks.page", "page"
FLAGS = ("--no-sandbox", "--enable-unsafe-swiftshader", "--use-fake-device-for-media-stream")
SIZE = {"width": 1280, "height": 800}
WARM_UP_S, EVERY_MS, SHOTS_PER_S = 6.0, 500, 4
RENDERER = """(() => { const gl = document.createElement("canvas").getContext("webgl2");
return gl.getParameter(gl.getExtension("WEBGL_debug_renderer_info").UNMASKED_RENDERER_WEBGL) })()"""


@contextmanager
def browser(heard: Path) -> Iterator[Any]:
    """Open Chromium, its microphone hearing a wav file over and over.

    Raises:
        UserError: Playwright or Chromium is not installed.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise UserError(
            "playwright is not installed; run `pip install facedistill[dev]`"
        ) from error
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise UserError("Chromium is not installed; run `apt-get install chromium`")
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={heard}"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=flags)
        yield opened
        opened.close()


@contextmanager
def served(model: str, assets: str) -> Iterator[str]:
    """Serve the page from a process of its own; yields its address.

    Raises:
        UserError: It does not start; it has said why.
    """
    command = ["distill.live", "--port", "0", "--model", model, "--assets", assets]
    server = Popen([sys.executable, "-m", *command], stdout=PIPE, text=True)
    try:
        assert server.stdout
        if not (address := server.stdout.readline().strip()):
            raise UserError("the page's server did not start; it says why above")
        yield address
    finally:
        server.terminate()
        server.wait()


def measure(page: Any, seconds: float, picture: Path) -> dict[str, Any]:
    """Let a page listen; return what it reads for some seconds, and keep its best picture."""
    page.get_by_role("button", name="Microphone").click()
    page.wait_for_timeout(1000 * WARM_UP_S)
    reads, shots = [], []
    for _ in range(round(1000 * seconds / EVERY_MS)):
        page.wait_for_timeout(EVERY_MS)
        reads.append(page.evaluate("facedistill.figures"))
    for _ in range(
        round(SHOTS_PER_S * seconds)
    ):  # a picture takes a moment: the mouth must be open before and after
        before, shot = page.evaluate("facedistill.gap"), page.screenshot()
        shots.append((min(before, page.evaluate("facedistill.gap")), shot))
    with atomic_path(picture) as path:
        path.write_bytes(max(shots)[1])
    return {
        "pictures_per_s": float(np.mean([read["rate"] for read in reads])),
        "algorithmic_ms": reads[-1]["delay_ms"],
        "compute_p50_ms": reads[-1]["p50"],
        "compute_p95_ms": reads[-1]["p95"],
        "renderer": page.evaluate(RENDERER),
    }


def measure_page(given: argparse.Namespace, words: Sequence[str]) -> dict[str, Any]:
    """Serve, open and measure the page of a model."""
    made = {"command": " ".join([f"python -m {MODULE}", *words]), "commit": git_commit()}
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "0.wav"
        with served(given.checkpoint, folder) as address, browser(wav) as chromium:
            chromium.new_page().goto(f"{address}v1/samples")  # makes the clips
            page = chromium.new_page(viewport=SIZE, color_scheme="dark", permissions=["microphone"])
            page.goto(address)
            page.wait_for_selector("#microphone:enabled", timeout=120_000)
            found = measure(page, given.seconds, given.json.with_suffix(".png"))
    return {"kind": KIND, **made, "model": given.checkpoint, **found}


def page_tables(value: Mapping[str, Any]) -> list[Table]:
    """Return what was measured as a table."""
    names = ("pictures_per_s", "algorithmic_ms", "compute_p50_ms", "compute_p95_ms")
    head = ("pictures\nper s", "algorithmic\ndelay ms", "compute of a\nframe p50 ms", "p95 ms")
    title = f"{value['model']} in a tab of Chromium, drawn by {value['renderer']}"
    return [Table(title=title, head=head, body=(tuple(number(value[n], 3) for n in names),))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--checkpoint", default="stream", help="streaming model with ONNX files")
    parser.add_argument("--seconds", type=float, default=10.0, help="to read and to take pictures")
    parser.add_argument("--json", type=Path, default=FOLDER / "page.json", help="file to write")

    def work() -> None:
        given = parser.parse_args(words)
        if given.seconds < 1:
            raise UserError(f"--seconds {given.seconds:g} is below 1; a face needs time to move")
        value = measure_page(given, words)
        write_json(given.json, value)
        for table in page_tables(value):
            console().print(rich_table(table))

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
