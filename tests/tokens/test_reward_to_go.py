"""`rewards_to_go` against the double sum of section 3.2."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tto.tokens.reward_to_go import rewards_to_go

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
