"""MOPO: a small problem with a known answer, its world model, its penalty, and resuming."""

import numpy as np
import pytest
import torch
from memory_dataset import MemoryDataset
from two_steps import two_steps

from tto.baselines.actor import load_actor_policy
from tto.baselines.actor_critic import transitions_of
from tto.baselines.mopo import MOPOConfig, MOPOTraining, train_mopo
from tto.data.episode import Episode
from tto.errors import TTOError

FAST = {
    "hidden": [32],
    "updates": 500,
    "batch_size": 128,
    "learning_rate": 3e-3,
    "target_rate": 0.05,
    "members": 3,
    "model_hidden": [32, 32],
    "model_updates": 400,
    "model_learning_rate": 1e-2,
    "rollout_length": 2,
    "rollout_batch": 300,
    "rollout_every": 100,
    "rollouts_kept": 2,
    "penalty": 0.1,
}


def run(folder, **changes):
    torch.set_num_threads(1)
    checkpoints = folder / "checkpoints"
    more = {"seed": 0, "checkpoints": checkpoints, "checkpoint_every": 100}
    return train_mopo(two_steps(), folder / "mopo", **more, **(FAST | changes))


def test_a_reward_one_step_later_decides_the_action(tmp_path):
    policy = run(tmp_path)
    first = np.array([[0.0, 0.0]], dtype=np.float32)
    action = policy.act(first)
    assert action[0, 0] > 0.5  # cloning's is 0
    np.testing.assert_array_equal(load_actor_policy(tmp_path / "mopo").act(first), action)
    lines = (tmp_path / "mopo/metrics.csv").read_text().splitlines()
    assert lines[0] == "update,seconds,ends,model,actor,alpha,qvalue"
    assert [int(line.split(",")[0]) for line in lines[1:]] == list(range(100, 901, 100))


def trained(dataset: MemoryDataset | None = None, **changes) -> MOPOTraining:
    torch.set_num_threads(1)
    data = transitions_of(dataset or two_steps())
    config = MOPOConfig(**(FAST | changes))
    more = {"env_id": "Hopper-v5", "seed": 0, "row_every": 100, "device": torch.device("cpu")}
    state = MOPOTraining(data, config, **more)
    while state.update <= config.model_updates:
        state.advance()
    return state


def test_the_world_model_predicts_states_rewards_and_ends():
    state = trained(real_share=0.0)
    data = state.data
    step = state.model.step(data["observation"], data["action"])
    for found, true in (
        (step.following, data["next_observation"]),
        (step.rewards[:, None], data["reward"][:, None]),
    ):
        assert (found - true).square().mean() < 0.02 * true.var()
    assert (step.terminated == data["terminated"]).float().mean() > 0.99


def falls(episodes: int = 60) -> MemoryDataset:
    """A state that drifts by the action; an episode ends where its size exceeds 1, or after 60."""
    rng = np.random.default_rng(0)
    listed = []
    for _ in range(episodes):
        states, actions = [np.zeros(2, np.float32)], []
        while len(actions) < 60 and abs(states[-1][0]) <= 1:
            actions.append(rng.uniform(-1, 1, 3).astype(np.float32))
            states.append(states[-1] + np.float32([0.25 * actions[-1][0], 0.0]))
        ended = bool(abs(states[-1][0]) > 1)
        rewards = np.ones(len(actions), np.float32)
        listed.append(Episode(np.stack(states), np.stack(actions), rewards, ended, not ended))
    return MemoryDataset(listed)


def test_rare_ends_are_not_missed():
    """Where they were, the actor learned to live on in states in which the robot has fallen."""
    state = trained(falls(), updates=1)
    terminated = state.data["terminated"]
    assert 0.005 < terminated.float().mean() < 0.05
    step = state.model.step(state.data["observation"], state.data["action"])
    assert step.terminated[terminated].float().mean() > 0.9
    assert step.terminated[~terminated].float().mean() < 0.1


def test_without_ends_in_the_data_none_is_imagined():
    data = falls()
    endless = [Episode(e.observations, e.actions, e.rewards, False, True) for e in data]
    state = trained(MemoryDataset(endless), updates=1)
    assert not state.imagined["terminated"].any()
    # states stay in the range of the data, however far the actor goes
    far = torch.full((50, 2), 30.0)
    following = state.model.step(far, torch.ones(50, 3)).following
    assert (following <= state.data["next_observation"].amax(dim=0)).all()


def test_imagined_rewards_are_reduced_by_the_largest_deviation_and_end_where_episodes_do():
    state = trained(penalty=0.0)
    plain = state.imagined
    first, second = plain["terminated"][:300], plain["terminated"][300:]
    # starts are first and second states, in equal shares; only the former have a second step
    assert len(second) == (~first).sum() > 100
    assert second.all()
    assert state.batch(np.random.default_rng(0)).batch_size == torch.Size([128])
    punished = trained(penalty=2.0).imagined
    torch.testing.assert_close(punished["action"][:300], plain["action"][:300])
    found = state.model.dynamics.predict(
        state.model._with_reward(plain["observation"][:300]).expand(3, -1, -1),
        plain["action"][:300].expand(3, -1, -1),
    )
    doubts = torch.stack([member.exp().sum(dim=-1).sqrt() for member in found.log_variance])
    expected = plain["reward"][:300] - 2.0 * doubts.amax(dim=0)
    torch.testing.assert_close(punished["reward"][:300], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("cut", [230, 570])  # in the ensemble's updates, and in the actor's
def test_resumed_equals_uninterrupted(tmp_path, monkeypatch, cut):
    whole = run(tmp_path / "whole", updates=250)

    class Cut(Exception):
        pass

    original = MOPOTraining.advance

    def failing(self):
        if self.update == cut:
            raise Cut
        return original(self)

    monkeypatch.setattr(MOPOTraining, "advance", failing)
    with pytest.raises(Cut):
        run(tmp_path, updates=250)
    monkeypatch.setattr(MOPOTraining, "advance", original)
    resumed = run(tmp_path, updates=250)
    for name, tensor in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], tensor, rtol=0, atol=0)


def test_bad_settings_are_refused():
    for bad in ({"members": 0}, {"real_share": 1.5}, {"penalty": -1.0}, {"rollout_every": 0}):
        with pytest.raises(TTOError, match=r"^mopo\.\w+: expected"):
            MOPOConfig(**bad)
