import gymnasium
import mujoco
import numpy as np
import pytest
from PIL import Image

from tto.errors import TTOError
from tto.evaluation import film as films
from tto.evaluation import headless
from tto.evaluation.film import FilmedEnv, _with_caption, open_film

BLINKING = "tto-test/Blinking-v0"


class Blinking(gymnasium.Env):
    """An environment whose frame n has brightness n; 100 steps are a second."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 100}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(0, 1, (1,))
    action_space = gymnasium.spaces.Box(0, 1, (1,))

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.count += 1
        return np.zeros(1, np.float32), 0.0, False, False, {}

    def render(self):
        if self.count == 40:
            raise RuntimeError("no screen\nat all")
        return np.full((8, 10, 3), self.count, dtype=np.uint8)


@pytest.fixture(autouse=True)
def blinking():
    gymnasium.register(BLINKING, entry_point=Blinking)
    yield
    del gymnasium.registry[BLINKING]


def film(path, steps: int) -> None:
    with open_film(path) as opened:
        env = FilmedEnv(BLINKING, opened)
        env.reset(seed=0)
        for _ in range(steps):
            env.step(np.zeros(1))
        env.close()


def test_frames_keep_the_episodes_pace(tmp_path):
    film(tmp_path / "a.gif", 10)
    with Image.open(tmp_path / "a.gif") as read:
        shown = []
        for n in range(read.n_frames):
            read.seek(n)
            shown.append(np.asarray(read.convert("L"))[0, 0])
        assert read.size == (10, 8)
        assert read.info["duration"] == 40  # milliseconds: every fourth of 100 frames a second
    assert shown == [0, 4, 8]


def test_an_mp4_has_the_frames(tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    film(tmp_path / "a.mp4", 10)
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "a.mp4"))
    assert (frames, seconds) == (3, pytest.approx(3 / 25, abs=0.01))


def test_a_simulator_that_cannot_draw_leaves_no_file(tmp_path):
    with pytest.raises(
        TTOError, match=r"failed \(no screen at all\); without a screen MuJoCo renders with"
    ):
        film(tmp_path / "a.mp4", 50)
    with pytest.raises(TTOError, match="at least one frame"), open_film(tmp_path / "a.gif"):
        pass
    with pytest.raises(TTOError, match=r"a name in \.mp4 or \.gif"), open_film(tmp_path / "a.webm"):
        pass
    assert not list(tmp_path.iterdir())


def test_the_camera_follows_the_robot(tmp_path):
    with open_film(tmp_path / "a.gif") as opened:
        env = FilmedEnv("Hopper-v5", opened)
        base = env.unwrapped
        camera = mujoco.mj_name2id(base.model, mujoco.mjtObj.mjOBJ_CAMERA, "track")
        assert base.mujoco_renderer.camera_id == camera >= 0
        opened.add(np.zeros((8, 8, 3), np.uint8))
        env.close()


def test_a_frame_says_return_and_step_on_its_upper_edge():
    grey = np.full((240, 320, 3), 128, np.uint8)
    shown = [_with_caption(grey, f"TTO return {total}", step) for total, step in ((7, 1), (8, 2))]
    for frame in shown:
        assert (frame[:30] != grey[:30]).any()
        np.testing.assert_array_equal(frame[30:], grey[30:])
    assert (shown[0] != shown[1])[:, :160].any()  # the return at the left
    assert (shown[0] != shown[1])[:, 160:].any()  # the step at the right
    tiny = grey[:50, :50]
    assert _with_caption(tiny, "TTO", 1) is tiny


def test_a_renderer_that_cannot_work_is_named_before_it_is_tried(tmp_path, monkeypatch):
    def missing(renderer):
        return f"no {renderer}"

    monkeypatch.setenv("MUJOCO_GL", "glfw")
    monkeypatch.setattr(headless, "complaint", missing)
    monkeypatch.setattr(films, "working_renderer", headless.working_renderer.__wrapped__)
    with open_film(tmp_path / "a.gif") as opened:
        with pytest.raises(TTOError, match=r"MUJOCO_GL: .* got 'glfw' \(no glfw\); unset it"):
            FilmedEnv("Hopper-v5", opened)
        FilmedEnv(BLINKING, opened).reset(seed=0)  # it needs no MuJoCo
