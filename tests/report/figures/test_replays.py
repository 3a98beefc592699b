"""Films of episodes that are played again, in any environment that renders."""

import dataclasses

import gymnasium
import numpy as np
import pytest
from PIL import Image

from tto.evaluation.rollout import Rollout
from tto.report.figures.replays import Replayed, write_replay


class Line(gymnasium.Env):
    """A point on a line that the picture shows as a dark column."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 40}  # noqa: RUF012 (Gymnasium's)
    observation_space = gymnasium.spaces.Box(-100, 100, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x = float(self.np_random.integers(10))
        return np.array([self.x], np.float32), {}

    def step(self, action):
        self.x += float(action[0])
        return np.array([self.x], np.float32), 1.0, False, False, {}

    def render(self):
        picture = np.full((250, 300, 3), 250, np.uint8)
        picture[:, 10 * int(self.x) : 10 * int(self.x) + 5] = 0
        return picture


@pytest.fixture(autouse=True)
def line():
    gymnasium.register("Line-v0", entry_point=Line, max_episode_steps=100)
    yield
    del gymnasium.registry["Line-v0"]


def played(steps: int, seed: int) -> Replayed:
    env = gymnasium.make("Line-v0", disable_env_checker=True)
    observations = [env.reset(seed=seed)[0]]
    actions = np.ones((steps, 1), np.float32)
    observations += [env.step(action)[0] for action in actions]
    rewards = np.ones(steps)
    rollout = Rollout(
        np.array(observations), actions, rewards, True, False, rewards, np.ones(steps, np.int64)
    )
    return Replayed("TTO", rollout, seed)


def test_the_recorded_episode_is_seen(tmp_path):
    episodes = [played(6, 3), played(4, 5)]
    assert write_replay(tmp_path / "a.webp", episodes, env_id="Line-v0") is None
    with Image.open(tmp_path / "a.webp") as film:
        assert film.n_frames == 4  # every second step of 40 a second
        film.seek(3)
        picture = np.asarray(film.convert("L"))[100]
    for episode, left, last in zip(episodes, (0, 306), (6, 4), strict=True):
        x = int(episode.rollout.observations[last, 0])
        assert picture[left + 10 * x + 2] < 60
        assert picture[left + 10 * x + 9] > 200


def test_an_episode_that_turns_out_otherwise_is_no_film(tmp_path):
    episode = played(6, 3)
    episode.rollout.observations[4] += 1
    for one in (episode, Replayed("TTO", dataclasses.replace(played(6, 3).rollout), 4)):
        reason = write_replay(tmp_path / "a.webp", [one], env_id="Line-v0")
        assert "expected the same states" in str(reason)
        with Image.open(tmp_path / "a.webp") as film:
            assert film.n_frames == 1


def test_an_environment_without_pictures_is_no_film(tmp_path, monkeypatch):
    monkeypatch.setattr(Line, "render", lambda self: None)
    reason = write_replay(tmp_path / "a.webp", [played(2, 3)], env_id="Line-v0")
    assert "expected a picture, got NoneType" in str(reason)
