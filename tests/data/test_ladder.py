"""Ladders built from the checkpoints of a training."""

from pathlib import Path

import numpy as np
import pytest

from tto.data.actors import Actor, save_actor
from tto.data.ladder import read_ladder
from tto.data.train_actors import build_ladder, train_actors
from tto.errors import TTOError


def test_checkpoints_become_a_measured_ladder(tmp_path: Path):
    generator, one = np.random.default_rng(0), np.ones(3, np.float32)
    files = []
    for steps in (100, 200, 300, 400):
        weight = generator.standard_normal((11, 3)).astype(np.float32)
        files.append(tmp_path / f"actor-{steps:09d}.npz")
        save_actor(files[-1], Actor((), (weight, 0 * one), (0 * weight, -one), -one, one))
    ladder = build_ladder("Hopper-v5", files, tmp_path / "hopper", later=1, episodes=3)
    assert ladder == read_ladder(tmp_path / "hopper")
    returns = [rung.return_mean for rung in ladder.rungs]
    assert returns == sorted(returns)
    assert [rung.training_steps for rung in ladder.replay] == [
        steps for steps in (100, 200, 300, 400) if steps <= ladder.medium.training_steps
    ]
    for rung in ladder.rungs:
        stored = files[rung.training_steps // 100 - 1].read_bytes()
        assert (tmp_path / "hopper" / rung.file).read_bytes() == stored


def test_a_robot_without_a_recipe(tmp_path: Path):
    with pytest.raises(TTOError, match=r"a training recipe \(hopper, .*\), got another"):
        train_actors("spider", tmp_path / "spider", checkpoints=tmp_path / "checkpoints")
