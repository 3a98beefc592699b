"""Reward-to-go (section 3.2): the discounted sum of the remaining rewards of an episode."""

import math
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy.signal import lfilter

from tto.errors import TTOError

CutEpisodes = Literal["end", "go_on"]  # what follows an episode that did not terminate


def rewards_to_go(
    rewards: Float[np.ndarray, " T"],
    *,
    discount: float,
    includes_reward: bool = True,
    rest: float = 0.0,
) -> Float[np.ndarray, " T"]:
    """R_t = sum over t' >= t of discount^(t'-t) r_t', as in section 3.2.

    Args:
        rewards: rewards of one episode.
        discount: discount factor.
        includes_reward: whether the sum includes r_t. If not, it begins with r_{t+1}, undiscounted,
            as in the official code: V_t = sum over k >= 0 of discount^k r_{t+1+k}.
        rest: R_T, the discounted sum of rewards that came after the last recorded one.
    """
    rewards = np.append(np.asarray(rewards, dtype=np.float64), rest)
    # a one-pole filter from the end computes y_t = r_t + discount * y_{t+1}
    sums = np.array(lfilter([1.0], [1.0, -discount], rewards[::-1]))[::-1]
    return sums[:-1].copy() if includes_reward else sums[1:].copy()


def rest_of_cut(rewards: Float[np.ndarray, " T"], *, discount: float) -> float:
    """R_T of an episode that a limit cut, if its last rewards went on: their mean / (1 - discount).

    As many of them count as weigh in a reward-to-go: 1 / (1 - discount).

    Args:
        rewards: rewards of one episode.
        discount: discount factor, below 1.

    Raises:
        TTOError: the discount is 1, under which rewards that go on have no finite sum.
    """
    if discount == 1:
        raise TTOError("cut_episodes: expected a discount below 1 for go_on, got 1; choose end")
    count = math.ceil(round(1 / (1 - discount), 6))
    return float(np.mean(rewards[-count:])) / (1 - discount)
