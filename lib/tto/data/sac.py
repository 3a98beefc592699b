"""Soft actor-critic for behaviour policies, by Stable-Baselines Jax (SBX, the extra `actors`).

Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications". Small networks and updates in
blocks let one processor core make several hundred steps per second.
"""

import dataclasses
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from tto.data.actors import Actor, save_actor
from tto.data.environments import make_env
from tto.errors import TTOError
from tto.files import StrPath, atomic_path
from tto.progress import Progress

STATE_STEPS = 50_000  # environment steps between two saved states of the training
BUFFER_SIZE = 1_000_000  # transitions
BUFFER_FIELDS = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


@dataclasses.dataclass(frozen=True)
class SACConfig:
    """Settings of a training.

    Attributes:
        hidden: widths of the actor's hidden layers.
        critic_hidden: widths of each critic's hidden layers.
        batch_size: transitions per gradient step.
        learning_rate: learning rate of actor, critics and entropy coefficient at the start.
        final_learning_rate: learning rate after `decay_steps` environment steps, to which it
            falls linearly.
        decay_steps: environment steps of this decay.
        learning_starts: random environment steps before learning.
        block: environment steps that are followed by as many gradient steps.
        discount, target_rate: gamma, and tau of the target networks.
    """

    hidden: tuple[int, ...] = (64, 64)
    critic_hidden: tuple[int, ...] = (128, 128)
    batch_size: int = 128
    learning_rate: float = 7e-4
    final_learning_rate: float = 1e-4
    decay_steps: int = 1_000_000
    learning_starts: int = 5_000
    block: int = 8
    discount: float = 0.99
    target_rate: float = 0.005


def train_sac(
    env_id: str,
    folder: StrPath,
    *,
    config: SACConfig,
    seed: int,
    steps: int,
    checkpoint_steps: int,
) -> list[Path]:
    """Train an actor, and write a checkpoint every `checkpoint_steps` after learning has started.

    An interrupted training resumes from its last saved state, with its replay buffer. The episode
    in progress is lost, so the result differs from that of an uninterrupted training.

    Args:
        env_id: environment.
        folder: folder of the checkpoints and of the saved state.
        config: settings of the algorithm.
        seed: seed of the training.
        steps: environment steps of the training.
        checkpoint_steps: environment steps between two checkpoints.

    Returns:
        Paths of the checkpoints `actor-<steps>.npz`, in the order of training.

    Raises:
        TTOError: SBX is not installed.
    """
    folder = Path(folder)
    env = make_env(env_id)
    agent = _agent(env, config=config, seed=seed, buffer_size=min(steps, BUFFER_SIZE))
    _restore(agent, folder / "state")
    with Progress(total=steps, initial=agent.num_timesteps, unit="steps") as progress:
        while agent.num_timesteps < steps:
            before = agent.num_timesteps
            rate = _learning_rate(config, before)
            agent.lr_schedule = lambda _remaining, rate=rate: rate
            agent.learn(checkpoint_steps, reset_num_timesteps=False)
            progress.update(agent.num_timesteps - before)
            if agent.num_timesteps > config.learning_starts:  # until then it is untrained
                save_actor(folder / f"actor-{agent.num_timesteps:09d}.npz", actor_of(agent))
            if agent.num_timesteps // STATE_STEPS > before // STATE_STEPS:
                _save(agent, folder / "state")
    env.close()
    return sorted(folder.glob("actor-*.npz"))


def actor_of(agent: Any) -> Actor:
    """The actor of an SBX agent, whose last two layers are the mean and log standard deviation."""
    layers = agent.policy.actor_state.params["params"]
    count = len(agent.policy.net_arch_pi)
    ordered = [
        (np.asarray(layers[name]["kernel"]), np.asarray(layers[name]["bias"]))
        for name in (f"Dense_{i}" for i in range(count + 2))
    ]
    space = agent.action_space
    return Actor(
        hidden=tuple(ordered[:count]),
        mean=ordered[count],
        log_std=ordered[count + 1],
        action_low=space.low.astype(np.float32),
        action_high=space.high.astype(np.float32),
    )


def _learning_rate(config: SACConfig, steps: int) -> float:
    """The learning rate after some environment steps."""
    share = min(steps / config.decay_steps, 1.0)
    return config.learning_rate + share * (config.final_learning_rate - config.learning_rate)


def _agent(env: gymnasium.Env, *, config: SACConfig, seed: int, buffer_size: int) -> Any:
    try:
        import sbx  # pyright: ignore[reportMissingImports]  # optional, slow to import
    except ImportError as error:
        raise TTOError(
            "expected SBX to train actors by SAC, got no such package; install the project's extra "
            "`actors`, or use the shipped actors (collect: actors: resources/actors)"
        ) from error
    agent = sbx.SAC(
        "MlpPolicy",
        env,
        policy_kwargs={"net_arch": {"pi": list(config.hidden), "qf": list(config.critic_hidden)}},
        buffer_size=buffer_size,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        learning_starts=config.learning_starts,
        train_freq=config.block,
        gradient_steps=config.block,
        gamma=config.discount,
        tau=config.target_rate,
        seed=seed,
    )
    agent.num_timesteps = 0
    return agent


def _networks(agent: Any) -> dict[str, Any]:
    policy = agent.policy
    return {
        "actor": policy.actor_state,
        "critics": policy.qf_state,
        "entropy": agent.ent_coef_state,
        "key": agent.key,
    }


def _save(agent: Any, folder: Path) -> None:
    """Write networks, optimisers and replay buffer, without pickled objects."""
    from flax import serialization  # pyright: ignore[reportMissingImports]

    buffer = agent.replay_buffer
    rows = buffer.buffer_size if buffer.full else buffer.pos
    arrays = {name: getattr(buffer, name)[:rows] for name in BUFFER_FIELDS}
    counters = {"steps": agent.num_timesteps, "position": buffer.pos, "full": buffer.full}
    with atomic_path(folder) as temporary:
        temporary.mkdir(parents=True)
        (temporary / "networks.msgpack").write_bytes(serialization.to_bytes(_networks(agent)))
        np.savez(temporary / "buffer.npz", allow_pickle=False, **arrays, **counters)


def _restore(agent: Any, folder: Path) -> None:
    """Restore what `_save` wrote, if there is a saved state."""
    if not folder.exists():
        return
    from flax import serialization  # pyright: ignore[reportMissingImports]

    networks = serialization.from_bytes(
        _networks(agent), (folder / "networks.msgpack").read_bytes()
    )
    agent.policy.actor_state = networks["actor"]
    agent.policy.qf_state = networks["critics"]
    agent.ent_coef_state = networks["entropy"]
    agent.key = networks["key"]
    with np.load(folder / "buffer.npz", allow_pickle=False) as archive:
        for name in BUFFER_FIELDS:
            getattr(agent.replay_buffer, name)[: len(archive[name])] = archive[name]
        agent.replay_buffer.pos = int(archive["position"])
        agent.replay_buffer.full = bool(archive["full"])
        agent.num_timesteps = int(archive["steps"])
