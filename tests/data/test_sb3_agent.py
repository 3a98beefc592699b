"""A user's Stable-Baselines3 agent collects a dataset."""

from pathlib import Path

import numpy as np
import pytest
import stable_baselines3

from tto.data.collect import collect
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
    **options: object,
):
    digest = content_digest(path) if path.exists() else "0" * 64
    agent = {"path": str(path), "algorithm": algorithm, "sha256": digest} | options
    return list(
        collect(env_id, "agent", transitions=10, seed=seed, noise=noise, actors="none", agent=agent)
    )


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
    with pytest.raises(TTOError, match="got a file that it cannot load") as error:
        run(tmp_path / "else.zip", "SAC")
    assert "\n" not in str(error.value)


def test_a_file_with_another_digest_is_not_loaded(agents: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(stable_baselines3.SAC, "load", lambda path: pytest.fail("loaded"))
    path = agents / "SAC.zip"
    with pytest.raises(TTOError, match=f"got {content_digest(path)}; .* only if you trust it"):
        run(path, "SAC", sha256="0" * 64)
