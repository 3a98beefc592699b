"""Training of a Trajectory Transformer on a token file (section 3.1, appendix A)."""

import csv
import hashlib
import json
import math
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from tto.digest import code_digest
from tto.errors import TTOError
from tto.files import atomic_path, content_digest
from tto.model.checkpoint import load_checkpoint, locked, save_checkpoint
from tto.model.loss import LossWeights, next_token_losses, weighted_mean
from tto.model.optimizers import OptimizerConfig, learning_rate, make_optimizers
from tto.model.trained import TrainedModel, save
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.model.windows import Windows, split_windows
from tto.tokens.token_file import TokenFile, read_token_file

METRICS: tuple[str, ...] = (
    "update",
    "tokens",
    "seconds",
    "learning_rate",
    "train_loss",
    "held_out_loss",
    "tokens_per_second",
)


@dataclass(frozen=True)
class TrainingConfig:
    """How long and on what a model is trained.

    Attributes:
        epochs: tokens seen over tokens in the training episodes. The paper's 80 epochs in 6 to 12
            V100-hours fit this reading; one window for each transition would be 32 times as much.
        batch_size: windows an update.
        evaluate_every: updates between rows of metrics.csv.
        evaluation_windows: held-out windows that the held-out loss is a mean over.
        checkpoint_every: updates between checkpoints.
        precision: of the forward and backward pass; weights are float32 always.
    """

    epochs: float
    batch_size: int = 64
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss_weights: LossWeights = field(default_factory=LossWeights)
    held_out_fraction: float = 0.05
    evaluate_every: int = 500
    evaluation_windows: int = 256
    checkpoint_every: int = 500
    precision: Literal["float32", "bfloat16"] = "float32"


def train(
    token_path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    model: dict[str, Any],
    training: TrainingConfig,
    seed: int,
    checkpoints: str | os.PathLike[str],
    device: str = "cpu",
) -> TrainedModel:
    """Train on the tokens at `token_path` and write the model and metrics.csv to `output`.

    Training that was cut off goes on from its last checkpoint under `checkpoints`, in a folder
    named by the digest of all that determines the result, and ends as it would have without.

    Args:
        model: fields of `ModelConfig` other than those that the token file gives.
        seed: of the initial weights, the held-out episodes, the windows' order and dropout.

    Raises:
        TTOError: an unreadable token file, sizes that do not fit, or a loss that is not finite.
    """
    file = read_token_file(token_path)
    config = ModelConfig(
        observation_dim=file.attributes.observation_dim,
        action_dim=file.attributes.action_dim,
        vocabulary=file.attributes.token_count,
        **model,
    )
    identity = {
        "model": asdict(config),
        "training": asdict(training),
        "seed": seed,
        "tokens": content_digest(token_path),
        "code": code_digest(__name__),
    }
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    with locked(Path(checkpoints) / key) as folder:
        run = _Run(file, config, training, seed=seed, device=torch.device(device))
        run.restore(load_checkpoint(folder))
        for _ in run.updates_left():
            if run.update % training.checkpoint_every == 0 or run.finished:
                save_checkpoint(folder, run.state())
    trained = TrainedModel(run.network, file.discretizer, file.attributes)
    with atomic_path(Path(output) / "metrics.csv") as path, open(path, "w", newline="") as table:
        writer = csv.DictWriter(table, METRICS)
        writer.writeheader()
        writer.writerows(run.metrics)
    save(output, trained, extra={"training": asdict(training), "seed": seed})
    return trained


