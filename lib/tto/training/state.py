"""The state of one training: weights, optimisers and metrics, which each update advances."""

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, Integer
from torch import Tensor

from tto.errors import TTOError
from tto.model.attention import DropoutSource
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.tokens.token_file import TokenFile
from tto.training.config import TrainingConfig
from tto.training.distributed import ProcessGroup
from tto.training.held_out import held_out_losses
from tto.training.loss import next_token_losses, weighted_sum
from tto.training.optimizers import learning_rate, make_optimizers
from tto.training.smooth_bins import smooth_bins
from tto.training.windows import Windows, split_windows

METRICS: tuple[str, ...] = (
    "update",
    "tokens",
    "seconds",
    "learning_rate",
    "train_loss",
    "held_out_loss",
    "tokens_per_second",
)
_SHORT = 2  # transitions of a short window
_EXPLODED = 3.0  # ratio to the first update's loss, which is about that of guessing

Forward = Callable[..., Float[Tensor, "B predicted V"]]


class TrainingState:
    """Weights, optimisers and metrics of one training after some number of updates.

    The windows and dropout masks of an update depend only on the seed and the update's number, so
    checkpoints need no state of random generators.

    Attributes:
        updates: number of updates of the whole training.
        update: number of updates so far.
        seconds: time that the updates took so far.
        losses: training losses since the last row of metrics.
        first_loss: training loss of the first update.
        metrics: rows of metrics.csv so far.
    """

    def __init__(
        self,
        file: TokenFile,
        config: ModelConfig,
        training: TrainingConfig,
        *,
        seed: int,
        device: torch.device,
        group: ProcessGroup,
    ) -> None:
        self.training, self.seed, self.device, self.group = training, seed, device, group
        self.train_windows, held_out = split_windows(
            file,
            transitions=config.block_transitions,
            stop_token=config.vocabulary if config.stop_token else None,
            goal=config.goal,
            held_out_fraction=training.held_out_fraction,
            rng=np.random.default_rng([seed, 1]),
        )
        # stop tokens are easy to predict and would hide the loss of what the data hold
        self.held_out_windows = dataclasses.replace(held_out, stop_token=None)
        short = min(_SHORT + config.goal, config.block_transitions)
        self.short_windows = dataclasses.replace(self.train_windows, transitions=short)
        self.network = TrajectoryTransformer(
            config, generator=torch.Generator().manual_seed(seed)
        ).to(device)
        if training.bins == "smooth":
            smooth_bins(self.network, bins=file.attributes.vocabulary)
            self.network.to(device)
        forward = group.wrap(self.network, device)
        self._forward: Forward = torch.compile(forward) if training.compile else forward
        self.optimizers = make_optimizers(self.network, training.optimizer)
        self.weights = training.loss_weights.of_dimensions(config, device)
        self.updates = training.updates(len(self.train_windows), config.block_transitions)
        self.update, self.seconds = 0, 0.0
        self.losses: list[float] = []
        self.first_loss = math.nan
        self.metrics: list[dict[str, float | int]] = []

    @property
    def finished(self) -> bool:
        """Whether all updates are made."""
        return self.update == self.updates

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, lists and dictionaries from which `load_state_dict` can resume."""
        return {
            "update": self.update,
            "seconds": self.seconds,
            "losses": self.losses,
            "first_loss": self.first_loss,
            "metrics": self.metrics,
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a dictionary that `state_dict` returned."""
        self.update, self.seconds = state["update"], state["seconds"]
        self.losses, self.metrics = state["losses"], state["metrics"]
        self.first_loss = state["first_loss"]
        self.network.load_state_dict(state["network"])
        for optimizer, stored in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(stored)

    def advance(self) -> dict[str, float | int] | None:
        """Make one update; return a row of metrics when an evaluation is due, else None.

        Only the first process of a group evaluates.

        Raises:
            TTOError: the loss is not finite, or far above that of the first update.
        """
        started = time.perf_counter()
        self.losses.append(self._make_update())
        self.seconds += time.perf_counter() - started
        self.update += 1
        due = self.update % self.training.evaluate_every == 0 or self.finished
        if not (due and self.group.is_first):
            return None
        sums, counts = self.dimension_losses()
        held_out = float(sums.sum() / counts.sum()) if counts.any() else math.nan
        if counts.any() and not math.isfinite(held_out):
            raise TTOError(
                f"training: expected a finite held-out loss, got {held_out} after update "
                f"{self.update}; lower training.learning_rate or set training.clip_norm"
            )
        tokens = self.update * self.training.batch_size * self.network.config.block_size
        row = {
            "update": self.update,
            "tokens": tokens,
            "seconds": round(self.seconds, 3),
            "learning_rate": self.optimizers[0].param_groups[0]["lr"],
            "train_loss": float(np.mean(self.losses)),
            "held_out_loss": held_out,
            "tokens_per_second": round(tokens / self.seconds),
        }
        self.metrics.append(row)
        self.losses = []
        return row

    def dimension_losses(self) -> tuple[Float[np.ndarray, "T D"], Int[np.ndarray, "T D"]]:
        """Sums of unweighted held-out losses at each place and dimension, and numbers of tokens.

        The windows are the same each time.
        """
        return held_out_losses(
            self.held_out_windows,
            lambda batch: self._losses(self.network, self.held_out_windows, batch),
            count=self.training.evaluation_windows,
            batch_size=self.training.batch_size,
            seed=self.seed,
        )

    def _make_update(self) -> float:
        """Make an update; return its loss without weights, in nats a token, as held-out losses."""
        rate = learning_rate(self.update, updates=self.updates, config=self.training.optimizer)
        rng = np.random.default_rng([self.seed, 2, self.update])
        short = self.update < self.training.short_windows * self.updates
        windows = self.short_windows if short else self.train_windows
        count = self.training.batch_size * self.train_windows.transitions // windows.transitions
        chosen = rng.integers(len(windows), size=count)
        with self._dropout(int(rng.integers(2**62)) + self.group.rank) as masks:
            losses, counted = self._losses(
                self._forward, windows, self.group.share(chosen), generator=masks
            )
        total = self.group.sum(counted[:, 1:].sum().float())
        loss = weighted_sum(losses, counted, self.weights) / total
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
            for parameters in optimizer.param_groups:
                parameters["lr"] = rate
        (loss * self.group.size).backward()  # DistributedDataParallel averages
        if self.training.optimizer.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(
                self.network.parameters(), self.training.optimizer.clip_norm
            )
        for optimizer in self.optimizers:
            optimizer.step()
        # Only here, because a GPU's work so far must end before its loss can be read.
        plain = (losses.detach() * counted[:, 1:]).sum() / total
        value = self.group.sum(plain).item()
        self._check(value, rate)
        return value

    @contextlib.contextmanager
    def _dropout(self, seed: int) -> Iterator[DropoutSource]:
        """What draws the masks of one update; compiled code has PyTorch's own generator, seeded."""
        if not self.training.compile:
            masks = torch.Generator(self.device)
            masks.manual_seed(seed)
            yield masks
            return
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(seed)
            yield "global"

    def _check(self, loss: float, rate: float) -> None:
        if self.update == 0:
            self.first_loss = loss
        if math.isfinite(loss) and loss <= _EXPLODED * self.first_loss:
            return
        near = f"a loss near {self.first_loss:.3g}"
        expected = near if math.isfinite(loss) else "a finite loss"
        raise TTOError(
            f"training: expected {expected}, got {loss:.3g} at update {self.update} with learning "
            f"rate {rate:.3g}; lower training.learning_rate or set training.clip_norm"
        )

    def _losses(
        self,
        network: Forward,
        windows: Windows,
        chosen: Integer[np.ndarray, " B"],
        *,
        generator: DropoutSource | None = None,
    ) -> tuple[Float[Tensor, "B predicted"], Bool[Tensor, "B L"]]:
        arrays = windows.gather(chosen)
        tokens, counted = (torch.from_numpy(array).to(self.device) for array in arrays)
        bfloat16 = self.training.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=bfloat16):
            logits = network(tokens[:, :-1], generator=generator)
        return next_token_losses(logits, tokens), counted
