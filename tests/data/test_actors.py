"""Actors as arrays, and their ladders."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tto.data.actors import Actor, load_actor, save_actor
from tto.errors import TTOError


def sac_like(scale: float = 0.4) -> Actor:
    generator = np.random.default_rng(0)

    def layer(inputs: int, outputs: int) -> tuple[np.ndarray, np.ndarray]:
        weight = generator.standard_normal((inputs, outputs)).astype(np.float16)
        bias = generator.standard_normal(outputs).astype(np.float16)  # as a file holds them
        return weight.astype(np.float32), bias.astype(np.float32)

    bound = np.full(2, scale, dtype=np.float32)
    return Actor(
        hidden=(layer(4, 8), layer(8, 8)),
        mean=layer(8, 2),
        log_std=layer(8, 2),
        action_low=-bound,
        action_high=bound,
    )


def test_saved_actor_acts_the_same(tmp_path: Path):
    actor = sac_like()
    save_actor(tmp_path / "a.npz", actor)
    loaded = load_actor(tmp_path / "a.npz")
    observation = np.linspace(-1, 1, 4)
    np.testing.assert_array_equal(loaded.act(observation), actor.act(observation))
    one, two = (a.act(observation, np.random.default_rng(3)) for a in (loaded, actor))
    np.testing.assert_array_equal(one, two)


def test_a_stochastic_actor_is_a_squashed_gaussian():
    actor = sac_like(scale=0.4)
    observation = np.array([0.1, -0.2, 0.3, 0.0], dtype=np.float32)
    (w0, b0), (w1, b1) = actor.hidden
    assert actor.log_std is not None
    features = np.maximum(np.maximum(observation @ w0 + b0, 0) @ w1 + b1, 0)
    mean = features @ actor.mean[0] + actor.mean[1]
    std = np.exp(np.clip(features @ actor.log_std[0] + actor.log_std[1], -20, 2))
    noise = np.random.default_rng(5).standard_normal(2, dtype=np.float32)
    np.testing.assert_allclose(actor.act(observation), 0.4 * np.tanh(mean), atol=1e-6)
    np.testing.assert_allclose(
        actor.act(observation, np.random.default_rng(5)),
        0.4 * np.tanh(mean + std * noise),
        atol=1e-6,
    )


@given(arrays.arrays(np.float32, 4, elements=st.floats(-1e3, 1e3, width=32)), st.integers(0, 9))
def test_actions_stay_within_bounds(observation: np.ndarray, seed: int):
    action = sac_like().act(observation, np.random.default_rng(seed))
    assert action.dtype == np.float32
    assert np.abs(action).max() <= np.float32(0.4) + 1e-6


def test_bounds_need_not_be_symmetric():
    actor = sac_like()
    shifted = Actor(actor.hidden, actor.mean, None, np.zeros(2), np.full(2, 10.0))
    assert shifted.act(np.full(4, 1e3)).max() <= 10
    assert shifted.act(np.full(4, 1e3)).min() >= 0


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b"<html></html>"])
def test_damaged_actor_file(tmp_path: Path, content: bytes):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(TTOError, match=r"expected an actor as \.npz"):
        load_actor(tmp_path / "a.npz")


def test_layers_must_fit(tmp_path: Path):
    weight, bias = np.zeros((4, 2), np.float32), np.zeros(3, np.float32)
    np.savez(tmp_path / "a.npz", mean_weight=weight, mean_bias=bias)
    with pytest.raises(TTOError, match="must fit each other"):
        load_actor(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", mean_weight=weight)
    with pytest.raises(TTOError, match="mean_bias"):
        load_actor(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", mean_weight=weight * np.nan, mean_bias=bias[:2])
    with pytest.raises(TTOError, match="NaN"):
        load_actor(tmp_path / "c.npz")
