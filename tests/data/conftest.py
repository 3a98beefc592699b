"""Small datasets and ladders for the tests of data."""

from pathlib import Path

import numpy as np
import pytest
from episode_samples import HOPPER, make_episode
from hypothesis import settings

from tto.data.actors import Actor
from tto.data.episode import Episode
from tto.data.episodes import write_dataset
from tto.data.ladder import Rung, write_ladder

settings.register_profile("data", deadline=None)  # a slow machine must not fail a test
settings.load_profile("data")


@pytest.fixture
def episodes() -> list[Episode]:
    """Three episodes of different lengths."""
    return [make_episode(length, seed=length, terminated=length != 30) for length in (5, 30, 1)]


@pytest.fixture
def dataset(tmp_path: Path, episodes: list[Episode]) -> Path:
    """The three episodes as a dataset folder."""
    path = tmp_path / "datasets" / "hopper-test-v0"
    write_dataset(path, episodes, env_id="Hopper-v5", algorithm="test", description="test")
    return path


@pytest.fixture
def actors(tmp_path: Path) -> Path:
    """A folder with a hopper ladder: four random actors with made-up returns."""
    generator = np.random.default_rng(0)
    ones = np.ones(HOPPER[1], dtype=np.float32)
    returns = [50.0, 300.0, 420.0, 1000.0]
    ladder = [
        Actor(
            hidden=(),
            mean=(generator.standard_normal(HOPPER, dtype=np.float32), 0 * ones),
            log_std=None,
            action_low=-ones,
            action_high=ones,
        )
        for _ in returns
    ]
    rows = zip(returns, ["early", "early", "medium", "expert"], [100, 200, 400, 800], strict=True)
    rungs = [
        Rung(number, f"rung{number}.npz", level, "test", steps, mean, 0.0, 20.0, 1)
        for number, (mean, level, steps) in enumerate(rows)
    ]
    write_ladder(tmp_path / "actors" / "hopper", ladder, rungs)
    return tmp_path / "actors"