class _Run:
    """One training run between its checkpoints.

    Windows and dropout masks of an update are drawn from the seed and the update's number alone, so
    that nothing but weights, optimisers and the metrics so far has to be stored.
    """

    def __init__(
        self,
        file: TokenFile,
        config: ModelConfig,
        training: TrainingConfig,
        *,
        seed: int,
        device: torch.device,
    ) -> None:
        self.training, self.seed, self.device = training, seed, device
        self.train_windows, self.held_out_windows = split_windows(
            file,
            stop_token=config.vocabulary if config.stop_token else None,
            transitions=config.block_transitions,
            held_out_fraction=training.held_out_fraction,
            rng=np.random.default_rng([seed, 1]),
        )
        self.network = TrajectoryTransformer(
            config, generator=torch.Generator().manual_seed(seed)
        ).to(device)
        self.optimizers = make_optimizers(self.network, training.optimizer)
        self.weights = training.loss_weights.of_dimensions(config, device)
        windows_an_epoch = len(self.train_windows) / config.block_transitions
        self.updates = math.ceil(training.epochs * windows_an_epoch / training.batch_size)
        self.update, self.seconds, self.losses = 0, 0.0, []
        self.metrics: list[dict[str, float]] = []

    @property
    def finished(self) -> bool:
        return self.update == self.updates

    def state(self) -> dict[str, Any]:
        return {
            "update": self.update,
            "seconds": self.seconds,
            "losses": self.losses,
            "metrics": self.metrics,
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def restore(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self.update, self.seconds = state["update"], state["seconds"]
        self.losses, self.metrics = state["losses"], state["metrics"]
        self.network.load_state_dict(state["network"])
        for optimizer, stored in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)

    def updates_left(self) -> Iterator[None]:
        """Make the updates that are left, one at each step of the iteration."""
        progress = tqdm(
            total=self.updates, initial=self.update, desc="train", unit="update", disable=None
        )
        with progress:
            while not self.finished:
                started = time.perf_counter()
                self.losses.append(self._make_update())
                self.seconds += time.perf_counter() - started
                self.update += 1
                if self.update % self.training.evaluate_every == 0 or self.finished:
                    self._add_metrics()
                    progress.set_postfix(
                        {name: f"{self.metrics[-1][name]:.3f}" for name in METRICS[4:6]}
                    )
                progress.update()
                yield

    def _make_update(self) -> float:
        rate = learning_rate(self.update, updates=self.updates, config=self.training.optimizer)
        rng = np.random.default_rng([self.seed, 2, self.update])
        windows = rng.integers(len(self.train_windows), size=self.training.batch_size)
        masks = torch.Generator(self.device).manual_seed(int(rng.integers(2**62)))
        loss = self._loss(self.train_windows, windows, generator=masks)
        value = loss.item()
        if not math.isfinite(value):
            raise TTOError(
                f"training: expected a finite loss, got {value} at update {self.update} with "
                f"learning rate {rate:.3g}; lower the rate or set training.clip_norm"
            )
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
            for group in optimizer.param_groups:
                group["lr"] = rate
        loss.backward()
        if self.training.optimizer.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(
                self.network.parameters(), self.training.optimizer.clip_norm
            )
        for optimizer in self.optimizers:
            optimizer.step()
        return value

    def _loss(
        self,
        windows: Windows,
        chosen: np.ndarray,
        *,
        generator: torch.Generator | None = None,
        weights: Tensor | None = None,
    ) -> Float[Tensor, ""]:
        arrays = windows.gather(chosen)
        tokens, real = (torch.from_numpy(array).to(self.device) for array in arrays)
        bfloat16 = self.training.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            logits = self.network(tokens[:, :-1], generator=generator)
        losses = next_token_losses(logits, tokens)
        return weighted_mean(losses, real, self.weights if weights is None else weights)

    @torch.no_grad()
    def _held_out_loss(self) -> float:
        """Unweighted mean over the same windows each time, in nats a token."""
        count = min(self.training.evaluation_windows, len(self.held_out_windows))
        if count == 0:
            return math.nan
        rng = np.random.default_rng([self.seed, 3])
        chosen = rng.choice(len(self.held_out_windows), size=count, replace=False)
        batches = np.array_split(chosen, math.ceil(count / self.training.batch_size))
        ones = torch.ones_like(self.weights)
        losses = [
            self._loss(self.held_out_windows, batch, weights=ones).item() for batch in batches
        ]
        return float(np.average(losses, weights=[len(batch) for batch in batches]))

    def _add_metrics(self) -> None:
        tokens = self.update * self.training.batch_size * self.network.config.block_size
        row = {
            "update": self.update,
            "tokens": tokens,
            "seconds": round(self.seconds, 3),
            "learning_rate": self.optimizers[0].param_groups[0]["lr"],
            "train_loss": float(np.mean(self.losses)),
            "held_out_loss": self._held_out_loss(),
            "tokens_per_second": round(tokens / self.seconds),
        }
        self.metrics.append(row)
        self.losses = []
