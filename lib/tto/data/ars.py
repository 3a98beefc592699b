"""Augmented Random Search, version V2-t, for linear behaviour policies.

Mania, Guy and Recht 2018, "Simple random search of static linear policies is competitive for
reinforcement learning", algorithm 2: antithetic directions, observations whitened by running
statistics, the best directions only, step scaled by the spread of their returns.
"""

import dataclasses
import os
from pathlib import Path

import gymnasium
import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from tto.data.actors import Actor, save_actor
from tto.data.environments import action_bounds, make_env
from tto.files import atomic_path


@dataclasses.dataclass(frozen=True)
class ARSConfig:
    """Settings of a search; the defaults are for hopper.

    Attributes:
        directions: random directions an update, each tried with both signs.
        best: directions that enter the update.
        step_size: length of a step, before it is divided by the spread of returns.
        noise: standard deviation of the directions.
        alive_bonus: subtracted from each reward, so that standing still earns nothing.
        action_noise: Gaussian noise on the actions while searching, as when collecting.
    """

    directions: int = 8
    best: int = 4
    step_size: float = 0.01
    noise: float = 0.025
    alive_bonus: float = 1.0
    action_noise: float = 0.0


@dataclasses.dataclass
class SearchState:
    """What a search needs to go on: weights (A, O), running moments of observations, counters."""

    weights: Float[np.ndarray, "A O"]
    mean: Float[np.ndarray, "O"]
    squares: Float[np.ndarray, "O"]
    observations: int = 0
    updates: int = 0
    steps: int = 0

    @property
    def std(self) -> Float[np.ndarray, "O"]:
        """Standard deviation of each observation dimension; constant ones count as infinite."""
        if self.observations < 2:
            return np.ones_like(self.mean)
        std = np.sqrt(self.squares / (self.observations - 1))
        return np.where(std < 1e-7, np.inf, std)

    def policy(self) -> tuple[np.ndarray, np.ndarray]:
        """The linear policy with whitening folded in: weights (O, A) and biases (A,)."""
        weight = (self.weights / self.std).T
        return weight, -self.mean @ weight

    def absorb(self, batch: Float[np.ndarray, "rows O"]) -> None:
        """Add rows to the running moments (Chan's parallel update)."""
        count = self.observations + len(batch)
        delta = batch.mean(0) - self.mean
        self.squares += (
            batch.var(0) * len(batch) + delta**2 * self.observations * len(batch) / count
        )
        self.mean = self.mean + delta * len(batch) / count
        self.observations = count


def train_ars(
    env_id: str,
    folder: str | os.PathLike[str],
    *,
    config: ARSConfig,
    seed: int,
    steps: int,
    checkpoint_steps: int,
) -> list[Path]:
    """Search for `steps` environment steps; write an actor every `checkpoint_steps`.

    A search that was interrupted goes on from its last checkpoint and ends as if it had not been:
    every update draws from a generator of its own, keyed by `seed` and the update's number.

    Returns:
        The checkpoints `actor-<steps>.npz` in the order of training.
    """
    folder = Path(folder)
    env = make_env(env_id)
    state = _load_state(folder / "state.npz") or _initial_state(env)
    next_checkpoint = (state.steps // checkpoint_steps + 1) * checkpoint_steps
    with tqdm(total=steps, initial=state.steps, unit="step", disable=None) as progress:
        while state.steps < steps:
            before = state.steps
            _update(env, state, config=config, seed=seed)
            progress.update(state.steps - before)
            if state.steps >= min(next_checkpoint, steps):
                save_actor(folder / f"actor-{state.steps:09d}.npz", _actor(env, state))
                _save_state(folder / "state.npz", state)
                next_checkpoint += checkpoint_steps
    env.close()
    return sorted(folder.glob("actor-*.npz"))


def _update(env: gymnasium.Env, state: SearchState, *, config: ARSConfig, seed: int) -> None:
    """One step of algorithm 2, in place."""
    generator = np.random.default_rng([seed, state.updates])
    directions = generator.standard_normal((config.directions, *state.weights.shape))
    returns = np.empty((config.directions, 2))
    visited = []
    mean, std = state.mean, state.std
    for i, direction in enumerate(directions):
        for j, sign in enumerate((1.0, -1.0)):
            weight = ((state.weights + sign * config.noise * direction) / std).T
            bias = -mean @ weight
            returns[i, j], rows = _rollout(env, weight, bias, generator, config)
            visited.append(rows)
    best = np.argsort(returns.max(1))[::-1][: config.best]
    gain = returns[best, 0] - returns[best, 1]
    spread = returns[best].std() + 1e-6
    gradient = np.tensordot(gain, directions[best], axes=1)
    state.weights = state.weights + config.step_size / (config.best * spread) * gradient
    state.absorb(np.concatenate(visited))
    state.updates += 1
    state.steps += sum(map(len, visited))


def _rollout(
    env: gymnasium.Env,
    weight: np.ndarray,
    bias: np.ndarray,
    generator: np.random.Generator,
    config: ARSConfig,
) -> tuple[float, np.ndarray]:
    """Return of one episode (rewards less the alive bonus) and the observations seen, (T, O)."""
    low, high = action_bounds(env)
    center, half = 0.5 * (high + low), 0.5 * (high - low)
    observation, _ = env.reset(seed=int(generator.integers(2**31)))
    total, visited, ended = 0.0, [], False
    while not ended:
        visited.append(observation)
        action = observation @ weight + bias
        if config.action_noise:
            action = action + config.action_noise * generator.standard_normal(action.shape)
        action = (center + half * np.clip(action, -1, 1)).astype(np.float32)
        observation, reward, terminated, truncated, _ = env.step(action)
        total += float(reward) - config.alive_bonus
        ended = terminated or truncated
    return total, np.array(visited)


def _actor(env: gymnasium.Env, state: SearchState) -> Actor:
    low, high = action_bounds(env)
    return Actor(hidden=(), mean=state.policy(), log_std=None, action_low=low, action_high=high)


def _initial_state(env: gymnasium.Env) -> SearchState:
    assert env.observation_space.shape is not None
    assert env.action_space.shape is not None
    (inputs,), (outputs,) = env.observation_space.shape, env.action_space.shape
    return SearchState(np.zeros((outputs, inputs)), np.zeros(inputs), np.zeros(inputs))


def _save_state(path: Path, state: SearchState) -> None:
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, allow_pickle=False, **dataclasses.asdict(state))


def _load_state(path: Path) -> SearchState | None:
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return SearchState(
        weights=arrays["weights"],
        mean=arrays["mean"],
        squares=arrays["squares"],
        observations=int(arrays["observations"]),
        updates=int(arrays["updates"]),
        steps=int(arrays["steps"]),
    )
