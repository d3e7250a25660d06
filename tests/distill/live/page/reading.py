"""What tests read from the page."""

import json
import subprocess
import time

import numpy as np

from tests.distill.live.page.conftest import PAGE


def take(page) -> tuple[np.ndarray, np.ndarray]:
    """Return the sound that the take was made from (S,) and its curves (F D)."""
    told = page.evaluate("facedistill.take()")
    values = np.array(told["values"], np.float32).reshape(told["frames"], -1)
    return np.array(told["samples"], np.float32), values


def gaps(page) -> np.ndarray:
    """Return the opening of the lips in every frame of the take, as the page shows it (F,)."""
    return np.array(page.evaluate("facedistill.gaps()"))


def until(page, condition: str, patience_s: float = 120.0) -> None:
    """Wait until JavaScript says true; the page's own policy forbids `wait_for_function`."""
    end = time.monotonic() + patience_s
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(100)


def play(page, path) -> None:
    """Open a file and wait until it was played."""
    page.set_input_files("#file", path)
    until(page, "facedistill.state === 'playing'")
    until(page, "facedistill.state === 'idle'")


def listen(page, frames: int) -> None:
    """Use the microphone for some frames."""
    page.get_by_role("button", name="Microphone").click()
    until(page, f"facedistill.state === 'live' && facedistill.frames >= {frames}")


def notice(page) -> str:
    """Return the sentence that the page shows."""
    page.wait_for_selector("#notice:not([hidden])")
    return page.inner_text("#sentence")


def in_node(code: str, result: str):
    """Return an expression of JavaScript after some code; PAGE is the page's folder there."""
    code = f"{code} process.stdout.write(JSON.stringify({result}));".replace("PAGE", str(PAGE))
    made = subprocess.run(
        ["node", "--input-type=module", "-e", code], capture_output=True, check=True, text=True
    )
    return json.loads(made.stdout)


def streamed(talker, samples: np.ndarray, **options) -> np.ndarray:
    """Return what Python's stream says to samples at 16 kHz (F D)."""
    stream = talker.stream(**options)
    return np.concatenate([stream.push(samples).values, stream.flush().values])
