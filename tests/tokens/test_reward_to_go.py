"""`rewards_to_go` against the double sum of section 3.2."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tto.tokens.reward_to_go import rest_of_cut, rewards_to_go

REWARDS = arrays(np.float64, st.integers(1, 30), elements=st.floats(-100, 100))


@given(rewards=REWARDS, discount=st.floats(0, 1))
def test_it_is_the_double_sum_of_the_paper(rewards, discount):
    T = len(rewards)
    slow = [sum(discount ** (u - t) * rewards[u] for u in range(t, T)) for t in range(T)]
    np.testing.assert_allclose(rewards_to_go(rewards, discount=discount), slow, atol=1e-9)


@given(rewards=REWARDS, discount=st.floats(0, 1))
def test_the_official_sum_begins_one_step_later(rewards, discount):
    T = len(rewards)
    slow = [sum(discount ** (u - t - 1) * rewards[u] for u in range(t + 1, T)) for t in range(T)]
    fast = rewards_to_go(rewards, discount=discount, includes_reward=False)
    np.testing.assert_allclose(fast, slow, atol=1e-9)


def test_by_hand():
    assert rewards_to_go(np.array([1.0, 2.0, 4.0]), discount=0.5) == pytest.approx([3, 4, 4])


@given(rewards=REWARDS, discount=st.floats(0, 0.95), more=st.floats(-9, 9))
def test_a_rest_stands_for_rewards_that_follow(rewards, discount, more):
    """As many equal rewards as count, appended one by one, are the same as their sum."""
    longer = np.append(rewards, np.full(2000, more))
    for includes_reward in (True, False):
        settings = {"discount": discount, "includes_reward": includes_reward}
        slow = rewards_to_go(longer, **settings)[: len(rewards)]
        fast = rewards_to_go(rewards, rest=more / (1 - discount), **settings)
        np.testing.assert_allclose(fast, slow, atol=1e-6)


def test_the_last_rewards_go_on():
    rewards = np.array([9.0, 9.0, 1.0, 3.0])
    assert rest_of_cut(rewards, discount=0.5) == pytest.approx(2.0 / 0.5)
    assert rest_of_cut(rewards, discount=0.99) == pytest.approx(5.5 / 0.01)
    assert rest_of_cut(np.full(50, 2.0), discount=0.9) == pytest.approx(20.0)
