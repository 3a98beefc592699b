"""Settings of the training of a Trajectory Transformer."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from tto.training.loss import LossWeights
from tto.training.optimizers import OptimizerConfig


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training.

    Attributes:
        epochs: number of epochs.
        epoch: meaning of an epoch. "tokens" is as many windows as hold the dataset's tokens once;
            the paper's 80 epochs in 6 to 12 V100-hours fit this reading. "million_windows" is a
            million windows, rounded down to whole passes over all windows, as in the official code.
        bins: "smooth" makes neighbouring bins learn similar embeddings and outputs (see
            `tto.training.smooth_bins`). "independent" learns each bin separately (the paper, the
            official code).
        batch_size: windows in the batch of an update.
        short_windows: share of the updates, the first ones, whose windows hold two transitions
            each. A batch then has more windows, so that it holds as many transitions. Half of its
            actions have no past, as a planner's without a context, and short windows take less
            time for each token.
        optimizer: optimiser, learning rate and their settings.
        loss_weights: weights of the four kinds of token in the loss.
        held_out_fraction: fraction of the episodes that is held out.
        evaluate_every: updates between rows of metrics.csv.
        evaluation_windows: number of held-out windows in the mean of the held-out loss.
        checkpoint_every: updates between checkpoints.
        precision: precision of the forward and backward pass; weights are always float32.
        compile: whether the network is compiled, which takes minutes but makes updates faster on
            GPUs.
    """

    epochs: float | int
    epoch: Literal["tokens", "million_windows"] = "tokens"
    bins: Literal["independent", "smooth"] = "independent"
    batch_size: int = 64
    short_windows: float = 0.0
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss_weights: LossWeights = field(default_factory=LossWeights)
    held_out_fraction: float = 0.05
    evaluate_every: int = 500
    evaluation_windows: int = 256
    checkpoint_every: int = 500
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False

    def updates(self, windows: int, block_transitions: int) -> int:
        """Number of updates for a given number of training windows, one for each transition."""
        if self.epoch == "tokens":
            seen = self.epochs * windows / block_transitions
        else:
            seen = max(1, int(1e6 / windows * self.epochs)) * windows
        return math.ceil(seen / self.batch_size)


def training_config(settings: Mapping[str, Any]) -> TrainingConfig:
    """Settings from the flat `training` section of the config, which includes the optimiser's."""
    rest = dict(settings)
    weights = LossWeights(**rest.pop("loss_weights"))
    optimizer = OptimizerConfig(**{f.name: rest.pop(f.name) for f in fields(OptimizerConfig)})
    return TrainingConfig(optimizer=optimizer, loss_weights=weights, **rest)
