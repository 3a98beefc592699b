"""Poses against the simulator that was observed, and pictures by what must be in them."""

import subprocess
import sys

import numpy as np
import pytest

from tto.data.environments import make_env
from tto.errors import TTOError
from tto.evaluation.headless import working_renderer
from tto.report.drawing.poses import load_robot, restore_positions, trace_points
from tto.report.drawing.rendering import open_stage
from tto.report.drawing.robots import HIDDEN, TRACED
from tto.report.drawing.scene import Pose, TracedPath, frame_camera

RED, GREY = (0.8, 0.05, 0.05), (0.4, 0.4, 0.4)


def observed_motion(env_id, steps):
    """Observations of random actions, and the simulator's own positions."""
    env = make_env(env_id)
    env.action_space.seed(0)
    observation, _ = env.reset(seed=0)
    observations, positions = [observation], [env.unwrapped.data.qpos.copy()]
    for _ in range(steps):
        observation, *_ = env.step(env.action_space.sample())
        observations.append(observation)
        positions.append(env.unwrapped.data.qpos.copy())
    env.close()
    return np.array(observations), np.array(positions)


@pytest.mark.parametrize(
    ("env_id", "hidden", "tolerance"),
    [("Hopper-v5", 1, 1e-3), ("HalfCheetah-v5", 1, 3e-2), ("tto/Humanoid-v5", 2, 3e-3)],
)
def test_positions_are_those_of_the_simulator(env_id, hidden, tolerance):
    observations, positions = observed_motion(env_id, 30)
    robot = load_robot(env_id)
    restored = restore_positions(robot, observations)
    travelled = positions[:, :hidden] - positions[0, :hidden]
    assert np.abs(travelled).max() > 10 * tolerance
    np.testing.assert_allclose(restored[:, :hidden], travelled, atol=tolerance)
    rest = restored[:, hidden:] - positions[:, hidden:]
    if robot.free:
        np.testing.assert_allclose(np.linalg.norm(restored[:, 3:7], axis=1), 1.0)
        rest = np.delete(rest, range(1, 5), axis=1)  # z stays, the quaternion is normalised
    assert np.abs(rest).max() < 1e-9


def test_root_is_integrated_one_step_at_a_time():
    robot = load_robot("Hopper-v5")
    observations = np.random.default_rng(0).normal(size=(6, 11))
    x, expected = 0.0, [0.0]
    for t in range(1, 6):
        x += 0.008 * (observations[t - 1, 5] + observations[t, 5]) / 2
        expected.append(x)
    restored = restore_positions(robot, observations)
    np.testing.assert_allclose(restored[:, 0], expected)
    np.testing.assert_array_equal(restored[:, 1:], observations[:, :5])


def test_a_standing_hopper_is_traced_at_head_and_foot():
    robot = load_robot("Hopper-v5")
    upright = np.zeros((1, 6))
    upright[0, :2] = 0.7, 1.25
    paths = trace_points(robot, upright)
    np.testing.assert_allclose(paths["head"], [[0.7, 0.0, 1.45]], atol=1e-9)
    np.testing.assert_allclose(paths["foot"], [[0.7 + 0.065, 0.0, 0.1]], atol=1e-9)
    upright[0, 2] = np.pi  # upside down: the head is below
    assert trace_points(robot, upright)["head"][0, 2] < 1.25


def test_what_cannot_be_posed():
    with pytest.raises(TTOError, match="expected an environment of hopper, walker2d"):
        load_robot("tto/FourRooms-v0")
    robot = load_robot("Hopper-v5")
    with pytest.raises(TTOError, match="rows of 11 or more"):
        restore_positions(robot, np.zeros((3, 10)))
    with pytest.raises(TTOError, match="finite"):
        restore_positions(robot, np.full((3, 11), np.nan))


def test_a_camera_holds_all_points():
    points = np.random.default_rng(0).uniform([-1, -0.1, 0], [4, 0.1, 1.5], size=(50, 3))
    for aspect in (0.8, 1.0, 3.0, 6.0):
        camera = frame_camera(points, aspect=aspect, margin=1.1)
        half = camera.distance * np.tan(np.deg2rad(8.0))
        offsets = np.abs(points - camera.target)
        assert (offsets[:, 0] <= half * aspect).all()
        assert (offsets[:, 2] <= half).all()


@pytest.fixture
def robot():
    try:
        working_renderer()
    except TTOError as error:
        pytest.skip(str(error))
    return load_robot("Hopper-v5")


def hopper_at(x):
    return np.array([x, 1.25, 0.0, 0.0, 0.0, 0.0])


def reddish(picture):
    """Columns and rows of pixels that are much more red than green and blue."""
    pixels = picture.astype(int)
    return np.nonzero(pixels[..., 0] - pixels[..., 1:].max(axis=-1) > 60)


def test_poses_and_paths_are_where_they_belong(robot):
    points = np.array([[-1.0, 0.0, 0.0], [1.0, 0.0, 1.5]])
    camera = frame_camera(points, aspect=2.0, margin=1.2)
    with open_stage(robot, width=120, height=60) as stage:
        left = stage.draw(camera, [Pose(hopper_at(-0.8), RED)])
        both = stage.draw(camera, [Pose(hopper_at(0.8), GREY), Pose(hopper_at(-0.8), RED)])
        again = stage.draw(camera, [Pose(hopper_at(-0.8), RED)])
        path = TracedPath(
            np.array([[0.0, 0.0, 1.2], [0.5, 0.0, 1.2], [0.5, 0.0, 1.2]]), "#D00000", 0.03
        )
        traced = stage.draw(camera, [Pose(hopper_at(-0.8), GREY)], [path])
    assert left.shape == (60, 120, 3)
    np.testing.assert_array_equal(left, again)
    assert len(reddish(left)[0]) > 30
    assert reddish(left)[1].max() < 50
    # the second pose stands where the first picture has floor, and hides nothing of the other
    difference = np.abs(both.astype(int) - left).sum(axis=-1)
    assert difference[:, 80:].max() > 100
    assert reddish(both)[1].max() < 50
    rows, columns = reddish(traced)
    assert columns.min() > 55
    assert columns.max() < 100
    assert rows.max() < 30  # it is drawn high up: pictures are not upside down


def test_floor_and_sky_are_pale(robot):
    camera = frame_camera(np.array([[-1.0, 0, 0], [1.0, 0, 1.5]]), aspect=1.0, margin=1.2)
    with open_stage(robot, width=40, height=40) as stage:
        picture = stage.draw(camera, [Pose(hopper_at(0.0), RED)])
    assert picture[:, :5].min() > 190
    assert picture[:, -5:].min() > 190


def test_the_workflow_knows_robots_without_a_simulator():
    assert HIDDEN.keys() == TRACED.keys()
    code = "import sys, tto.report.drawing.robots; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"mujoco", "torch"} & set(loaded.stdout.split())
