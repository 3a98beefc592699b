"""The Decision Transformer: it does what it is asked for, sees no future, resumes."""

import numpy as np
import pytest
import torch
from memory_dataset import MemoryDataset

from tto.baselines.decision_transformer import (
    DecisionTransformer,
    DTConfig,
    DTPolicy,
    load_decision_transformer,
)
from tto.baselines.decision_transformer_training import DTTraining, train_decision_transformer
from tto.data.episode import Episode
from tto.errors import TTOError

FAST = {
    "layers": 1,
    "heads": 2,
    "width": 32,
    "context": 3,
    "dropout": 0.0,
    "updates": 400,
    "batch_size": 64,
    "learning_rate": 3e-3,
    "warmup_updates": 20,
}


def paid_by_action(episodes: int = 300) -> MemoryDataset:
    """Each reward is the first dimension of the action, which is constant in an episode."""
    rng = np.random.default_rng(0)
    listed = []
    for _ in range(episodes):
        actions = np.repeat(rng.uniform(-1, 1, (1, 3)), 4, axis=0).astype(np.float32)
        observations = rng.normal(size=(5, 2)).astype(np.float32)
        listed.append(Episode(observations, actions, actions[:, 0], True, False))
    return MemoryDataset(listed)


def run(folder, **changes) -> DTPolicy:
    torch.set_num_threads(1)
    more = {"seed": 0, "checkpoints": folder / "checkpoints", "checkpoint_every": 100}
    return train_decision_transformer(paid_by_action(), folder / "dt", **more, **(FAST | changes))


def played(policy: DTPolicy, steps: int = 4) -> np.ndarray:
    rng = np.random.default_rng(1)
    policy.reset()
    actions = []
    for _ in range(steps):
        actions.append(policy.act(rng.normal(size=(2, 2)).astype(np.float32)))
        policy.observe(actions[-1], actions[-1][:, 0])
    return np.stack(actions)


def test_it_gets_the_return_that_it_is_asked_for(tmp_path):
    policy = run(tmp_path)
    best = float(policy.network.target)
    assert 3.8 < best <= 4
    for share in (0.6, 0.0, -0.5):  # the very best return is too rare to be learned
        policy.network.target.fill_(share * best)
        total = played(policy)[:, :, 0].sum(axis=0)
        np.testing.assert_allclose(total, share * best, atol=0.5)
    loaded = load_decision_transformer(tmp_path / "dt")
    policy.network.target.fill_(best)
    np.testing.assert_array_equal(played(loaded), played(policy))


def test_an_action_depends_on_nothing_after_it():
    torch.manual_seed(0)
    network = DecisionTransformer(2, 3, 9, DTConfig(**FAST)).eval()
    returns, steps = torch.randn(2, 4), torch.arange(4).expand(2, -1)
    seen, actions = torch.randn(2, 4, 2), torch.randn(2, 4, 3)
    before = network(returns, seen, actions, steps)
    actions[:, 2:] += 1.0
    returns[:, 3] += 1.0
    seen[:, 3] += 1.0
    after = network(returns, seen, actions, steps)
    torch.testing.assert_close(after[:, :3], before[:, :3])
    assert (after[:, 3] - before[:, 3]).abs().min() > 1e-6
    # a window without what comes after gives the same: the policy never pads
    torch.testing.assert_close(
        network(returns[:, :3], seen[:, :3], actions[:, :3], steps[:, :3]), before[:, :3]
    )


def test_the_policy_reads_its_last_steps_as_one_window(tmp_path):
    """Its memory equals one that keeps the whole episode and cuts the window from it."""
    policy = run(tmp_path, updates=20)
    network, A = policy.network, 3
    rng = np.random.default_rng(2)
    seen: list[np.ndarray] = []
    done: list[np.ndarray] = []
    asked = [np.full(2, float(network.target), dtype=np.float32)]
    policy.reset()
    for t in range(6):
        seen.append(rng.normal(size=(2, 2)).astype(np.float32))
        found = policy.act(seen[-1])
        begin = max(0, t - 2)
        actions = [*done, np.zeros((2, A), dtype=np.float32)]
        with torch.no_grad():
            expected = network(
                torch.tensor(np.stack(asked[begin:], 1)),
                torch.tensor(np.stack(seen[begin:], 1)),
                torch.tensor(np.stack(actions[begin:], 1)),
                torch.arange(begin, t + 1).expand(2, -1),
            )[:, -1]
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-5, atol=1e-6)
        rewards = rng.normal(size=2).astype(np.float32)
        policy.observe(found, rewards)
        done.append(found)
        asked.append(asked[-1] - rewards)


def test_resumed_equals_uninterrupted(tmp_path, monkeypatch):
    whole = run(tmp_path / "whole", updates=250, dropout=0.1)

    class Cut(Exception):
        pass

    original = DTTraining.advance

    def failing(self):
        if self.update == 130:
            raise Cut
        return original(self)

    monkeypatch.setattr(DTTraining, "advance", failing)
    with pytest.raises(Cut):
        run(tmp_path, updates=250, dropout=0.1)
    monkeypatch.setattr(DTTraining, "advance", original)
    resumed = run(tmp_path, updates=250, dropout=0.1)
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], tensor, rtol=0, atol=0)


def test_bad_settings_are_refused(tmp_path):
    with pytest.raises(TTOError, match=r"dt\.updates: expected a whole number at least 1"):
        DTConfig(updates=0)
    with pytest.raises(TTOError, match=r"dt\.width: expected a multiple of dt\.heads \(2\), got 5"):
        DTConfig(width=5, heads=2)
    with pytest.raises(TTOError, match=r"finite loss.*lower dt\.learning_rate"):
        run(tmp_path, learning_rate=1e30)
