"""Policies of the ladder of losses."""

import numpy as np
from small_world import random_model

from tto.evaluation.loss_ladder import RUNGS, Collectors, ThroughBins, rounded


class Constant:
    """A behaviour policy whose action is a number plus noise."""

    stochastic = True

    def __init__(self, value: float) -> None:
        self.value = value

    def act(self, observation: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        return np.array([self.value + 1e-3 * generator.random(), observation[0]])


def act(policy: Collectors, observations: np.ndarray) -> np.ndarray:
    return policy.act(observations, np.ones(len(observations), dtype=bool))


def test_collectors_play_in_proportion_to_their_shares():
    observations = np.zeros((8, 3))
    policies = [Constant(value) for value in (0.0, 1.0, 2.0)]
    first, second = (
        act(Collectors(policies, [0.25, 0.5, 0.25], seeds=range(8)), observations) for _ in "ab"
    )
    np.testing.assert_array_equal(np.floor(first[:, 0]), [0, 0, 1, 1, 1, 1, 2, 2])
    np.testing.assert_array_equal(first, second)
    assert len(set(first[:, 0] % 1)) == 8  # each episode has its own draws


def test_a_policy_through_bins_sees_and_does_only_centres():
    model, seen = random_model(), []

    class Recording(Collectors):
        def act(self, observations, active):
            seen.append(observations)
            return super().act(observations, active)

    policy = Recording([Constant(0.3)], [1.0], seeds=[0, 1])
    through = ThroughBins(policy, model.discretizer, observation_dim=3)
    observations = np.random.default_rng(0).normal(size=(2, 3))
    actions = through.act(observations, np.array([True, True]))
    centers = model.discretizer.centers
    for dimension in range(3):
        assert np.isin(seen[0][:, dimension], centers[dimension].astype(np.float32)).all()
    for dimension in range(2):
        assert np.isin(actions[:, dimension], centers[3 + dimension]).all()
    nearest = rounded(model.discretizer, actions, first=3)
    np.testing.assert_array_equal(nearest, actions)


def test_the_rungs_end_with_the_planner():
    assert RUNGS[0] == "collector"
    assert RUNGS[-1] == "return search"
