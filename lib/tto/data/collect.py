"""Datasets of the kinds that D4RL defines, collected in a simulator by a ladder of actors.

- `expert`: the best actor; `medium`: an actor with about 0.42 of the best one's return;
- `medium-replay`: the actors up to medium in the order of training, each for its share of it;
- `full-replay`: the same with all actors; `medium-expert`: half medium, half expert;
- `random`: uniform actions;
- `goal`: a scripted agent that reaches goals in the four-rooms world (section 4.2).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Float, Float32

from tto.data.actors import Actor, BehaviorPolicy
from tto.data.environments import action_bounds, code_of, make_env, robot_of
from tto.data.episode import Episode
from tto.data.four_rooms import FOUR_ROOMS, FourRooms, GoalReacher
from tto.data.ladder import Ladder, Rung, read_ladder, training_shares
from tto.data.sb3_agent import SB3Agent, load_sb3_agent
from tto.errors import TTOError
from tto.files import StrPath

LADDER_KINDS = ("medium", "medium-replay", "medium-expert", "expert", "full-replay")
KINDS = (*LADDER_KINDS, "random", "goal")


class UniformPolicy:
    """A policy that draws its actions uniformly within the bounds."""

    stochastic = True

    def __init__(self, env: gymnasium.Env) -> None:
        """Take the action bounds of `env`."""
        self.low, self.high = action_bounds(env)

    def act(
        self, observation: Float[np.ndarray, "*N O"], generator: np.random.Generator
    ) -> Float[np.ndarray, "*N A"]:
        """Draw an action for each observation, which is ignored."""
        shape = (*observation.shape[:-1], *self.low.shape)
        return generator.uniform(self.low, self.high, shape).astype(np.float32)


def dataset_kind(dataset: str, kind: str | None = None) -> str:
    """The kind of a dataset: `kind` if given, else the one in its id, `hopper-medium-replay-v2`.

    Raises:
        TTOError: the kind is none of `KINDS`.
    """
    found = kind
    if found is None:
        match = re.fullmatch(r"[^-]+-(.+?)(-v\d+)?", dataset)
        found = match.group(1) if match else None
    if found not in KINDS:
        raise TTOError(
            f"dataset {dataset!r}: expected one of the kinds {', '.join(KINDS)}, got {found!r}; "
            "state it in the id (<robot>-<kind>-v<k>) or by the key kind"
        )
    return found


def uses_ladder(dataset: str, kind: str | None = None) -> bool:
    """Whether a ladder of actors collects a dataset; False for an unknown kind, too."""
    try:
        return dataset_kind(dataset, kind) in LADDER_KINDS
    except TTOError:
        return False


def collect(
    env_id: str,
    kind: str,
    *,
    transitions: int,
    seed: int,
    noise: float,
    actors: StrPath,
    agent: Mapping[str, Any] | None = None,
    max_steps: int | None = None,
    one_start: bool = False,
) -> Iterator[Episode]:
    """Collect complete episodes until they hold at least `transitions` transitions.

    Args:
        env_id: environment.
        kind: one of `KINDS`.
        transitions: least number of transitions; the last episode is finished, not cut.
        seed: seed of all draws. Each episode has its own generator, keyed by this seed, the actor's
            place and the episode's number, so the same seed gives the same arrays.
        noise: standard deviation of the Gaussian noise on the actions of deterministic actors, as a
            share of half the action range. Stochastic actors get no noise.
        actors: folder with a ladder for each robot.
        agent: arguments of `load_sb3_agent`, for a Stable-Baselines3 agent that replaces the
            ladder; None uses the ladder.
        max_steps: time limit in transitions, in place of the environment's own; None keeps that.
        one_start: whether all episodes begin in the same simulator state, drawn by `seed`, and
            differ only by the policies' noise (section 4.1 fixes the first state).

    Raises:
        TTOError: the robot has no ladder, an actor does not fit the environment, or all episodes
            from one start would be equal.
    """
    env = make_env(env_id, **({} if max_steps is None else {"max_episode_steps": max_steps}))
    reset_seed = int(np.random.default_rng([seed]).integers(2**31)) if one_start else None
    try:
        policies, shares = collectors(env, kind, actors, agent)
        if one_start and not noise and not all(policy.stochastic for policy in policies):
            raise TTOError(
                "collect: expected noise above 0 for a deterministic policy with one start, whose "
                "episodes would all be equal, got 0; raise collect.noise"
            )
        total = 0
        targets = transitions * np.cumsum(shares)
        targets[-1] = transitions  # the sum of the shares is rounded
        for place, policy in enumerate(policies):
            number = 0
            while total < targets[place]:
                generator = np.random.default_rng([seed, place, number])
                episode = run_episode(
                    env, policy, generator=generator, noise=noise, reset_seed=reset_seed
                )
                yield episode
                total += len(episode)
                number += 1
    finally:
        env.close()


def collectors(
    env: gymnasium.Env, kind: str, actors: StrPath, agent: Mapping[str, Any] | None = None
) -> tuple[Sequence[BehaviorPolicy], list[float]]:
    """The policies that collect a kind of dataset, in their order, and their shares of it.

    Args:
        env: environment that they act in.
        kind: one of `KINDS`.
        actors: folder with a ladder for each robot.
        agent: arguments of `load_sb3_agent`, for an agent that replaces them; None for no agent.

    Raises:
        TTOError: the robot has no ladder, or an actor does not fit the environment.
    """
    if agent is not None:
        return [_fitting_agent(env, agent)], [1.0]
    if kind not in LADDER_KINDS:
        return [_simple_policy(env, kind)], [1.0]
    assert env.spec is not None
    ladder = read_ladder(Path(actors) / robot_of(env.spec.id))
    rungs, shares = _rungs(ladder, kind)
    return [_fitting_actor(env, ladder, rung) for rung in rungs], shares


def run_episode(
    env: gymnasium.Env,
    policy: BehaviorPolicy,
    *,
    generator: np.random.Generator,
    noise: float,
    reset_seed: int | None = None,
) -> Episode:
    """Run one episode to its end and record it, with the actions as executed.

    Args:
        env: environment with a time limit.
        policy: policy that acts.
        generator: source of the policy's draws and of the noise.
        noise: standard deviation of the noise on a deterministic policy's actions, as in `collect`.
        reset_seed: seed of the first state; None draws one from `generator`.

    Raises:
        TTOError: the environment has no time limit.
    """
    if env.spec is None or env.spec.max_episode_steps is None:
        raise TTOError(
            f"env {env}: expected a time limit, got none; register it with max_episode_steps, or "
            "set max_steps for the dataset"
        )
    bounds = action_bounds(env)
    if reset_seed is None:
        reset_seed = int(generator.integers(2**31))
    with code_of(env):
        observation, _ = env.reset(seed=reset_seed)
        shape = env.observation_space.shape
        observations = [np.asarray(observation, dtype=np.float32).reshape(shape)]
    if isinstance(policy, SB3Agent):
        policy.forget()
    actions, rewards = [], []
    states = [simulator_state(env)]
    terminated = truncated = False
    while not (terminated or truncated):
        seen = np.asarray(observation).reshape(shape)
        action = executed(policy, seen, generator, noise=noise, bounds=bounds)
        with code_of(env):
            observation, reward, terminated, truncated, _ = env.step(action)
            observations.append(np.asarray(observation, dtype=np.float32).reshape(shape))
            rewards.append(float(reward))
        actions.append(action)
        states.append(simulator_state(env))
    qpos, qvel = (None, None) if states[0] is None else map(np.array, zip(*states, strict=True))
    return Episode(
        observations=np.array(observations),
        actions=np.array(actions, dtype=np.float32),
        rewards=np.array(rewards, dtype=np.float32),
        terminated=bool(terminated),
        truncated=bool(truncated and not terminated),
        qpos=qpos,
        qvel=qvel,
    )


def executed(
    policy: BehaviorPolicy,
    observation: Float[np.ndarray, "*N O"],
    generator: np.random.Generator,
    *,
    noise: float,
    bounds: tuple[Float[np.ndarray, "A"], Float[np.ndarray, "A"]],
) -> Float32[np.ndarray, "*N A"]:
    """The actions that a collecting policy executes: with noise, within the environment's bounds.

    Args:
        policy: policy that acts.
        observation: observations.
        generator: source of the policy's draws and of the noise.
        noise: standard deviation of the noise on a deterministic policy's actions, as in `collect`.
        bounds: lowest and highest action.
    """
    low, high = bounds
    action = policy.act(observation, generator)
    scale = 0.0 if policy.stochastic else noise * 0.5 * (high - low)
    if np.any(scale):
        action = action + scale * generator.standard_normal(action.shape)
    return np.clip(action, low, high).astype(np.float32)


def simulator_state(
    env: gymnasium.Env,
) -> tuple[Float[np.ndarray, "nq"], Float[np.ndarray, "nv"]] | None:
    """Copies of MuJoCo's qpos and qvel; None where the environment has none."""
    data: Any = getattr(env.unwrapped, "data", None)
    if not (hasattr(data, "qpos") and hasattr(data, "qvel")):
        return None
    return data.qpos.copy(), data.qvel.copy()


