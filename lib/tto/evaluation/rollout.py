"""Run a policy in several copies of an environment in step, and record the episodes.

A policy is any object that returns a batch of actions for a batch of observations; this module
knows no models or planners. `tto.evaluation.rollout_file` stores the episodes.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import gymnasium
import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from tto.data.environments import code_of, make_env
from tto.errors import TTOError
from tto.progress import Progress


@runtime_checkable
class Policy(Protocol):
    """The interface that `evaluate` needs: actions for a batch of episodes in step."""

    def reset(self, goals: Float[np.ndarray, "B O"] | None = None) -> None:
        """Forget all episodes; the next `act` begins new ones, with these goals if there are any.

        Args:
            goals: observations to reach, one for each episode.
        """
        ...

    def act(
        self, observations: Float[np.ndarray, "B O"], active: Bool[np.ndarray, " B"]
    ) -> Float[np.ndarray, "B A"]:
        """Return actions; those of episodes that are not `active` (ended) are ignored."""
        ...

    def observe(self, actions: Float[np.ndarray, "B A"], rewards: Float[np.ndarray, " B"]) -> None:
        """Take the actions, clipped to the action space, and the rewards that followed.

        Both are 0 for ended episodes.
        """
        ...


@dataclass(frozen=True)
class Rollout:
    """One evaluated episode of T transitions.

    Attributes:
        observations: T + 1 observations, from the first to the last.
        actions: actions, clipped to the action space.
        rewards: rewards of the transitions.
        terminated: whether the environment ended the episode (by a fall or at a goal).
        truncated: whether a time limit ended it.
        plan_seconds: seconds of each call of `act`, which plans for the whole batch.
        batch: number of episodes that this call planned for, including this one.
        goal: observation to reach, or None.
        action_losses: mean loss in nats of the tokens of each action under the model that planned
            (`tto.analysis.action_loss`), or None.
        held_out_action_loss: the same for held-out data, with as many past transitions, or None.
    """

    observations: Float32[np.ndarray, "states O"]
    actions: Float32[np.ndarray, "T A"]
    rewards: Float64[np.ndarray, " T"]
    terminated: bool
    truncated: bool
    plan_seconds: Float64[np.ndarray, " T"]
    batch: Int64[np.ndarray, " T"]
    goal: Float32[np.ndarray, " O"] | None = None
    action_losses: Float64[np.ndarray, " T"] | None = None
    held_out_action_loss: float | None = None

    @property
    def total_reward(self) -> float:
        """The return: undiscounted sum of rewards."""
        return float(self.rewards.sum())


def evaluation_seeds(*, seed: int, rollouts: int, offset: int) -> list[int]:
    """Reset seeds of a run's episodes: 1000 x run seed + rollout + offset.

    Runs never share an initial state, because they have at most 1000 rollouts. Settings are tuned
    with another `offset` than that of the reported results.

    Args:
        seed: seed of the run.
        rollouts: number of episodes.
        offset: number added to all seeds.

    Raises:
        TTOError: there are no rollouts or more than 1000.
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
    """Play one episode for each reset seed, in step and in one batch; ended episodes are inactive.

    Args:
        policy: policy that acts.
        env_id: id of the environment.
        seeds: reset seeds.
        max_steps: additional time limit in transitions; an episode that reaches it is truncated.
        make: function from the environment's id to an environment with flat Box spaces.
        description: label of the progress bar.

    Raises:
        TTOError: there is no seed, the time limit is below 1 or there is none, the policy returned
            NaN, infinite or wrongly shaped actions, or the environment returned something else than
            finite numbers of its spaces' shapes.
    """
    if not seeds:
        raise TTOError(f"{env_id}: expected at least one evaluation seed, got none")
    if max_steps is not None and max_steps < 1:
        raise TTOError(f"{env_id}: expected max_steps >= 1 or none, got {max_steps}")
    environments = [make(env_id) for _ in seeds]
    try:
        if max_steps is None and _time_limit(environments[0]) is None:
            raise TTOError(
                f"{env_id}: expected a time limit, got none, so an episode might never end; "
                "register the environment with max_episode_steps, or set max_steps"
            )
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
    limits = [max_steps, _time_limit(environments[0])]
    steps = min((limit for limit in limits if limit), default=None)
    policy.reset(_goals(episodes))
    with Progress(total=steps, name=description, unit="steps") as progress:
        step, earned = 0, 0.0
        while any(episode.active for episode in episodes):
            active = np.array([episode.active for episode in episodes])
            observations = np.stack([episode.observations[-1] for episode in episodes])
            start = time.perf_counter()
            actions = policy.act(observations, active)
            plan = _Plan(time.perf_counter() - start, int(active.sum()))
            actions = _checked_actions(actions, active, space, env_id, step)
            rewards = np.zeros(len(episodes))
            for index in np.flatnonzero(active):
                rewards[index] = episodes[index].step(actions[index], plan, max_steps)
            policy.observe(actions, rewards)
            step += 1
            earned += rewards.sum()
            progress.note(f"{plan.episodes} playing, mean return {earned / len(episodes):.0f}")
            progress.update()
    return [episode.rollout() for episode in episodes]


