"""A user's Stable-Baselines3 agent, with a stand-in for the library."""

import sys
import types
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from tto.data.collect import collect
from tto.errors import TTOError
from tto.files import content_digest


class Still:
    """An agent with hopper's shapes whose actions are 0."""

    observation_space = gymnasium.spaces.Box(-1, 1, (11,))
    action_space = gymnasium.spaces.Box(-1, 1, (3,))

    @classmethod
    def load(cls, path: str) -> "Still":
        if Path(path).read_bytes() != b"agent":
            raise ValueError("not\na zip")
        return cls()

    def predict(self, observation: np.ndarray, deterministic: bool) -> tuple[np.ndarray, None]:
        assert deterministic
        return np.zeros(3), None


@pytest.fixture
def zip_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    library = types.ModuleType("stable_baselines3")
    library.Still = Still  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "stable_baselines3", library)
    (tmp_path / "agent.zip").write_bytes(b"agent")
    return tmp_path / "agent.zip"


def digest(path: Path) -> str:
    return content_digest(path) if path.exists() else "0" * 64


def run(
    path: Path,
    *,
    algorithm: str = "Still",
    env_id: str = "Hopper-v5",
    noise: float = 0.0,
    sha256: str | None = None,
):
    return list(
        collect(
            env_id,
            "agent",
            transitions=10,
            seed=0,
            noise=noise,
            actors="none",
            agent={"path": str(path), "algorithm": algorithm, "sha256": sha256 or digest(path)},
        )
    )


def test_it_collects_with_noise(zip_path: Path):
    assert not run(zip_path)[0].actions.any()
    one, two = run(zip_path, noise=0.1), run(zip_path, noise=0.1)
    assert 0.05 < one[0].actions.std() < 0.15
    np.testing.assert_array_equal(one[0].actions, two[0].actions)


def test_errors(zip_path: Path):
    with pytest.raises(TTOError, match="no such file"):
        run(zip_path.with_name("b.zip"))
    with pytest.raises(TTOError, match="a library with the algorithm 'Nothing', found none"):
        run(zip_path, algorithm="Nothing")
    with pytest.raises(TTOError, match=r"got \(11,\) to \(3,\); name the environment that"):
        run(zip_path, env_id="HalfCheetah-v5")
    zip_path.write_bytes(b"else")
    with pytest.raises(TTOError, match="got a file that it cannot load") as error:
        run(zip_path)
    assert "\n" not in str(error.value)


def test_a_file_with_another_digest_is_not_loaded(zip_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Still, "load", lambda path: pytest.fail("loaded"))
    with pytest.raises(TTOError, match=f"got {digest(zip_path)}; .* only if you trust it"):
        run(zip_path, sha256="0" * 64)
