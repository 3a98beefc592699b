"""Soft actor-critic by SBX, if it is installed: exported actors act like the agent."""

import sys
from pathlib import Path

import numpy as np
import pytest

from tto.data import sac
from tto.data.actors import load_actor
from tto.data.environments import make_env
from tto.data.sac import SACConfig, actor_of, train_sac
from tto.data.sb3_agent import load_sb3_agent
from tto.errors import TTOError

CONFIG = SACConfig(hidden=(8, 8), batch_size=16, learning_starts=64)


def train(folder: Path, steps: int) -> list[Path]:
    return train_sac("Hopper-v5", folder, config=CONFIG, seed=0, steps=steps, checkpoint_steps=128)


def test_without_sbx_the_error_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "sbx", None)
    with pytest.raises(TTOError, match="extra `actors`"):
        train(tmp_path, 128)


@pytest.mark.slow
def test_training_resumes_from_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("sbx")
    monkeypatch.setattr(sac, "STATE_STEPS", 128)
    first = train(tmp_path, 256)
    assert [file.name for file in first] == ["actor-000000128.npz", "actor-000000256.npz"]
    with make_env("Hopper-v5") as env:
        agent = sac._agent(env, config=CONFIG, seed=1, buffer_size=256)
        sac._restore(agent, tmp_path / "state")
    assert agent.num_timesteps == 256
    assert agent.replay_buffer.pos == 256 or agent.replay_buffer.full
    restored, saved = actor_of(agent), load_actor(first[-1])
    np.testing.assert_array_equal(restored.mean[0], saved.mean[0])
    assert len(train(tmp_path, 384)) == 3


@pytest.mark.slow
def test_an_exported_actor_acts_like_the_agent(tmp_path: Path):
    pytest.importorskip("sbx")
    with make_env("Hopper-v5") as env:
        agent = sac._agent(env, config=CONFIG, seed=1, buffer_size=256)
        agent.learn(100)
        agent.save(tmp_path / "agent.zip")
    loaded, exported = load_sb3_agent(tmp_path / "agent.zip", "SAC"), actor_of(agent)
    generator = np.random.default_rng(0)
    for observation in generator.standard_normal((5, 11)):
        expected, _ = agent.predict(observation, deterministic=True)
        np.testing.assert_allclose(exported.act(observation), expected, atol=1e-5)
        np.testing.assert_array_equal(loaded.act(observation, generator), expected)
