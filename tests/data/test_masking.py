"""Partial observation: masks hide the given share, depend on the seed, and are stored."""

from pathlib import Path

import numpy as np
import pytest
from episode_samples import make_episode

from tto.data.environments import make_env
from tto.data.episodes import open_dataset, write_dataset
from tto.data.masking import MaskedObservation, mask_episodes
from tto.errors import TTOError


def test_half_is_marked_and_no_value_is_changed():
    episodes = [make_episode(400, seed=seed) for seed in range(3)]
    masked = list(mask_episodes(episodes, probability=0.5, seed=0))
    again = list(mask_episodes(episodes, probability=0.5, seed=0))
    other = list(mask_episodes(episodes, probability=0.5, seed=1))
    for before, after, repeated, different in zip(episodes, masked, again, other, strict=True):
        np.testing.assert_array_equal(after.observations, before.observations)
        assert after.observed is not None
        assert repeated.observed is not None
        assert abs(after.observed.mean() - 0.5) < 0.03
        assert (np.abs(after.observed.mean(0) - 0.5) < 0.12).all()
        np.testing.assert_array_equal(after.observed, repeated.observed)
        assert not np.array_equal(after.observed, different.observed)
    assert not np.array_equal(masked[0].observed, masked[1].observed)


def test_masks_are_stored(tmp_path: Path):
    episodes = list(mask_episodes([make_episode(5)], probability=0.5, seed=0))
    path = tmp_path / "masked"
    write_dataset(path, episodes, env_id="Hopper-v5", algorithm="", description="")
    read = open_dataset(path)[0]
    np.testing.assert_array_equal(read.observed, episodes[0].observed)
    assert read.observed is not None
    assert read.observed.dtype == np.bool_


def test_wrapper_hides_half():
    env = MaskedObservation(make_env("Hopper-v5"), probability=0.5)
    plain = make_env("Hopper-v5")
    hidden, info = env.reset(seed=3)
    full, _ = plain.reset(seed=3)
    shares = []
    ended = False
    while not ended:
        observed = info["observed"]
        shares.append(observed.mean())
        np.testing.assert_array_equal(hidden, np.where(observed, full, 0))
        hidden, _, ended, _, info = env.step(np.zeros(3))
        full, _, plain_ended, _, _ = plain.step(np.zeros(3))
        assert ended == plain_ended
    assert 0.4 < np.mean(shares) < 0.6
    assert np.array_equal(env.reset(seed=3)[0], env.reset(seed=3)[0])


@pytest.mark.parametrize("probability", [-0.1, 1.0])
def test_probability_below_one(probability: float):
    with pytest.raises(TTOError, match="mask: expected"):
        list(mask_episodes([], probability=probability, seed=0))
