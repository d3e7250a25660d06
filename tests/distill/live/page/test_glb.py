"""A written GLB, played by three.js in the browser."""

import numpy as np
import pytest
import torch

from distill.face.files import write_motion
from distill.face.posed import posed_frames
from distill.face.rigs import load_rig
from distill.face.space import MotionSpace
from tests.distill.live.page.conftest import PAGE

FPS, FRAMES, SHOWN = 25.0, 5, 40
LENGTH_S = 0.23  # the sound ends after the last frame's time
PLAYER = """
<script type="importmap">{"imports": {
  "three": "/three/build/three.module.js", "three/addons/": "/three/examples/jsm/"
}}</script>
<script type="module">
  import { AnimationMixer, Vector3 } from "three";
  import { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
  const { scene, animations: [clip] } = await new GLTFLoader().loadAsync("/face.glb");
  const mixer = new AnimationMixer(scene), at = new Vector3();
  mixer.clipAction(clip).play();
  let face;
  scene.traverse((part) => { if (part.isMesh) face = part; });
  window.player = {
    length: clip.duration,
    names: Object.keys(face.morphTargetDictionary),
    shown(seconds, vertices) {
      mixer.setTime(seconds);
      scene.updateMatrixWorld(true);
      return vertices.map((i) => face.getVertexPosition(i, at).toArray());
    },
  };
</script>
"""


@pytest.fixture
def player(browser, dist, tmp_path):
    """Play a GLB file in a page; returns it with `player` ready."""
    files = {"/three/": PAGE / "node_modules" / "three", "/face.glb": tmp_path / "face.glb"}

    def answer(route):
        path = route.request.url.removeprefix("http://player.test")
        if path == "/":
            return route.fulfill(body=PLAYER, content_type="text/html")
        start = next(start for start in files if path.startswith(start))
        return route.fulfill(path=files[start] / path.removeprefix(start))

    page = browser.new_page()
    page.route("http://player.test/**", answer)

    def play():
        page.goto("http://player.test/")
        page.wait_for_function("window.player")
        return page

    yield play
    page.close()


@pytest.mark.parametrize("rig", ["arkit", "ict"])
def test_three_shows_the_vertices_of_the_rig_at_every_frame(player, tmp_path, shared_data, rig):
    path = (
        {"path": str(shared_data / "ict_facekit" / "ict_face_narrow.npz")} if rig == "ict" else {}
    )
    space = MotionSpace.identity(load_rig(rig, **path), FPS)
    drawn = np.random.default_rng(3).random((FRAMES, space.motion_dim))
    motion = 0.6 * drawn.astype(np.float32)
    audio = np.zeros(round(16_000 * LENGTH_S), np.float32)
    write_motion(tmp_path / "face.glb", motion, space, audio=audio)
    page = player()
    assert page.evaluate("player.length") == pytest.approx(LENGTH_S)
    assert len(page.evaluate("player.names")) >= 52
    expected = list(posed_frames(space.rig, torch.from_numpy(motion)))
    vertices = np.linspace(0, len(expected[0]) - 1, SHOWN).astype(int).tolist()
    for frame in range(FRAMES):
        found = page.evaluate("([s, v]) => player.shown(s, v)", [frame / FPS, vertices])
        np.testing.assert_allclose(1000 * np.array(found), expected[frame][vertices], atol=2e-3)
