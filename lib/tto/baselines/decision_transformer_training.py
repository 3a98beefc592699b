"""Training of the Decision Transformer by squared errors of actions."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tto.baselines.decision_transformer import DecisionTransformer, DTConfig, DTPolicy
from tto.baselines.episode_split import join_episodes
from tto.baselines.fitting import BaselineTraining, train_baseline
from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset
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
    state = train_baseline(
        DTTraining,
        dataset,
        _steps_of(dataset),
        DTConfig(**settings),
        output,
        seed=seed,
        checkpoints=checkpoints,
        checkpoint_every=checkpoint_every,
        device=device,
        events=events,
    )
    return DTPolicy(state.network)


def _steps_of(dataset: EpisodeDataset) -> dict[str, Tensor]:
    """All steps, with the return from each on, its number, and the steps left in its episode."""

    def columns(episode: Episode) -> dict[str, np.ndarray]:
        T = len(episode)
        returns = np.cumsum(episode.rewards[::-1], dtype=np.float64)[::-1]
        return {
            "observation": episode.observations[:-1],
            "action": episode.actions,
            "return": returns.astype(np.float32),
            "step": np.arange(T),
            "left": np.arange(T, 0, -1),
        }

    return join_episodes(dataset, columns)


class DTTraining(BaselineTraining):
    """The Transformer and its optimiser."""

    method = "dt"

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
        super().__init__(data, config, env_id=env_id, seed=seed, row_every=row_every, device=device)
        O, A = data["observation"].shape[1], data["action"].shape[1]
        self._network = DecisionTransformer(O, A, int(data["step"].max()) + 1, config)
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

    @property
    def network(self) -> DecisionTransformer:
        """The Transformer."""
        return self._network

    def parts(self) -> dict[str, Any]:
        """The Transformer and its optimiser."""
        return {"network": self.network, "optimizer": self.optimizer}

    def learn(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """One update."""
        risen = min(1.0, (self.update + 1) / max(1, self.config.warmup_updates))
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.learning_rate * risen
        loss = self._loss(rng)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_GRADIENT)
        self.optimizer.step()
        return {"loss": loss}

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
