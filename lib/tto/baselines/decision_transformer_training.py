"""Training of the Decision Transformer by squared errors of actions."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tto.baselines.actor_critic import digest_of
from tto.baselines.decision_transformer import DecisionTransformer, DTConfig, DTPolicy
from tto.baselines.files import write_baseline
from tto.baselines.fitting import fit_resumably
from tto.data.episodes import EpisodeDataset
from tto.digest import code_digest
from tto.errors import TTOError
from tto.files import StrPath

_LARGEST_GRADIENT = 0.25  # norm that a gradient is clipped to, as in the authors' code


def train_decision_transformer(
    dataset: EpisodeDataset,
    output: StrPath,
    *,
    seed: int,
    checkpoints: StrPath,
    checkpoint_every: int = 1000,
    device: str = "cpu",
    events: StrPath | None = None,
    **settings: Any,
) -> DTPolicy:
    """Train on `dataset`; write model.safetensors, config.json and metrics.csv into `output`.

    Args and errors are those of `tto.baselines.offline_rl.train_offline_rl`; settings are fields of
    `DTConfig`.
    """
    config = DTConfig(**settings)
    data = _steps_of(dataset)
    identity = {
        "method": "dt",
        "config": asdict(config),
        "seed": seed,
        "env_id": dataset.env_id,
        "data": digest_of(data),
        "code": code_digest(__name__),
    }
    build = partial(
        DTTraining,
        data,
        config,
        env_id=dataset.env_id,
        seed=seed,
        row_every=checkpoint_every,
        device=torch.device(device),
    )
    state = fit_resumably(
        build, identity, checkpoints, checkpoint_every=checkpoint_every, events=events
    )
    stored = {"method": "dt", "env_id": dataset.env_id, "dataset": dataset.name, "seed": seed}
    write_baseline(
        Path(output), state.network, config=stored | asdict(config), metrics=state.metrics
    )
    return DTPolicy(state.network.cpu())


def _steps_of(dataset: EpisodeDataset) -> dict[str, Tensor]:
    """All steps, with the return from each on, its number, and the steps left in its episode."""
    columns: dict[str, list[np.ndarray]] = {}
    for episode in dataset:
        T = len(episode)
        parts = {
            "observation": episode.observations[:-1],
            "action": episode.actions,
            "return": np.cumsum(episode.rewards[::-1], dtype=np.float64)[::-1].astype(np.float32),
            "step": np.arange(T),
            "left": np.arange(T, 0, -1),
        }
        for name, part in parts.items():
            columns.setdefault(name, []).append(part)
    return {name: torch.from_numpy(np.concatenate(parts)) for name, parts in columns.items()}


class DTTraining:
    """Network, optimiser and metrics after some number of updates (`Resumable`).

    An update's batch and dropout depend only on the seed and the update's number.
    """

    def __init__(
        self,
        data: Mapping[str, Tensor],
        config: DTConfig,
        *,
        env_id: str,
        seed: int,
        row_every: int,
        device: torch.device,
    ) -> None:
        torch.manual_seed(seed)
        self.config, self.seed, self.row_every = config, seed, row_every
        O, A = data["observation"].shape[1], data["action"].shape[1]
        self.network = DecisionTransformer(O, A, int(data["step"].max()) + 1, config)
        self.network.set_scales(data["observation"], env_id)
        best = data["return"][data["step"] == 0].max()
        self.network.target.copy_(config.target * best)
        self.network.return_scale.copy_(data["return"].abs().max().clamp(min=1e-6))
        learned = {**data, "action": self.network.scaled(data["action"])}
        self.data = {name: values.to(device) for name, values in learned.items()}
        self.network.to(device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self.update, self.updates, self.seconds = 0, config.updates, 0.0
        self.total, self.count = 0.0, 0  # of the losses since the last row
        self.metrics: list[dict[str, float | int]] = []

    def state_dict(self) -> dict[str, Any]:
        """All that determines how the training goes on."""
        return {
            "update": self.update,
            "seconds": self.seconds,
            "loss": [self.total, self.count],
            "metrics": self.metrics,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.update, self.seconds = state["update"], state["seconds"]
        (self.total, self.count), self.metrics = state["loss"], list(state["metrics"])
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])

    def advance(self) -> dict[str, float | int] | None:
        """Make one update; return a row of metrics when one is due, else None.

        Raises:
            TTOError: the loss is not finite.
        """
        started = time.perf_counter()
        rng = np.random.default_rng([self.seed, self.update])
        torch.manual_seed(int(rng.integers(2**62)))
        risen = min(1.0, (self.update + 1) / max(1, self.config.warmup_updates))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * risen
        loss = self._loss(rng)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise TTOError(
                f"dt: expected a finite loss, got {value} at update {self.update}; lower "
                "dt.learning_rate"
            )
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_GRADIENT)
        self.optimizer.step()
        self.update += 1
        self.seconds += time.perf_counter() - started
        self.total, self.count = self.total + value, self.count + 1
        due = self.update % self.row_every == 0 or self.update == self.updates
        return self._row() if due else None

    def _row(self) -> dict[str, float | int]:
        row = {"update": self.update, "seconds": round(self.seconds, 3)}
        row["loss"] = self.total / self.count
        self.metrics.append(row)
        self.total, self.count = 0.0, 0
        return row

    def _loss(self, rng: np.random.Generator) -> Tensor:
        """Mean squared error of the actions in a batch of windows.

        A window begins at any step. Where its episode ends, steps of the next one follow; they are
        not counted, and no earlier step sees them.
        """
        data, K = self.data, self.config.context
        device = data["step"].device
        first = rng.integers(len(data["step"]), size=(self.config.batch_size, 1))
        rows = torch.from_numpy(np.minimum(first + np.arange(K), len(data["step"]) - 1)).to(device)
        left = data["left"][rows[:, 0]][:, None]
        counted = torch.arange(K, device=device) < left
        actions = data["action"][rows]
        found = self.network(
            data["return"][rows], data["observation"][rows], actions, data["step"][rows]
        )
        return (found - actions)[counted].square().mean()
