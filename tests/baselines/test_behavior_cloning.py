"""Behaviour cloning: it learns a function, keeps the best weights and refuses bad input."""

import csv
import json

import numpy as np
import pytest
import torch

from tto.baselines.behavior_cloning import (
    BehaviorCloningConfig,
    load_behavior_cloning,
    train_behavior_cloning,
)
from tto.data.episode import Episode
from tto.data.episodes import open_dataset, write_dataset
from tto.errors import TTOError
from tto.evaluation.rollout import evaluate

# 440 of the 480 transitions are not held out, so a pass takes 440 / 64 = 6.875 updates
FAST = {
    "hidden": [32],
    "epochs": 58.0,
    "batch_size": 64,
    "evaluations": 8,
    "learning_rate": 3e-3,
}


def make_dataset(folder, *, episodes=12, length=40):
    """Hopper-shaped episodes whose actions are tanh(x_0), x_1 / 2 and 1 / 4 for standardised x."""
    rng = np.random.default_rng(0)

    def stream():
        for _ in range(episodes):
            observations = rng.normal(3.0, 2.0, (length + 1, 11)).astype(np.float32)
            observations[:, 10] = 7.0  # constant
            x = (observations[:-1] - 3.0) / 2.0
            actions = np.stack(
                [np.tanh(x[:, 0]), 0.5 * x[:, 1], np.full(length, 0.25)], axis=1
            ).astype(np.float32)
            yield Episode(observations, actions, np.ones(length), False, True)

    path = folder / "toy-v0"
    write_dataset(path, stream(), env_id="Hopper-v5", algorithm="none", description="toy")
    return open_dataset(path)


def test_learns_a_function_and_keeps_it(tmp_path):
    dataset = make_dataset(tmp_path)
    policy = train_behavior_cloning(dataset, tmp_path / "bc", seed=0, **FAST)
    observations = np.full((2, 11), 3.0, dtype=np.float32)
    observations[:, 10] = 7.0
    observations[1, 0] = 5.0
    actions = policy.act(observations, np.array([True, True]))
    np.testing.assert_allclose(actions, [[0, 0, 0.25], [np.tanh(1.0), 0, 0.25]], atol=0.15)
    loaded = load_behavior_cloning(tmp_path / "bc")
    np.testing.assert_array_equal(loaded.act(observations), actions)


def test_metrics(tmp_path):
    dataset = make_dataset(tmp_path)
    train_behavior_cloning(dataset, tmp_path / "bc", seed=0, **FAST)
    with open(tmp_path / "bc" / "metrics.csv") as file:
        rows = list(csv.DictReader(file))
    columns = ["update", "seconds", "learning_rate", "train_loss", "held_out_loss"]
    assert list(rows[0]) == columns
    assert [int(row["update"]) for row in rows] == [*range(50, 351, 50), 399]
    held_out = [float(row["held_out_loss"]) for row in rows]
    assert held_out[-1] < 0.4 * held_out[0]


def test_the_seed_determines_the_weights(tmp_path):
    dataset = make_dataset(tmp_path)
    state = torch.random.get_rng_state()
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train_behavior_cloning(dataset, tmp_path / name, seed=seed, **{**FAST, "epochs": 9})
    a, b, c = ((tmp_path / name / "model.safetensors").read_bytes() for name in "abc")
    assert a == b
    assert a != c
    assert torch.equal(state, torch.random.get_rng_state())  # the global generator is left alone


@pytest.mark.parametrize(
    ("epochs", "batch_size", "transitions", "updates"),
    [(1, 256, 72_000, 282), (18, 256, 72_000, 5063), (0.5, 64, 100, 1), (1, 7, 7, 1), (1, 7, 8, 2)],
)
def test_epochs_are_passes_over_the_training_transitions(epochs, batch_size, transitions, updates):
    config = BehaviorCloningConfig(epochs=epochs, batch_size=batch_size)
    assert config.updates(transitions) == updates
    drawn, batches = 0, 0
    while drawn < epochs * transitions:
        drawn, batches = drawn + batch_size, batches + 1
    assert config.updates(transitions) == batches


def test_the_weights_with_the_lowest_held_out_loss_are_kept(tmp_path):
    dataset = make_dataset(tmp_path, episodes=2, length=5)
    settings = {**FAST, "epochs": 6400, "evaluations": 50, "hidden": [64]}  # it overfits
    policy = train_behavior_cloning(dataset, tmp_path / "bc", seed=0, **settings)
    with open(tmp_path / "bc" / "metrics.csv") as file:
        held_out = [float(row["held_out_loss"]) for row in csv.DictReader(file)]
    assert len(held_out) == 50
    assert int(np.argmin(held_out)) < len(held_out) - 1
    generator = torch.Generator().manual_seed(0)
    (index,) = torch.randperm(2, generator=generator)[:1].tolist()  # the held-out episode
    episode = dataset[index]
    raw = policy.network(torch.from_numpy(episode.observations[:-1])).detach().numpy()
    loss = np.square(raw - episode.actions).sum(axis=1).mean()
    assert loss == pytest.approx(min(held_out), rel=1e-5)


def test_actions_are_clipped_to_the_action_space(tmp_path):
    dataset = make_dataset(tmp_path)
    policy = train_behavior_cloning(dataset, tmp_path / "bc", seed=0, **{**FAST, "epochs": 1.5})
    actions = policy.act(1e4 * np.ones((1, 11)))
    assert np.abs(actions).max() <= 1.0
    (rollout,) = evaluate(policy, "Hopper-v5", seeds=[0], max_steps=5)
    assert rollout.actions.shape == (5, 3)


def test_damaged_folders(tmp_path):
    with pytest.raises(TTOError, match=r"nowhere: expected model.safetensors"):
        load_behavior_cloning(tmp_path / "nowhere")
    train_behavior_cloning(make_dataset(tmp_path), tmp_path / "bc", seed=0, **FAST)
    config = tmp_path / "bc" / "config.json"
    good = config.read_text()
    config.write_text(json.dumps({**json.loads(good), "hidden": [16]}))
    with pytest.raises(TTOError, match="was changed") as raised:
        load_behavior_cloning(tmp_path / "bc")
    assert "\n" not in str(raised.value)
    config.write_text(json.dumps({**json.loads(good), "format_version": 7}))
    with pytest.raises(TTOError, match="format version 1, got 7"):
        load_behavior_cloning(tmp_path / "bc")
    config.write_text(good)
    weights = tmp_path / "bc" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(TTOError, match="train it again"):
        load_behavior_cloning(tmp_path / "bc")


def test_bad_settings_and_too_few_episodes(tmp_path):
    with pytest.raises(TTOError, match="held_out_fraction"):
        BehaviorCloningConfig(held_out_fraction=1.0)
    with pytest.raises(TTOError, match=r"hidden: expected a list, each a whole number at least 1"):
        BehaviorCloningConfig(hidden=(0,))
    with pytest.raises(TTOError, match=r"epochs: expected a number above 0, got 0"):
        BehaviorCloningConfig(epochs=0)
    dataset = make_dataset(tmp_path, episodes=1)
    with pytest.raises(TTOError, match=r"toy-v0: expected at least two episodes"):
        train_behavior_cloning(dataset, tmp_path / "bc", seed=0)


def test_divergence_is_an_error(tmp_path):
    settings = {**FAST, "learning_rate": 1e30}
    with pytest.raises(
        TTOError, match=r"toy-v0: expected finite losses, .* lower behavior_cloning.learning_rate"
    ):
        train_behavior_cloning(make_dataset(tmp_path), tmp_path / "bc", seed=0, **settings)
    assert not (tmp_path / "bc").exists()
