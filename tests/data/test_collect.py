"""Collected datasets: complete episodes, determined by the seed, in the shares of their kind."""

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from tto.data.actors import Actor
from tto.data.collect import LADDER_KINDS, collect, dataset_kind, run_episode
from tto.data.environments import make_env
from tto.data.episode import Episode
from tto.errors import TTOError


def collected(actors: Path, kind: str = "medium-replay", **options) -> list[Episode]:
    settings = {"transitions": 300, "seed": 0, "noise": 0.1} | options
    return list(collect("Hopper-v5", kind, actors=actors, **settings))


def test_same_seed_gives_the_same_arrays(actors: Path):
    first, second, other = collected(actors), collected(actors), collected(actors, seed=1)
    assert len(first) == len(second)
    for one, two in zip(first, second, strict=True):
        for field in ("observations", "actions", "rewards", "qpos", "qvel"):
            np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
    assert not np.array_equal(first[0].observations, other[0].observations)


def test_episodes_from_one_start_differ_only_by_noise(actors: Path):
    episodes = collected(actors, "medium", one_start=True)
    first, second, *_ = episodes
    for episode in episodes[1:]:
        for field in ("observations", "qpos", "qvel"):
            np.testing.assert_array_equal(getattr(episode, field)[0], getattr(first, field)[0])
    assert not np.array_equal(first.actions[0], second.actions[0])
    assert not np.array_equal(first.observations[1], second.observations[1])
    other = collected(actors, "medium", one_start=True, seed=1)
    assert not np.array_equal(other[0].observations[0], first.observations[0])
    many = collected(actors, "medium")
    assert not np.array_equal(many[0].observations[0], many[1].observations[0])


def test_one_start_needs_noise(actors: Path):
    with pytest.raises(TTOError, match=r"noise above 0 .* got 0; raise collect\.noise"):
        collected(actors, "medium", one_start=True, noise=0.0)
    assert collected(actors, "random", one_start=True, noise=0.0)


@pytest.mark.parametrize("kind", [*LADDER_KINDS, "random"])
def test_enough_transitions_in_complete_episodes(actors: Path, kind: str):
    episodes = collected(actors, kind)
    total = sum(map(len, episodes))
    assert 300 <= total < 300 + len(episodes[-1])
    assert all(episode.terminated != episode.truncated for episode in episodes)


def test_stored_actions_were_executed_and_replay_exactly(actors: Path):
    env = make_env("Hopper-v5")
    env.reset(seed=0)
    for episode in collected(actors, "medium", noise=2.0):
        assert np.abs(episode.actions).max() <= 1
        assert episode.qpos is not None
        assert episode.qvel is not None
        env.unwrapped.set_state(episode.qpos[0], episode.qvel[0])  # type: ignore[attr-defined]
        for step, action in enumerate(episode.actions):
            observation, reward, terminated, _, _ = env.unwrapped.step(action)
            np.testing.assert_array_equal(
                observation.astype(np.float32), episode.observations[step + 1]
            )
            assert np.float32(reward) == episode.rewards[step]
            assert terminated == (episode.terminated and step == len(episode) - 1)


def test_noise_spreads_deterministic_actors_only(actors: Path):
    env = make_env("Hopper-v5")
    ones = np.ones(3, dtype=np.float32)
    zeros = (np.zeros((11, 3), dtype=np.float32), 0 * ones)
    still = Actor(hidden=(), mean=zeros, log_std=None, action_low=-ones, action_high=ones)
    narrow = Actor(
        hidden=(), mean=zeros, log_std=(zeros[0], -20 * ones), action_low=-ones, action_high=ones
    )

    def spread(actor: Actor, noise: float) -> float:
        generator = np.random.default_rng(0)
        return float(run_episode(env, actor, generator=generator, noise=noise).actions.std())

    assert spread(still, 0.0) == 0.0
    assert 0.1 < spread(still, 0.2) < 0.3
    assert spread(narrow, 0.2) < 1e-6


@pytest.mark.parametrize(
    ("kind", "steps"), [("medium-replay", [100, 200, 400]), ("full-replay", [100, 200, 400, 800])]
)
def test_replay_repeats_the_training(actors: Path, kind: str, steps: list[int]):
    episodes = collected(actors, kind, transitions=800, noise=0.0)
    starts = np.cumsum([0, *map(len, episodes)])
    for rung, start in enumerate([0, *steps[:-1]]):
        first = int(np.searchsorted(starts, 800 * start / steps[-1]))
        weight = np.load(actors / "hopper" / f"rung{rung}.npz")["mean_weight"]
        expected = np.clip(episodes[first].observations[0] @ weight, -1, 1)
        np.testing.assert_allclose(episodes[first].actions[0], expected, atol=1e-6)


def test_time_limit_truncates():
    class Endless(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1, 1, (2,))
        action_space = gymnasium.spaces.Box(-1, 1, (1,))

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return [0.0, 0.0], {}  # not an array, as some environments return it

        def step(self, action):
            return np.zeros((1, 2)), 1.0, False, False, {}  # nor of the space's shape

    gymnasium.register(
        id="tto-test/Endless-v0", entry_point=lambda **_: Endless(), max_episode_steps=7
    )
    gymnasium.register(id="tto-test/Limitless-v0", entry_point=lambda **_: Endless())
    try:
        episodes = list(
            collect(
                "tto-test/Endless-v0", "random", transitions=10, seed=0, noise=0.0, actors="none"
            )
        )
        assert [len(episode) for episode in episodes] == [7, 7]
        assert all(episode.actions.shape == (7, 1) for episode in episodes)
        assert all(episode.truncated and not episode.terminated for episode in episodes)
        assert episodes[0].qpos is None
        with pytest.raises(TTOError, match="expected a time limit, got none"):
            next(
                collect(
                    "tto-test/Limitless-v0",
                    "random",
                    transitions=1,
                    seed=0,
                    noise=0.0,
                    actors="none",
                )
            )
    finally:
        del gymnasium.registry["tto-test/Endless-v0"], gymnasium.registry["tto-test/Limitless-v0"]


@pytest.mark.parametrize(
    ("dataset", "kind", "expected"),
    [
        ("hopper-medium-replay-v2", None, "medium-replay"),
        ("halfcheetah-medium-v2", None, "medium"),
        ("walker2d-medium-expert-v0", None, "medium-expert"),
        ("humanoid-expert", None, "expert"),
        ("anything", "random", "random"),
    ],
)
def test_kind_from_id_or_key(dataset: str, kind: str | None, expected: str):
    assert dataset_kind(dataset, kind) == expected


@pytest.mark.parametrize("dataset", ["mine", "hopper-mixed-v2", "hopper-v2"])
def test_unknown_kind(dataset: str):
    with pytest.raises(TTOError, match="medium-replay"):
        dataset_kind(dataset)


def test_missing_ladder(tmp_path: Path):
    with pytest.raises(TTOError, match="expected a ladder of actors"):
        collected(tmp_path)


def test_actor_of_another_environment(actors: Path):
    (actors / "hopper").rename(actors / "halfcheetah")
    with pytest.raises(TTOError, match=r"observations of shape \(17,\) .* got \(11,\) to \(3,\)"):
        list(collect("HalfCheetah-v5", "medium", transitions=1, seed=0, noise=0.0, actors=actors))
