"""Offline reinforcement learning without models or plans: CQL, IQL and TD3+BC, by TorchRL's losses.

CQL (Kumar et al. 2020, arXiv:2006.04779) is a baseline of the paper's table 1. IQL (Kostrikov et
al. 2021, arXiv:2110.06169) and TD3+BC (Fujimoto and Gu 2021, arXiv:2106.06860) came later. All
three learn an actor and two critics from transitions; they differ in how they keep the actor near
the data. The losses are TorchRL's; networks, data, resuming and files are here.

Letters: N transitions, O observation dimensions, A action dimensions.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tto.baselines.actor import Actor, OfflineRLConfig
from tto.baselines.files import write_baseline
from tto.baselines.networks import NetworkPolicy, ScaledNetwork, perceptron
from tto.data.episodes import EpisodeDataset
from tto.digest import code_digest
from tto.errors import TTOError
from tto.files import StrPath
from tto.training.checkpoint import locked, train_to_end
from tto.training.interruption import catch_stop_signals

METHODS = ("cql", "iql", "td3_bc")
_LARGEST = 0.999  # size of an action, in half ranges, whose probability tanh can still express


def train_offline_rl(
    dataset: EpisodeDataset,
    output: StrPath,
    *,
    method: str,
    seed: int,
    checkpoints: StrPath,
    checkpoint_every: int = 2000,
    device: str = "cpu",
    events: StrPath | None = None,
    **settings: Any,
) -> NetworkPolicy:
    """Train on `dataset`; write model.safetensors, config.json and metrics.csv into `output`.

    An interrupted training resumes from its last checkpoint, and the interruption does not change
    the result. SIGTERM and SIGINT stop the training after a checkpoint.

    Args:
        method: "cql", "iql" or "td3_bc".
        seed: seed of the initial weights, the batches and the noise.
        checkpoints: folder of the checkpoints of all trainings.
        checkpoint_every: updates between checkpoints and rows of metrics.csv.
        device: device of networks and data.
        events: folder of TensorBoard's event files; None writes no events.
        settings: fields of `OfflineRLConfig`.

    Raises:
        TTOError: an unknown method, a bad setting, a loss that is not finite, or a signal to stop.
    """
    if method not in METHODS:
        raise TTOError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    config = OfflineRLConfig(**settings)
    data = _transitions(dataset)
    identity = {
        "method": method,
        "config": asdict(config),
        "seed": seed,
        "env_id": dataset.env_id,
        "data": _digest(data),
        "code": code_digest(__name__),
    }
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    with (
        locked(Path(checkpoints) / key) as folder,
        catch_stop_signals() as stop_signal,
        torch.random.fork_rng(devices=[]),
    ):
        state = _Training(
            data,
            method,
            config,
            env_id=dataset.env_id,
            seed=seed,
            row_every=checkpoint_every,
            device=torch.device(device),
        )
        train_to_end(
            state,
            folder,
            stop_signal,
            name=method,
            checkpoint_every=checkpoint_every,
            events=events,
        )
    stored = {"method": method, "env_id": dataset.env_id, "dataset": dataset.name, "seed": seed}
    write_baseline(Path(output), state.actor, config=stored | asdict(config), metrics=state.metrics)
    return NetworkPolicy(state.actor.cpu())


def _digest(data: Mapping[str, Tensor]) -> str:
    """SHA-256 of the transitions."""
    digest = hashlib.sha256()
    for values in data.values():
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


class _Training:
    """Networks, optimisers and metrics after some number of updates.

    An update's batch and noise depend only on the seed and the update's number.
    """

    def __init__(
        self,
        data: Mapping[str, Tensor],
        method: str,
        config: OfflineRLConfig,
        *,
        env_id: str,
        seed: int,
        row_every: int,
        device: torch.device,
    ) -> None:
        # TorchRL takes seconds to import, so policies are loaded and played without it.
        from torchrl.objectives import SoftUpdate

        torch.manual_seed(seed)
        self.method, self.config, self.seed, self.row_every = method, config, seed, row_every
        O, A = data["observation"].shape[1], data["action"].shape[1]
        self.actor = Actor(O, A, config.hidden)
        self.actor.set_scales(data["observation"], env_id)
        self.data = _as_learned(data, self.actor, config.reward_scale, device)
        self.actor.to(device)
        critic = _Critic(O, A, config.hidden).to(device)
        self.loss = _LOSSES[method](self.actor, critic, O, config)
        self.loss.make_value_estimator(gamma=config.discount)
        self.targets = SoftUpdate(self.loss, tau=config.target_rate)
        self.optimizer = torch.optim.Adam(
            [p for p in self.loss.parameters() if p.requires_grad], lr=config.learning_rate
        )
        self.update, self.updates, self.seconds = 0, config.updates, 0.0
        self.sums: dict[str, list[float]] = {}  # of each loss since the last row, and its count
        self.metrics: list[dict[str, float | int]] = []

    def state_dict(self) -> dict[str, Any]:
        """All that determines how the training goes on."""
        return {
            "update": self.update,
            "seconds": self.seconds,
            "sums": self.sums,
            "metrics": self.metrics,
            "loss": dict(self.loss.state_dict()),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.update, self.seconds = state["update"], state["seconds"]
        self.sums, self.metrics = dict(state["sums"]), list(state["metrics"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])

    def advance(self) -> dict[str, float | int] | None:
        """Make one update; return a row of metrics when one is due, else None.

        Raises:
            TTOError: a loss is not finite.
        """
        started = time.perf_counter()
        rng = np.random.default_rng([self.seed, self.update])
        torch.manual_seed(int(rng.integers(2**62)))
        batch = self._batch(rng.integers(len(self.data["reward"]), size=self.config.batch_size))
        losses = self._losses(batch)
        for name, loss in losses.items():
            value = float(loss.detach())
            if not math.isfinite(value):
                raise TTOError(
                    f"{self.method}: expected a finite {name}, got {value} at update "
                    f"{self.update}; lower {self.method}.learning_rate"
                )
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = [total + value, count + 1]
        self.optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        self.optimizer.step()
        self.targets.step()
        self.update += 1
        self.seconds += time.perf_counter() - started
        due = self.update % self.row_every == 0 or self.update == self.updates
        return self._row() if due else None

    def _row(self) -> dict[str, float | int]:
        """Add a row of metrics, with the mean losses since the last one, and return it."""
        row: dict[str, float | int] = {"update": self.update, "seconds": round(self.seconds, 3)}
        row |= {name: total / count for name, (total, count) in sorted(self.sums.items())}
        self.metrics.append(row)
        self.sums = {}
        return row

    def _batch(self, rows: np.ndarray) -> Any:
        from tensordict import TensorDict

        index = torch.from_numpy(rows).to(self.data["reward"].device)
        chosen = {name: values[index] for name, values in self.data.items()}
        terminated = chosen["terminated"][:, None]
        return TensorDict(
            {
                "observation": chosen["observation"],
                "action": chosen["action"],
                ("next", "observation"): chosen["next_observation"],
                ("next", "reward"): chosen["reward"][:, None],
                ("next", "terminated"): terminated,
                ("next", "done"): terminated,
            },
            batch_size=[len(rows)],
        )

    def _losses(self, batch: Any) -> dict[str, Tensor]:
        """The losses whose sum is minimised."""
        found = self.loss(batch)
        names = [name for name in map(str, found.keys()) if name.startswith("loss_")]
        if self.method == "td3_bc" and self.update % 2:  # the actor learns at every other update
            names.remove("loss_actor")
        if self.method == "cql":
            clones = self.update < self.config.cloning_updates
            names.remove("loss_actor" if clones else "loss_actor_bc")
        return {name.removeprefix("loss_"): found[name] for name in names}


class _Critic(nn.Module):
    """A perceptron from a standardised observation and an action to a value."""

    def __init__(self, observation_dim: int, action_dim: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.layers = perceptron(observation_dim + action_dim, hidden, 1)

    def forward(
        self, observations: Float[Tensor, "*N O"], actions: Float[Tensor, "*N A"]
    ) -> Float[Tensor, "*N 1"]:
        return self.layers(torch.cat([observations, actions], dim=-1))


def _transitions(dataset: EpisodeDataset) -> dict[str, Tensor]:
    """All transitions, as recorded."""
    columns: dict[str, list[np.ndarray]] = {}
    for episode in dataset:
        terminated = np.zeros(len(episode), dtype=bool)
        terminated[-1] = episode.terminated
        parts = {
            "observation": episode.observations[:-1],
            "action": episode.actions,
            "next_observation": episode.observations[1:],
            "reward": episode.rewards.astype(np.float32),
            "terminated": terminated,
        }
        for name, part in parts.items():
            columns.setdefault(name, []).append(part)
    return {name: torch.from_numpy(np.concatenate(parts)) for name, parts in columns.items()}


def _as_learned(
    data: Mapping[str, Tensor], scales: ScaledNetwork, reward_scale: float, device: torch.device
) -> dict[str, Tensor]:
    """Standardised observations, scaled rewards, and actions in half ranges of their space."""
    learned = {
        **data,
        "observation": scales.standardised(data["observation"]),
        "next_observation": scales.standardised(data["next_observation"]),
        "action": scales.scaled(data["action"]).clamp(-_LARGEST, _LARGEST),
        "reward": data["reward"] * reward_scale,
    }
    return {name: values.to(device) for name, values in learned.items()}


def _stochastic(actor: Actor) -> Any:
    """The actor as TorchRL's, with actions between -1 and 1."""
    from tensordict.nn import TensorDictModule
    from torchrl.modules import ProbabilisticActor, TanhNormal

    return ProbabilisticActor(
        TensorDictModule(actor, in_keys=["observation"], out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"],
        spec=_action_spec(actor),
        distribution_class=TanhNormal,
        distribution_kwargs={"tanh_loc": False},
        return_log_prob=True,
    )


def _action_spec(actor: Actor) -> Any:
    from torchrl.data import Bounded

    return Bounded(-1.0, 1.0, shape=actor.action_low.shape, device=actor.action_low.device)


def _critic(critic: _Critic) -> Any:
    from torchrl.modules import ValueOperator

    return ValueOperator(critic, in_keys=["observation", "action"])


def _iql(actor: Actor, critic: _Critic, observation_dim: int, config: OfflineRLConfig) -> Any:
    from torchrl.modules import ValueOperator
    from torchrl.objectives import IQLLoss

    value = perceptron(observation_dim, config.hidden, 1).to(actor.action_low.device)
    return IQLLoss(
        _stochastic(actor),
        _critic(critic),
        ValueOperator(value, in_keys=["observation"]),
        loss_function="l2",
        temperature=config.inverse_temperature,
        expectile=config.expectile,
    )


def _td3_bc(actor: Actor, critic: _Critic, observation_dim: int, config: OfflineRLConfig) -> Any:
    from tensordict.nn import TensorDictModule
    from torchrl.objectives import TD3BCLoss

    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.actor = actor

        def forward(self, observations: Tensor) -> Tensor:
            return self.actor(observations)[0].tanh()

    return TD3BCLoss(
        TensorDictModule(Mean(), in_keys=["observation"], out_keys=["action"]),
        _critic(critic),
        action_spec=_action_spec(actor),
        loss_function="l2",
        alpha=config.value_weight,
    )


def _cql(actor: Actor, critic: _Critic, observation_dim: int, config: OfflineRLConfig) -> Any:
    from torchrl.objectives import CQLLoss

    return CQLLoss(
        _stochastic(actor),
        _critic(critic),
        loss_function="l2",
        action_spec=_action_spec(actor),
        min_q_weight=config.conservatism,
        num_random=config.sampled_actions,
    )


_LOSSES: dict[str, Callable[[Actor, _Critic, int, OfflineRLConfig], Any]] = {
    "cql": _cql,
    "iql": _iql,
    "td3_bc": _td3_bc,
}
