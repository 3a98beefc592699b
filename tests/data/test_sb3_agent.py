"""A user's Stable-Baselines3 agent collects a dataset."""

import pickle
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
import torch
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from tto.analysis.behavior import Behavior
from tto.data.collect import collect
from tto.data.sb3_agent import load_sb3_agent, read_normalization
from tto.errors import TTOError
from tto.files import content_digest


@pytest.fixture(scope="module")
def agents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with untrained agents of three algorithms for the hopper."""
    folder = tmp_path_factory.mktemp("agents")
    for name in ("SAC", "PPO", "TD3"):
        algorithm = getattr(stable_baselines3, name)
        policy = {"net_arch": [8]}
        small = {} if name == "PPO" else {"buffer_size": 1}
        agent = algorithm("MlpPolicy", "Hopper-v5", policy_kwargs=policy, seed=0, **small)
        agent.save(folder / f"{name}.zip")
    return folder


def run(
    path: Path,
    algorithm: str,
    *,
    env_id: str = "Hopper-v5",
    noise: float = 0.0,
    seed: int = 0,
    transitions: int = 10,
    **options: object,
):
    digest = content_digest(path) if path.exists() else "0" * 64
    agent = {"path": str(path), "algorithm": algorithm, "sha256": digest} | options
    draws = {"transitions": transitions, "seed": seed, "noise": noise}
    return list(collect(env_id, "agent", actors="none", agent=agent, **draws))


@pytest.mark.parametrize("algorithm", ["SAC", "PPO"])
def test_an_agent_with_a_distribution_draws_its_actions(agents: Path, algorithm: str):
    path = agents / f"{algorithm}.zip"
    drawn, again, other = (run(path, algorithm, seed=seed)[0].actions for seed in (0, 0, 1))
    np.testing.assert_array_equal(drawn, again)
    assert not np.array_equal(drawn[0], other[0])
    noisy = run(path, algorithm, noise=0.5)[0].actions
    np.testing.assert_array_equal(drawn, noisy)  # it needs no noise
    mean = run(path, algorithm, deterministic=True)[0].actions
    assert drawn[:10].std() > 0.3 > 0.2 > mean[:10].std()


def test_an_agent_without_a_distribution_gets_noise(agents: Path):
    still, one, two = (run(agents / "TD3.zip", "TD3", noise=noise)[0] for noise in (0, 0.1, 0.1))
    np.testing.assert_array_equal(one.actions, two.actions)
    assert 0.01 < np.abs(one.actions[0] - still.actions[0]).max() < 0.4
    with pytest.raises(TTOError, match=r"deterministic: true for TD3.*; take the key out"):
        run(agents / "TD3.zip", "TD3", deterministic=False)


def test_errors(agents: Path, tmp_path: Path):
    path = agents / "SAC.zip"
    with pytest.raises(TTOError, match="a library with the algorithm 'Nothing', found none"):
        run(path, "Nothing")
    with pytest.raises(TTOError, match=r"got \(11,\) to \(3,\); name the environment that"):
        run(path, "SAC", env_id="HalfCheetah-v5")
    with pytest.raises(TTOError, match="no such file"):
        run(tmp_path / "b.zip", "SAC")
    (tmp_path / "else.zip").write_bytes(b"else")
    with pytest.raises(TTOError, match=r"got 4 bytes that begin with b'else'.*cannot") as error:
        run(tmp_path / "else.zip", "SAC")
    assert "\n" not in str(error.value)


def test_a_file_with_another_digest_is_not_loaded(agents: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stable_baselines3.SAC, "load", lambda path: pytest.fail("loaded"))
    path = agents / "SAC.zip"
    with pytest.raises(TTOError, match=f"got {content_digest(path)}; .* only if you trust it"):
        run(path, "SAC", sha256="0" * 64)


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_recurrent_agent_remembers_within_an_episode_only(tmp_path: Path, deterministic: bool):
    """Its actions are those of the network on the whole episode so far."""
    path = tmp_path / "RecurrentPPO.zip"
    policy = {"net_arch": [4], "lstm_hidden_size": 4, "log_std_init": -20.0}  # hardly any noise
    agent = sb3_contrib.RecurrentPPO("MlpLstmPolicy", "Hopper-v5", policy_kwargs=policy, seed=0)
    with torch.no_grad():
        agent.policy.action_net.weight.mul_(100)  # else its memory would hardly matter
    agent.save(path)
    episodes = run(path, "RecurrentPPO", transitions=60, deterministic=deterministic)
    assert len(episodes) > 1
    for episode in episodes:
        memory, expected, forgetful = None, [], []
        for step, observation in enumerate(episode.observations[:-1]):
            options = {"episode_start": np.array([step == 0]), "deterministic": True}
            action, memory = agent.predict(observation, state=memory, **options)
            expected.append(action)
            forgetful.append(agent.predict(observation, deterministic=True)[0])
        assert len(episode) > 3
        np.testing.assert_allclose(episode.actions, expected, atol=1e-4)
        assert np.abs(episode.actions - forgetful).max() > 0.01


def test_a_recurrent_agent_remembers_each_of_several_observations(tmp_path: Path):
    """Rows of a batch are as if alone, and a new episode begins without a memory."""
    path = tmp_path / "RecurrentPPO.zip"
    policy = {"net_arch": [4], "lstm_hidden_size": 4}
    model = sb3_contrib.RecurrentPPO("MlpLstmPolicy", "Hopper-v5", policy_kwargs=policy, seed=0)
    with torch.no_grad():
        model.policy.action_net.weight.mul_(100)
    model.save(path)
    agent = load_sb3_agent(path, "RecurrentPPO", content_digest(path), deterministic=True)
    states, rng = np.random.default_rng(0).normal(size=(5, 3, 11)), np.random.default_rng(0)
    behavior = Behavior([agent], [1.0], 0.0, (-np.ones(3), np.ones(3)))
    for _ in range(2):  # the second time it must have forgotten
        act = behavior.acting(rng)
        together = np.stack([act(t, torch.from_numpy(rows)) for t, rows in enumerate(states)])
    for row in range(3):
        agent.forget()
        alone = [agent.act(rows[row], rng).clip(-1, 1) for rows in states]
        np.testing.assert_allclose(together[:, row], alone, atol=1e-5)


@pytest.fixture(scope="module")
def normalized(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, VecNormalize]:
    """The file of a VecNormalize that has seen some states of the hopper, and itself."""
    path = tmp_path_factory.mktemp("normalized") / "vecnormalize.pkl"
    vector = VecNormalize(DummyVecEnv([lambda: gymnasium.make("Hopper-v5")]), clip_obs=2.0)
    vector.seed(0)
    vector.reset()
    for _ in range(20):
        vector.step(np.zeros((1, 3)))
    vector.save(str(path))
    return path, vector


def test_statistics_are_read_without_unpickling(
    agents: Path, normalized: tuple[Path, VecNormalize], monkeypatch: pytest.MonkeyPatch
):
    path, vector = normalized
    with monkeypatch.context() as patch:
        patch.setattr("pickle.load", lambda file: pytest.fail("unpickled"))
        statistics = read_normalization(path, 11)
    for scale in (0.1, 100):  # 100 is clipped
        observation = scale * np.random.default_rng(0).normal(size=11)
        expected = vector.normalize_obs(observation)
        np.testing.assert_allclose(statistics.apply(observation), expected, rtol=1e-5)
    plain = run(agents / "PPO.zip", "PPO", deterministic=True)[0]
    scaled = run(agents / "PPO.zip", "PPO", deterministic=True, normalization=str(path))[0]
    assert not np.allclose(plain.actions[0], scaled.actions[0])


class Trap:
    def __reduce__(self):
        return pytest.fail, ("ran",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"else",
        pickle.dumps(Trap()),
        pickle.dumps({"obs_rms": 1}),
        pickle.dumps(np.zeros(3)),
        b"version https://git-lfs.github.com/spec/v1",
        b"\x80\x04" + b"(" * 10000,
    ],
)
def test_other_statistics_are_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "vecnormalize.pkl"
    path.write_bytes(content)
    with pytest.raises(TTOError, match=r"as VecNormalize.save writes them") as error:
        read_normalization(path, 11)
    assert "\n" not in str(error.value)
    with pytest.raises(TTOError, match="no readable file"):
        read_normalization(tmp_path / "none", 11)


def test_statistics_of_another_robot_are_refused(normalized: tuple[Path, VecNormalize]):
    with pytest.raises(TTOError, match="11 dimensions in place of 17"):
        read_normalization(normalized[0], 17)
