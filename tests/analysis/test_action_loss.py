"""The loss of actions equals that of the model's log-probabilities, one window at a time."""

import dataclasses

import numpy as np
import pytest
from small_world import random_model

from tto.analysis.action_loss import action_losses
from tto.data.episode import Episode
from tto.tokens.tokenize import transition_matrix


def random_episode(length: int) -> Episode:
    rng = np.random.default_rng(1)
    shapes = {"observations": (length + 1, 3), "actions": (length, 2), "rewards": (length,)}
    arrays = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    return Episode(**arrays, terminated=True, truncated=False)


@pytest.mark.parametrize("variant", ["paper", "visible", "official"])
@pytest.mark.parametrize(("context", "length"), [(0, 5), (2, 600), (3, 2)])
def test_it_equals_the_log_probs_of_each_window(context: int, length: int, variant: str):
    model, episode = random_model(variant), random_episode(length)
    found = action_losses(model, episode, context=context)
    rows = transition_matrix(episode, **model.tokens.reward_settings)
    tokens = model.discretizer.encode(rows)
    for step in {0, 1, length // 2, length - 1}:
        window = tokens[max(0, step - context) : step + 1]
        log_probs = model.log_probs(window)
        places = np.arange(3, 5) + 7 * (len(window) - 1)
        expected = -np.mean([log_probs[place - 1, window.flat[place]] for place in places])
        assert found[step] == pytest.approx(expected, abs=1e-5)


def test_a_goal_comes_first():
    model, episode = random_model("goal"), random_episode(4)
    one, two = (
        action_losses(model, episode, context=1, goal=np.full(3, value, dtype=np.float32))
        for value in (-1.0, 1.0)
    )
    assert np.all(one != two)
    step = dataclasses.replace(
        episode,
        observations=episode.observations[:2],
        actions=episode.actions[:1],
        rewards=episode.rewards[:1],
    )
    goal = np.full(3, -1.0, dtype=np.float32)
    assert action_losses(model, step, context=1, goal=goal)[0] == pytest.approx(one[0], abs=1e-5)
