"""The time of a plan for one episode alone.

A run plays its episodes in one batch, which computes one plan for all of them. The time of that,
divided by the episodes, is not what a single robot waits for. So an episode that was played is
replayed: the policy is asked again, with nothing else in its batch, on the recorded observations.
"""

import time

import numpy as np

from tto.evaluation.rollout import Policy, Rollout

STEPS = 30  # most steps that are timed


def plan_ms_alone(policy: Policy, rollout: Rollout, *, steps: int = STEPS) -> float:
    """Median time of a plan in milliseconds, over the first steps of a recorded episode.

    The policy sees the recorded observations, actions and rewards, whatever it answers now. A first
    plan, for which it may compile or allocate, is not timed. The policy forgets its episodes.

    Args:
        steps: most steps that are timed; fewer where the episode is shorter.
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
