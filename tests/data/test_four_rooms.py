"""The four-rooms world: a valid environment with closed walls; its agent reaches goals."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import given
from hypothesis import strategies as st

from tto.data.collect import collect
from tto.data.environments import make_env
from tto.data.episodes import open_dataset, write_dataset
from tto.data.four_rooms import FOUR_ROOMS, GOAL_RADIUS, FourRooms, is_free, next_waypoint

unit = st.floats(0, 1)


def room(xy: np.ndarray) -> tuple[bool, bool]:
    return bool(xy[0] > 0.5), bool(xy[1] > 0.5)


def test_gymnasiums_checker_accepts_it():
    check_env(gymnasium.make(FOUR_ROOMS, render_mode="rgb_array").unwrapped)


def test_walls_and_doors():
    free = [(0.5, 0.25), (0.5, 0.75), (0.25, 0.5), (0.75, 0.5), (0.0, 1.0), (0.3, 0.3)]
    walls = [(0.5, 0.5), (0.5, 0.0), (0.5, 0.4), (0.6, 0.5), (1.01, 0.2), (0.2, -0.01)]
    assert is_free(np.array(free)).all()
    assert not is_free(np.array(walls)).any()


@given(st.tuples(unit, unit), st.integers(0, 1000))
def test_no_way_through_walls(start: tuple[float, float], seed: int):
    if not is_free(np.array(start)):
        return
    world = FourRooms()
    world.reset(seed=seed, options={"start": start})
    generator = np.random.default_rng(seed)
    for _ in range(30):
        before = world.position
        world.step(generator.choice([-1.0, 1.0], 2))
        assert is_free(world.position)
        if room(before) != room(world.position):
            axes = [axis for axis in (0, 1) if (before[axis] > 0.5) != (world.position[axis] > 0.5)]
            for axis in axes:
                along = world.position[1 - axis]
                assert min(abs(along - 0.25), abs(along - 0.75)) < 0.06 + 0.05


def test_it_slides_along_a_wall():
    world = FourRooms()
    world.reset(seed=0, options={"start": (0.45, 0.05)})
    for _ in range(4):
        world.step(np.array([1.0, 1.0]))
    assert world.position[0] < 0.5
    assert world.position[1] > 0.12


def test_a_step_is_three_hundredths():
    world = FourRooms()
    moves = []
    for seed in range(300):
        world.reset(seed=seed, options={"start": (0.2, 0.2)})
        moves.append(world.step(np.array([1.0, -0.5]))[0] - 0.2)
    np.testing.assert_allclose(np.mean(moves, axis=0), [0.03, -0.015], atol=0.001)
    np.testing.assert_allclose(np.std(moves, axis=0), 0.003, rtol=0.2)


def test_starts_and_goals_fill_the_free_space():
    world = FourRooms()
    places = []
    for seed in range(800):
        start, info = world.reset(seed=seed)
        places += [start, info["goal"]]
        assert np.linalg.norm(start - info["goal"]) >= GOAL_RADIUS - 1e-6
    counts = np.histogramdd(np.array(places), bins=(4, 4), range=((0, 1), (0, 1)))[0]
    assert is_free(np.array(places, dtype=np.float64)).all()
    assert counts.min() > 60  # 100 expected in each of 16 cells


def test_a_start_in_a_wall_is_refused():
    with pytest.raises(ValueError, match="expected a free position"):
        FourRooms().reset(options={"start": (0.5, 0.5)})


def test_the_agent_takes_the_shortest_path():
    # From the lower left to the upper right room: the start decides the way around.
    by_the_right = next_waypoint(np.array([0.45, 0.05]), np.array([0.95, 0.6]))
    by_the_top = next_waypoint(np.array([0.05, 0.45]), np.array([0.6, 0.95]))
    assert by_the_right[0] > 0.5 > by_the_right[1]
    assert by_the_top[1] > 0.5 > by_the_top[0]
    np.testing.assert_array_equal(next_waypoint(np.zeros(2), np.full(2, 0.3)), [0.3, 0.3])


def test_the_collector_reaches_every_goal(tmp_path: Path):
    episodes = list(collect(FOUR_ROOMS, "goal", transitions=4000, seed=0, noise=0.0, actors="none"))
    lengths = [len(episode) for episode in episodes]
    assert all(episode.terminated for episode in episodes)
    assert 15 < np.mean(lengths) < 25
    assert np.percentile(lengths, 95) < 40
    assert {episode.total_reward for episode in episodes} == {1.0}
    path = tmp_path / "fourrooms-goal-v0"
    write_dataset(path, episodes, env_id=FOUR_ROOMS, algorithm="script", description="")
    assert open_dataset(path).total_episodes == len(episodes)


def test_the_picture_shows_walls_agent_and_goal():
    env = make_env(FOUR_ROOMS, render_mode="rgb_array")
    env.reset(seed=0, options={"start": (0.2, 0.2), "goal": (0.8, 0.7)})
    picture = np.asarray(env.render())
    size = len(picture)
    assert picture.shape == (size, size, 3)

    def at(x: float, y: float) -> list[int]:
        return picture[int((1 - y) * size), int(x * size)].tolist()

    assert at(0.5, 0.5) == [40, 40, 40]
    assert at(0.5, 0.25) == [255, 255, 255]
    assert at(0.2, 0.2) == [30, 90, 170]
    assert at(0.8 + GOAL_RADIUS, 0.7) == [200, 60, 40]
