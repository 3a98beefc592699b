"""Reward-to-go (section 3.2): the discounted sum of the remaining rewards of an episode."""

import numpy as np
from jaxtyping import Float
from scipy.signal import lfilter


def rewards_to_go(
    rewards: Float[np.ndarray, " T"], *, discount: float, includes_reward: bool = True
) -> Float[np.ndarray, " T"]:
    """R_t = sum over t' >= t of discount^(t'-t) r_t', as in section 3.2.

    Args:
        rewards: rewards of one episode.
        discount: discount factor.
        includes_reward: whether the sum includes r_t. If not, it begins with r_{t+1}, undiscounted,
            as in the official code: V_t = sum over k >= 0 of discount^k r_{t+1+k}.
    """
    rewards = np.asarray(rewards, dtype=np.float64)
    # a one-pole filter from the end computes y_t = r_t + discount * y_{t+1}
    sums = np.array(lfilter([1.0], [1.0, -discount], rewards[::-1]))[::-1]
    return sums.copy() if includes_reward else np.append(sums[1:], 0.0)
