"""Augmented random search: resumed = uninterrupted, and it learns."""

from pathlib import Path

import numpy as np
import pytest

from tto.data.ars import ARSConfig, SearchState, train_ars
from tto.data.ladder import read_ladder
from tto.data.train_actors import train_actors
from tto.errors import TTOError

CONFIG = ARSConfig(directions=3, best=2, action_noise=0.1)


def search(folder: Path, *, steps: int, seed: int = 0) -> list[Path]:
    return train_ars(
        "Hopper-v5", folder, config=CONFIG, seed=seed, steps=steps, checkpoint_steps=300
    )


def test_resumed_is_uninterrupted(tmp_path: Path):
    whole = search(tmp_path / "whole", steps=1200)
    search(tmp_path / "parts", steps=500)
    parts = search(tmp_path / "parts", steps=1200)
    assert whole[-1].name == parts[-1].name
    with np.load(whole[-1]) as one, np.load(parts[-1]) as two:
        for name in one.files:
            np.testing.assert_array_equal(one[name], two[name])


def test_seeds_differ(tmp_path: Path):
    one, two = (search(tmp_path / str(seed), steps=300, seed=seed)[0] for seed in (0, 1))
    assert one.read_bytes() != two.read_bytes()


def test_running_moments_are_those_of_all_rows():
    rows = np.random.default_rng(0).normal(5, 3, (100, 4))
    rows[:, 3] = 2.0
    state = SearchState(np.ones((2, 4)), np.zeros(4), np.zeros(4))
    for batch in np.split(rows, [1, 7, 50]):
        state.absorb(batch)
    np.testing.assert_allclose(state.mean, rows.mean(0))
    np.testing.assert_allclose(state.std[:3], rows[:, :3].std(0, ddof=1))
    weight, bias = state.policy()
    assert (weight[3] == 0).all(), "a constant dimension has no say"
    whitened = (rows[:, :3] - rows[:, :3].mean(0)) / rows[:, :3].std(0, ddof=1)
    np.testing.assert_allclose(rows @ weight + bias, whitened @ np.ones((3, 2)))


def test_training_makes_a_ladder(tmp_path: Path):
    ladder = train_actors(
        "hopper",
        tmp_path / "hopper",
        checkpoints=tmp_path / "checkpoints",
        noise=0.1,
        rungs=3,
        episodes=2,
        steps=10_001,
    )
    assert ladder == read_ladder(tmp_path / "hopper")
    assert ladder.expert.return_mean > 30
    assert all((tmp_path / "hopper" / rung.file).exists() for rung in ladder.rungs)


def test_unknown_robot(tmp_path: Path):
    with pytest.raises(TTOError, match="no training recipe"):
        train_actors("snail", tmp_path, checkpoints=tmp_path, noise=0.0)