def measure(
    env_id: str, policy: BehaviorPolicy, *, episodes: int, seed: int, noise: float
) -> tuple[float, float, float]:
    """Mean return, standard deviation of the return and mean length over `episodes` episodes."""
    env = make_env(env_id)
    runs = [
        run_episode(env, policy, generator=np.random.default_rng([seed, number]), noise=noise)
        for number in range(episodes)
    ]
    env.close()
    returns = [run.total_reward for run in runs]
    lengths = [len(run) for run in runs]
    return float(np.mean(returns)), float(np.std(returns)), float(np.mean(lengths))


def _simple_policy(env: gymnasium.Env, kind: str) -> BehaviorPolicy:
    if kind == "random":
        return UniformPolicy(env)
    if not isinstance(env.unwrapped, FourRooms):
        raise TTOError(
            f"kind goal: expected the env {FOUR_ROOMS}, got {env.unwrapped}; name another kind"
        )
    return GoalReacher(env)


def _fitting_agent(env: gymnasium.Env, agent: Mapping[str, Any]) -> SB3Agent:
    loaded = load_sb3_agent(**agent)
    _check_shapes(env, agent["path"], *(space.shape for space in loaded.spaces))
    return loaded


def _rungs(ladder: Ladder, kind: str) -> tuple[Sequence[Rung], list[float]]:
    """The rungs that collect a kind of dataset, and the share of transitions of each."""
    if kind == "medium-expert":
        return (ladder.medium, ladder.expert), [0.5, 0.5]
    rungs = {
        "medium": (ladder.medium,),
        "expert": (ladder.expert,),
        "medium-replay": ladder.replay,
        "full-replay": ladder.rungs,
    }[kind]
    return rungs, training_shares(rungs)


def _fitting_actor(env: gymnasium.Env, ladder: Ladder, rung: Rung) -> Actor:
    actor = ladder.actor(rung)
    path = ladder.folder / rung.file
    _check_shapes(env, path, (actor.observation_dim,), actor.action_low.shape)
    return actor


def _check_shapes(
    env: gymnasium.Env, path: StrPath, observation: tuple[int, ...], action: tuple[int, ...]
) -> None:
    """Check that a policy's shapes of an observation and an action are those of `env`."""
    expected = env.observation_space.shape, env.action_space.shape
    if expected != (observation, action):
        raise TTOError(
            f"{path}: expected a policy from observations of shape {expected[0]} to actions of "
            f"shape {expected[1]}, got {observation} to {action}; name the environment that it was "
            "trained in"
        )
