"""The time of a plan for one episode alone.

A run plays its episodes in one batch and computes one plan for all of them. The time of that plan,
divided by the number of episodes, is not the time that a single robot would wait. So one recorded
episode is replayed: the policy acts again on its observations, alone in the batch.
"""

import time

import numpy as np

from tto.evaluation.rollout import Policy, Rollout

STEPS = 30  # largest number of timed steps


def plan_ms_alone(policy: Policy, rollout: Rollout, *, steps: int = STEPS) -> float:
    """Median time of a plan in milliseconds, over the first steps of a recorded episode.

    The policy sees the recorded observations, actions and rewards, whatever actions it returns now.
    A first plan is not timed, because the policy may compile or allocate. Afterwards the policy is
    reset.

    Args:
        policy: policy that is timed.
        rollout: recorded episode.
        steps: largest number of timed steps; a shorter episode has fewer.
    """
    goals = None if rollout.goal is None else rollout.goal[None]
    active = np.ones(1, dtype=bool)
    policy.reset(goals)
    policy.act(rollout.observations[:1], active)
    policy.reset(goals)
    seconds = []
    for step in range(min(steps, len(rollout.rewards))):
        here = slice(step, step + 1)
        start = time.perf_counter()
        policy.act(rollout.observations[here], active)
        seconds.append(time.perf_counter() - start)
        policy.observe(rollout.actions[here], rollout.rewards[here])
    policy.reset(goals)
    return 1e3 * float(np.median(seconds))
