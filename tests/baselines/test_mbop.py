"""MBOP: a plan equals one of plain loops, finds a later reward, and survives its files."""

from pathlib import Path

import numpy as np
import pytest
import torch
from two_steps import two_steps

from tto.baselines.mbop import MBOPConfig, MBOPNetworks, load_mbop, plan
from tto.baselines.mbop_training import train_mbop
from tto.errors import TTOError

FAST = {
    "members": 2,
    "hidden": [32],
    "updates": 400,
    "batch_size": 128,
    "learning_rate": 5e-3,
    "horizon": 2,
    "trajectories": 200,
    "deviation": 0.7,
    "mixing": 0.0,
    "sharpness": 10.0,
}


def plain_plan(networks, config, start, last, noise):
    """One trajectory at a time, as algorithm 1 of the paper writes it."""
    M, N, H = config.members, config.trajectories, config.horizon
    each = N // M

    def alone(method, member, state, action):
        rows = (x.expand(M, 1, -1) for x in (state, action))
        return [part[member, 0] for part in _listed(method(*rows))]

    plans = []
    for b in range(len(start)):
        returns, planned = [], []
        for member in range(M):
            for n in range(each):
                state, previous, total, actions = start[b], last[b, 0], 0.0, []
                for h in range(H):
                    (drawn,) = alone(networks.cloned, member, state, previous)
                    drawn = drawn + config.deviation * noise[h, member, b * each + n]
                    guide = last[b, min(h + 1, H - 1)]
                    action = (1 - config.mixing) * drawn + config.mixing * guide
                    action = action.clamp(networks.action_low, networks.action_high)
                    rewards = [alone(networks.step, k, state, action)[1] for k in range(M)]
                    total += sum(rewards) / M
                    state, previous = alone(networks.step, member, state, action)[0], action
                    actions.append(action)
                values = [alone(networks.values, k, state, previous)[0] for k in range(M)]
                returns.append(total + sum(values) / M)
                planned.append(torch.stack(actions))
        weights = (config.sharpness * torch.stack(returns) / networks.value_std).softmax(0)
        plans.append((weights[:, None, None] * torch.stack(planned)).sum(0))
    return torch.stack(plans)


def _listed(found):
    return found if isinstance(found, tuple) else (found,)


def test_a_plan_equals_plain_loops():
    generator = torch.Generator().manual_seed(0)
    config = MBOPConfig(members=2, horizon=3, trajectories=4, mixing=0.3, deviation=0.5)
    networks = MBOPNetworks(3, 2, members=2, hidden=[5], generator=generator)
    networks.load_state_dict({"value_std": torch.tensor(2.0)}, strict=False)
    start, last = torch.randn(2, 3, generator=generator), torch.rand(2, 3, 2, generator=generator)
    noise = torch.randn(3, 2, 2 * 2, 2, generator=generator)
    with torch.inference_mode():
        found = plan(networks, config, start, last, noise)
        expected = plain_plan(networks, config, start, last, noise)
    torch.testing.assert_close(found, expected)


def test_a_reward_one_step_later_decides_the_action(tmp_path: Path):
    torch.set_num_threads(1)
    policy = train_mbop(two_steps(), tmp_path / "mbop", seed=0, **FAST)
    first = np.zeros((3, 2), dtype=np.float32)
    actions = policy.act(first)
    assert actions.shape == (3, 3)
    assert (actions[:, 0] > 0.4).all()  # cloning's is 0
    policy.reset()
    np.testing.assert_array_equal(policy.act(first), actions)
    loaded = load_mbop(tmp_path / "mbop")
    np.testing.assert_array_equal(loaded.act(first), actions)


def test_bad_settings_are_refused(tmp_path: Path):
    with pytest.raises(TTOError, match="expected a multiple of mbop"):
        MBOPConfig(members=3, trajectories=100)
    with pytest.raises(TTOError, match="learning_rate: expected a number above 0"):
        MBOPConfig(learning_rate=0.0)
    with pytest.raises(TTOError, match="MBOP planner"):
        load_mbop(tmp_path)