def _time_limit(environment: gymnasium.Env) -> int | None:
    return environment.spec.max_episode_steps if environment.spec is not None else None


def _goals(episodes: Sequence["_Recorder"]) -> Float32[np.ndarray, "B O"] | None:
    goals = [episode.goal for episode in episodes if episode.goal is not None]
    return np.stack(goals) if goals else None


def _checked_actions(
    actions: np.ndarray,
    active: Bool[np.ndarray, " B"],
    space: gymnasium.spaces.Box,
    env_id: str,
    step: int,
) -> Float32[np.ndarray, "B A"]:
    """Actions as float32, clipped to the action space; those of ended episodes are zero."""
    actions = np.asarray(actions)
    expected = (len(active), *space.shape)
    if actions.shape != expected:
        raise TTOError(
            f"{env_id}: expected actions of shape {expected} from the policy, got {actions.shape}: "
            "use a policy that was made for this environment"
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
    """Seconds of a call of `act`, and the number of episodes that it planned for."""

    seconds: float
    episodes: int


class _Recorder:
    """Plays and records one episode."""

    def __init__(self, environment: gymnasium.Env, seed: int) -> None:
        self.environment = environment
        self.actions: list[np.ndarray] = []
        self.rewards: list[float] = []
        self.plans: list[_Plan] = []
        self.terminated = False
        self.truncated = False
        with code_of(environment):
            observation, info = environment.reset(seed=seed)
        self.goal = self._vector("info['goal']", info["goal"]) if "goal" in info else None
        self.observations = [self._vector("observation", observation)]

    @property
    def active(self) -> bool:
        return not (self.terminated or self.truncated)

    def step(self, action: np.ndarray, plan: _Plan, max_steps: int | None) -> float:
        with code_of(self.environment):
            observation, reward, terminated, truncated, _ = self.environment.step(action)
        observation = self._vector("observation", observation)
        if not np.isfinite(self._number(reward)):
            raise self._wrong("a finite reward", "NaN or infinity")
        self.observations.append(observation)
        self.actions.append(action)
        self.rewards.append(self._number(reward))
        self.plans.append(plan)
        self.terminated = bool(terminated)
        self.truncated = not self.terminated and (bool(truncated) or len(self.rewards) == max_steps)
        return self.rewards[-1]

    def _vector(self, name: str, value: Any) -> Float32[np.ndarray, " O"]:
        """What the environment returned as a state; a goal is one, too."""
        shape = self.environment.observation_space.shape
        try:
            vector = np.asarray(value)
            if vector.dtype.kind not in "biuf" or vector.shape != shape:
                raise ValueError
        except ValueError:
            got = f"{type(value).__name__} {value!r:.40}"
            raise self._wrong(f"{name} of shape {shape} with real numbers", got) from None
        if not np.isfinite(vector).all():
            raise self._wrong(f"{name} of finite numbers", "NaN or infinite ones")
        return vector.astype(np.float32)

    def _number(self, reward: Any) -> float:
        try:
            return float(reward)
        except (TypeError, ValueError):
            raise self._wrong("a number as reward", f"{reward!r:.40}") from None

    def _wrong(self, expected: str, got: str) -> TTOError:
        return TTOError(
            f"{self.environment}: expected {expected} from the environment, got {got} at step "
            f"{len(self.plans)}; check the environment and the actions"
        )

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
