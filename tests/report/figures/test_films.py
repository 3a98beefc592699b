"""Films of recorded episodes, and the flat pictures that they are made of."""

import gymnasium
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from PIL import Image

from tto.data.four_rooms import FourRooms
from tto.errors import TTOError
from tto.evaluation.rollout import Rollout
from tto.report.drawing import rendering
from tto.report.drawing.flat_rendering import FlatStage
from tto.report.drawing.poses import load_robot
from tto.report.drawing.rendering import open_stage
from tto.report.drawing.scene import Camera, Pose, TracedPath
from tto.report.figures.films import Filmed, write_film

GREY, RED = (0.4, 0.4, 0.4), (0.9, 0.1, 0.1)
CAMERA = Camera((0.0, 0.0, 0.75), 8.0)


def dark(picture):
    """Rows and columns of pixels that are darker than floor and sky."""
    return np.nonzero(picture.max(axis=-1) < 150)


def hopper_at(x):
    return np.array([x, 1.25, 0.0, 0.0, 0.0, 0.0])


def test_a_hopper_stands_where_it_is():
    stage = FlatStage(load_robot("Hopper-v5"), width=120, height=100)
    pixels_a_metre = 100 / (2 * 8.0 * np.tan(np.deg2rad(8)))
    for x in (-0.5, 0.4):
        rows, columns = dark(stage.draw(CAMERA, [Pose(hopper_at(x), GREY)]))
        # the leg is at x, its foot reaches ahead; head 1.45 m and floor are as far apart as drawn
        assert np.median(columns) == pytest.approx(60 + x * pixels_a_metre, abs=3)
        assert np.ptp(rows) == pytest.approx(1.5 * pixels_a_metre, abs=4)
        assert rows.max() == pytest.approx(50 + 0.75 * pixels_a_metre, abs=3)


def test_paths_are_drawn_over_robots_and_floor_moves_with_the_camera():
    stage = FlatStage(load_robot("Hopper-v5"), width=120, height=100)
    path = TracedPath(np.array([[0.0, 0.0, 1.3], [0.8, 0.0, 1.3]]), "#D00000", 0.04)
    picture = stage.draw(CAMERA, [Pose(hopper_at(0.0), GREY)], [path]).astype(int)
    rows, columns = np.nonzero(picture[..., 0] - picture[..., 1] > 80)
    assert rows.max() < 40
    assert np.ptp(columns) == pytest.approx(0.88 * 100 / (2 * 8.0 * np.tan(np.deg2rad(8))), abs=3)
    moved = stage.draw(Camera((0.5, 0.0, 0.75), 8.0), [Pose(hopper_at(0.5), GREY)])
    still = stage.draw(CAMERA, [Pose(hopper_at(0.0), GREY)])
    assert np.abs(moved[:80].astype(int) - still[:80]).mean() < 0.5
    assert (moved[-1] != still[-1]).any()


@pytest.mark.parametrize("env_id", ["Walker2d-v5", "HalfCheetah-v5", "Ant-v5", "tto/Humanoid-v5"])
def test_all_robots_are_painted(env_id):
    robot = load_robot(env_id)
    stage = FlatStage(robot, width=90, height=80)
    positions = robot.model.qpos0.copy()
    x = float(positions[0])
    picture = stage.draw(Camera((x, 0.0, 0.75), 8.0), [Pose(positions, GREY)])
    assert len(dark(picture)[0]) > 60


def test_where_nothing_draws_pictures_are_flat(monkeypatch, caplog):
    def nothing():
        raise TTOError("rendering: expected egl to draw")

    monkeypatch.setattr(rendering, "working_renderer", nothing)
    with open_stage(load_robot("Hopper-v5"), width=40, height=30) as stage:
        assert isinstance(stage, FlatStage)
        assert stage.draw(CAMERA, [Pose(hopper_at(0.0), RED)]).shape == (30, 40, 3)
    (record,) = caplog.records
    assert "expected egl to draw; painting flat pictures" in record.getMessage()


def hopping(steps, terminated):
    """A hopper that stands and glides along."""
    observations = np.zeros((steps + 1, 11), np.float32)
    observations[:, 0], observations[:, 5] = 1.25, 1.0
    ones = np.ones(steps)
    actions = np.zeros((steps, 3), np.float32)
    return Rollout(observations, actions, ones, terminated, not terminated, ones, ones.astype(int))


def test_a_film_lasts_as_long_as_its_longest_episode(tmp_path):
    episodes = [Filmed("TTO", hopping(50, True)), Filmed("BC", hopping(125, False))]
    write_film(tmp_path / "a.webp", episodes, env_id="Hopper-v5")
    with Image.open(tmp_path / "a.webp") as film:
        # 125 steps are a second, of which 20 pictures are shown; Pillow joins equal ones
        assert 19 <= film.n_frames <= 22
        durations = []
        for number in range(film.n_frames):
            film.seek(number)
            film.load()
            durations.append(film.info["duration"])
    assert sum(durations[:-1]) == pytest.approx(1000, abs=100)


def test_long_episodes_are_cut(tmp_path):
    write_film(tmp_path / "a.webp", [Filmed("TTO", hopping(1000, False))], env_id="Hopper-v5")
    with Image.open(tmp_path / "a.webp") as film:
        assert film.n_frames <= 6 * 20 + 6
    assert (tmp_path / "a.webp").stat().st_size < 400_000


def test_what_cannot_be_filmed(tmp_path):
    with pytest.raises(TTOError, match="at least one episode"):
        write_film(tmp_path / "a.webp", [], env_id="Hopper-v5")
    with pytest.raises(TTOError, match="poses of 'Pendulum-v1'"):
        write_film(tmp_path / "a.webp", [Filmed("x", hopping(3, True))], env_id="Pendulum-v1")
    assert not list(tmp_path.iterdir())


def test_a_robots_name_without_mujoco_is_one_line(monkeypatch: pytest.MonkeyPatch):
    spec = EnvSpec("flat/Hopper-v0", entry_point=FourRooms, max_episode_steps=5)
    monkeypatch.setitem(gymnasium.registry, spec.id, spec)
    with pytest.raises(TTOError, match=r"'flat/Hopper-v0': expected .* MuJoCo .* got one without"):
        load_robot(spec.id)
