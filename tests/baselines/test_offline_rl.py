"""CQL, IQL and TD3+BC: small problems with known answers, resuming, files and refusals."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from two_steps import two_steps

from tto.baselines.actor import load_actor_policy
from tto.baselines.actor_critic import ActorCriticTraining
from tto.baselines.offline_rl import METHODS, train_offline_rl
from tto.errors import TTOError

FAST = {
    "hidden": [32],
    "updates": 600,
    "batch_size": 128,
    "learning_rate": 3e-3,
    "target_rate": 0.05,
    "inverse_temperature": 10.0,
    "expectile": 0.9,
    "value_weight": 10.0,
    "conservatism": 0.2,
    "sampled_actions": 4,
}


def run(folder: Path, method: str, **changes):
    torch.set_num_threads(1)
    return train_offline_rl(
        two_steps(),
        folder / method,
        method=method,
        seed=0,
        checkpoints=folder / "checkpoints",
        checkpoint_every=100,
        **(FAST | changes),
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_reward_one_step_later_decides_the_action(tmp_path, method):
    policy = run(tmp_path, method)
    first = np.array([[0.0, 0.0]], dtype=np.float32)
    action = policy.act(first)
    assert action.shape == (1, 3)
    assert action[0, 0] > 0.5  # cloning's is 0
    loaded = load_actor_policy(tmp_path / method)
    np.testing.assert_array_equal(loaded.act(first), action)
    with open(tmp_path / method / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["update"]) for row in rows] == list(range(100, 601, 100))
    assert {"actor", "qvalue"} <= set(rows[0])


@pytest.mark.parametrize("method", METHODS)
def test_resumed_equals_uninterrupted(tmp_path, monkeypatch, method):
    whole = run(tmp_path / "whole", method, updates=250)

    class Cut(Exception):
        pass

    original = ActorCriticTraining.advance

    def failing(self):
        if self.update == 130:
            raise Cut
        original(self)

    monkeypatch.setattr(ActorCriticTraining, "advance", failing)
    with pytest.raises(Cut):
        run(tmp_path, method, updates=250)
    assert not (tmp_path / method).exists()
    monkeypatch.setattr(ActorCriticTraining, "advance", original)
    resumed = run(tmp_path, method, updates=250)
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], tensor, rtol=0, atol=0)


def test_bad_settings_and_losses_are_refused(tmp_path):
    with pytest.raises(TTOError, match="expected one of cql, iql, td3_bc, got 'sac'"):
        run(tmp_path, "sac")
    with pytest.raises(TTOError, match="learning_rate: expected a number above 0"):
        run(tmp_path, "iql", learning_rate=0.0)
    with pytest.raises(TTOError, match=r"finite .* lower iql.learning_rate"):
        run(tmp_path, "iql", learning_rate=1e30)
    with pytest.raises(TTOError, match=r"expected model\.safetensors"):
        load_actor_policy(tmp_path / "nothing")
