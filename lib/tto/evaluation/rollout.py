"""Run a policy in several copies of an environment in step, and record what happened.

This file knows no model and no planner: a policy is anything that answers a batch of observations
with a batch of actions. `tto.evaluation.rollout_file` stores the records.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import gymnasium
import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64
from tqdm import tqdm

from tto.data.environments import make_env
from tto.errors import TTOError


@runtime_checkable
class Policy(Protocol):
    """What `evaluate` needs: actions for a batch of episodes that run in step."""

    def reset(self, goals: Float[np.ndarray, "B O"] | None = None) -> None:
        """Forget all episodes; the next `act` begins new ones, with these goals where there are."""
        ...

    def act(
        self, observations: Float[np.ndarray, "B O"], active: Bool[np.ndarray, " B"]
    ) -> Float[np.ndarray, "B A"]:
        """Actions for the rows where `active`; the others, of ended episodes, may hold anything."""
        ...

    def observe(self, actions: Float[np.ndarray, "B A"], rewards: Float[np.ndarray, " B"]) -> None:
        """What was done (clipped to the action space) and what it earned; 0 for ended episodes."""
        ...


@dataclass(frozen=True)
class Rollout:
    """One evaluated episode of T transitions."""

    observations: Float32[np.ndarray, "T+1 O"]
    actions: Float32[np.ndarray, "T A"]
    rewards: Float64[np.ndarray, " T"]
    terminated: bool  # the environment ended the episode (a fall, a goal)
    truncated: bool  # a time limit ended it
    plan_seconds: Float64[np.ndarray, " T"]  # the call of `act` that planned for the whole batch
    batch: Int64[np.ndarray, " T"]  # episodes that this call planned for, this one among them
    goal: Float32[np.ndarray, " O"] | None = None  # the observation to reach, where there is one

    @property
    def total_reward(self) -> float:
        """The return: undiscounted sum of rewards."""
        return float(self.rewards.sum())


def evaluation_seeds(*, seed: int, rollouts: int, offset: int) -> list[int]:
    """Reset seeds of a run's episodes: 1000 x run seed + rollout + offset.

    Runs never share an initial state (up to 1000 rollouts); settings are tuned at another
    `offset` than the one that is reported.

    Raises:
        TTOError: no rollouts, or more than 1000.
    """
    if not 0 < rollouts <= 1000:
        raise TTOError(f"expected 1 to 1000 rollouts, got {rollouts}: change `rollouts`")
    return [1000 * seed + rollout + offset for rollout in range(rollouts)]


def evaluate(
    policy: Policy,
    env_id: str,
    *,
    seeds: Sequence[int],
    max_steps: int | None = None,
    make: Callable[[str], gymnasium.Env] = make_env,
    description: str = "evaluate",
) -> list[Rollout]:
    """One episode for each reset seed, in step and in one batch; ended episodes are inactive.

    Args:
        max_steps: time limit in transitions besides the environment's own; reaching it truncates.
        make: from environment id to environment with flat Box spaces.

    Raises:
        TTOError: the policy returned NaN, infinite or wrongly shaped actions, or the simulator a
            non-finite observation or reward.
    """
    if not seeds:
        raise TTOError(f"{env_id}: expected at least one evaluation seed, got none")
    if max_steps is not None and max_steps < 1:
        raise TTOError(f"{env_id}: expected max_steps >= 1 or none, got {max_steps}")
    environments = [make(env_id) for _ in seeds]
    try:
        return _run_in_step(policy, env_id, environments, seeds, max_steps, description)
    finally:
        for environment in environments:
            environment.close()


def _run_in_step(
    policy: Policy,
    env_id: str,
    environments: list[gymnasium.Env],
    seeds: Sequence[int],
    max_steps: int | None,
    description: str,
) -> list[Rollout]:
    space = environments[0].action_space
    assert isinstance(space, gymnasium.spaces.Box)
    episodes = [
        _Recorder(environment, seed) for environment, seed in zip(environments, seeds, strict=True)
    ]
    limits = [max_steps, environments[0].spec and environments[0].spec.max_episode_steps]
    steps = min((limit for limit in limits if limit), default=None)
    policy.reset(_goals(episodes))
    with tqdm(total=steps, desc=description, unit="step", disable=None) as bar:
        while any(episode.active for episode in episodes):
            active = np.array([episode.active for episode in episodes])
            observations = np.stack([episode.observations[-1] for episode in episodes])
            start = time.perf_counter()
            actions = policy.act(observations, active)
            plan = _Plan(time.perf_counter() - start, int(active.sum()))
            actions = _checked_actions(actions, active, space, env_id, bar.n)
            rewards = np.zeros(len(episodes))
            for index in np.flatnonzero(active):
                rewards[index] = episodes[index].step(actions[index], plan, max_steps)
            policy.observe(actions, rewards)
            bar.update()
            if not bar.disable:
                mean = np.mean([sum(episode.rewards) for episode in episodes])
                bar.set_postfix(active=plan.episodes, mean_return=f"{mean:.0f}")
    return [episode.rollout() for episode in episodes]


def _goals(episodes: Sequence["_Recorder"]) -> np.ndarray | None:
    goals = [episode.goal for episode in episodes if episode.goal is not None]
    return np.stack(goals) if goals else None


def _checked_actions(
    actions: np.ndarray,
    active: np.ndarray,
    space: gymnasium.spaces.Box,
    env_id: str,
    step: int,
) -> np.ndarray:
    """Actions as float32 inside the action space; ended episodes get zeros."""
    actions = np.asarray(actions)
    expected = (len(active), *space.shape)
    if actions.shape != expected:
        raise TTOError(
            f"{env_id}: expected actions of shape {expected} from the policy, got {actions.shape}: "
            "was it made for another environment?"
        )
    if not np.isfinite(actions[active]).all():
        raise TTOError(
            f"{env_id}: expected finite actions from the policy, got NaN or infinite ones at "
            f"step {step}: check the model's weights"
        )
    clipped = np.zeros(expected, dtype=np.float32)
    clipped[active] = np.clip(actions[active], space.low, space.high)
    return clipped


class _Plan(NamedTuple):
    """A call of `act`: how long it took, and for how many episodes it planned."""

    seconds: float
    episodes: int


class _Recorder:
    """One episode while it runs."""

    def __init__(self, environment: gymnasium.Env, seed: int) -> None:
        self.environment = environment
        observation, info = environment.reset(seed=seed)
        self.goal = np.asarray(info["goal"], dtype=np.float32) if "goal" in info else None
        self.observations = [np.asarray(observation, dtype=np.float32)]
        self.actions: list[np.ndarray] = []
        self.rewards: list[float] = []
        self.plans: list[_Plan] = []
        self.terminated = False
        self.truncated = False

    @property
    def active(self) -> bool:
        return not (self.terminated or self.truncated)

    def step(self, action: np.ndarray, plan: _Plan, max_steps: int | None) -> float:
        observation, reward, terminated, truncated, _ = self.environment.step(action)
        observation = np.asarray(observation, dtype=np.float32)
        if not (np.isfinite(observation).all() and np.isfinite(float(reward))):
            raise TTOError(
                "expected finite observations and rewards from the simulator, got NaN or infinite "
                f"ones at step {len(self.rewards)}: check the actions and the environment"
            )
        self.observations.append(observation)
        self.actions.append(action)
        self.rewards.append(float(reward))
        self.plans.append(plan)
        self.terminated = bool(terminated)
        self.truncated = not self.terminated and (bool(truncated) or len(self.rewards) == max_steps)
        return float(reward)

    def rollout(self) -> Rollout:
        return Rollout(
            observations=np.stack(self.observations),
            actions=np.stack(self.actions),
            rewards=np.array(self.rewards, dtype=np.float64),
            terminated=self.terminated,
            truncated=self.truncated,
            plan_seconds=np.array([plan.seconds for plan in self.plans], dtype=np.float64),
            batch=np.array([plan.episodes for plan in self.plans], dtype=np.int64),
            goal=self.goal,
        )
