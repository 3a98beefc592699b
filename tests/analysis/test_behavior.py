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
from tto.data.ladder import read_ladder
from tto.errors import TTOError

BOUNDS = (-np.ones(A, np.float32), np.ones(A, np.float32))


@pytest.mark.parametrize("deterministic", [False, True])
def test_all_particles_at_once_get_the_actions_of_one_after_the_other(deterministic: bool):
    policy, N = random_behavior(policies=2).policies[deterministic], 12
    behavior = Behavior([policy], [1.0], 0.1, BOUNDS)
    states = torch.randn(N, O, generator=torch.Generator().manual_seed(0))
    rng = np.random.default_rng(1)
    act = behavior.acting(np.random.default_rng(1))
    rng.permutation(np.zeros(N))
    for step in range(3):
        expected = [
            executed(policy, state, rng, noise=0.1, bounds=BOUNDS) for state in states.numpy()
        ]
        np.testing.assert_allclose(act(step, states), np.stack(expected), atol=1e-6)


@pytest.mark.parametrize(("shares", "N"), [([0.3, 0.7], 10), ([0.3, 0.7], 103), ([0.5, 0.5], 1)])
def test_each_policy_acts_for_its_share_of_the_particles(shares: list[float], N: int):
    """Policies whose actions tell who acts: each particle keeps its policy, drawn by the shares."""
    nothing = np.zeros((O, A), np.float32)
    policies = [
        Actor((), (nothing, np.full(A, value, np.float32)), None, *BOUNDS) for value in (0.0, 1.0)
    ]
    behavior = Behavior(policies, shares, 0.0, BOUNDS)
    first = []
    for seed in range(200):
        act = behavior.acting(np.random.default_rng(seed))
        who = act(0, torch.zeros(N, O))[:, 0]
        assert torch.equal(act(1, torch.ones(N, O))[:, 0], who)
        assert abs(who.sum().item() - shares[1] * N) <= 1
        first.append(who[0].item())
    assert N == 1 or np.mean(first) == pytest.approx(shares[1], abs=0.15)


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
    assert behavior.noise == 0.1
    assert behavior.bounds[1].tolist() == [1.0, 1.0, 1.0]
    ladder, state = read_ladder("resources/actors/hopper"), np.ones(11, np.float32)
    for policy, rung in zip(behavior.policies, (ladder.medium, ladder.expert), strict=True):
        expected = ladder.actor(rung).act(state, np.random.default_rng(0))
        np.testing.assert_array_equal(policy.act(state, np.random.default_rng(0)), expected)
    uniform = find_behavior("Hopper-v5", "random", actors="resources/actors", noise=0.1)
    actions = uniform.acting(np.random.default_rng(0))(0, torch.zeros(1000, 11))
    assert actions.std(dim=0).sub(3**-0.5).abs().max().item() < 0.05
    with pytest.raises(TTOError, match="ladder of actors"):
        find_behavior("Reacher-v5", "medium", actors="resources/actors", noise=0.1)
