"""Actors as arrays, and their ladders."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tto.data.actors import Actor, load_actor, save_actor
from tto.data.ladder import choose_rungs, medium_of, read_ladder
from tto.errors import TTOError

SHIPPED = sorted(Path("resources/actors").glob("*/ladder.csv"))


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


def test_ladder_is_sorted_and_knows_its_medium_rung(actors: Path):
    ladder = read_ladder(actors / "hopper")
    assert [rung.return_mean for rung in ladder.rungs] == [50, 300, 420, 1000]
    assert ladder.medium.return_mean == 420
    assert ladder.expert.return_mean == 1000
    assert [rung.rung for rung in ladder.replay] == [1, 0, 2]


@pytest.mark.parametrize("content", ["", "rung,file\n0,a.npz\n", "not a table\n"])
def test_damaged_ladder(actors: Path, content: str):
    (actors / "hopper" / "ladder.csv").write_text(content)
    with pytest.raises(TTOError, match="ladder"):
        read_ladder(actors / "hopper")


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=60), st.integers(0, 12))
def test_chosen_rungs_are_all_up_to_medium_and_some_above(returns: list[float], later: int):
    chosen, medium = choose_rungs(returns, later=later), medium_of(returns)
    assert chosen == sorted(set(chosen))
    assert set(range(medium + 1)) <= set(chosen)
    assert max(returns) == max(returns[index] for index in chosen)
    assert len(chosen) <= medium + 1 + later + 1


def test_medium_is_the_first_checkpoint_within_the_tolerance():
    assert medium_of([10.0, 300.0, 410.0, 390.0, 400.0, 1000.0]) == 2
    assert medium_of([10.0, 300.0, 460.0, 1000.0, 450.0]) == 4  # the nearest: none within 25 of 420
    assert medium_of([7.0]) == 0


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.parent.name)
def test_shipped_ladders_load(path: Path):
    ladder = read_ladder(path.parent)
    returns = [rung.return_mean for rung in ladder.rungs]
    assert returns == sorted(returns)
    for rung in ladder.rungs:
        actor = ladder.actor(rung)
        assert np.isfinite(actor.act(np.zeros(actor.observation_dim))).all()
