"""The policies that collected a dataset, acting on predicted states."""

import numpy as np
import pytest
import torch
from random_predictor import A, O, random_behavior
from torch import Tensor

from tto.analysis.behavior import Behavior, find_behavior
from tto.baselines.pets.ensemble import Ensemble
from tto.baselines.pets.propagation import propagate, recorded
from tto.data.actors import Actor
from tto.data.collect import executed
from tto.errors import TTOError

BOUNDS = (-np.ones(A, np.float32), np.ones(A, np.float32))


@pytest.mark.parametrize("policies", [1, 2, 3])
def test_each_policy_acts_for_its_share_of_the_particles(policies: int):
    behavior, N = random_behavior(policies=policies), 12
    states = torch.randn(N, O, generator=torch.Generator().manual_seed(0))
    act = behavior.acting(np.random.default_rng(1))
    rng = np.random.default_rng(1)
    for step in range(3):
        expected = [
            executed(behavior.policies[n * policies // N], state, rng, noise=0.1, bounds=BOUNDS)
            for n, state in enumerate(states.numpy())
        ]
        np.testing.assert_allclose(act(step, states), np.stack(expected), atol=1e-6)


def test_fewer_particles_than_policies():
    act = random_behavior(policies=3).acting(np.random.default_rng(0))
    assert act(0, torch.zeros(1, O)).shape == (1, A)


def test_a_policy_keeps_particles_where_recorded_actions_lose_them():
    """In s' = s + a, with noise, a policy that goes back to 0 bounds the particles' spread."""
    network = Ensemble(O, A, members=2, hidden=())
    with torch.no_grad():
        for parameter in (*network.weights, *network.biases):
            parameter.zero_()
        network.weights[0][:, O + torch.arange(A), torch.arange(A)] = 1.0
        network.lowest_log_variance.fill_(-6.0)
        network.highest_log_variance.fill_(-6.0)
    back = np.zeros((O, A), np.float32)
    back[np.arange(A), np.arange(A)] = -0.5
    policy = Actor((), (back, np.zeros(A, np.float32)), None, *BOUNDS)
    behavior = Behavior([policy], [1.0], 0.0, BOUNDS)
    start, T = torch.zeros(O), 100

    def spread(act) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        result = propagate(network, start, act, steps=T, particles=400, generator=generator)
        return result.samples[-1, :, :A].std(dim=0)

    _, log_variance = network.predict(torch.zeros(2, 1, O), torch.zeros(2, 1, A))
    noise = log_variance.mul(0.5).exp()[0, 0, 0].item()
    bounded = spread(behavior.acting(np.random.default_rng(0)))
    np.testing.assert_allclose(bounded, noise / np.sqrt(1 - 0.5**2), rtol=0.15)
    free = spread(recorded(torch.zeros(T, A)))
    np.testing.assert_allclose(free, noise * np.sqrt(T), rtol=0.15)


def test_policies_are_those_that_collect():
    behavior = find_behavior("Hopper-v5", "medium-expert", actors="resources/actors", noise=0.1)
    assert behavior.shares == [0.5, 0.5]
    assert behavior.bounds[1].tolist() == [1.0, 1.0, 1.0]
    assert behavior.acting(np.random.default_rng(0))(0, torch.zeros(7, 11)).shape == (7, 3)
    uniform = find_behavior("Hopper-v5", "random", actors="resources/actors", noise=0.1)
    actions = uniform.acting(np.random.default_rng(0))(0, torch.zeros(1000, 11))
    assert actions.std(dim=0).sub(3**-0.5).abs().max().item() < 0.05
    with pytest.raises(TTOError, match="ladder of actors"):
        find_behavior("Reacher-v5", "medium", actors="resources/actors", noise=0.1)
