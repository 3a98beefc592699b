"""How long and on what a model is trained."""

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
        epochs: how often the data is seen.
        epoch: what an epoch is. "tokens": as many windows as hold the dataset's tokens once; the
            paper's 80 epochs in 6 to 12 V100-hours fit this reading. "million_windows": a million
            windows, rounded down to whole passes over all windows, as the official code has it.
        bins: whether embeddings and outputs of neighbouring bins are learned "smooth"ly, alike (see
            `tto.training.smooth_bins`), or "independent"ly (the paper, the official code).
        batch_size: windows an update.
        evaluate_every: updates between rows of metrics.csv.
        evaluation_windows: held-out windows that the held-out loss is a mean over.
        checkpoint_every: updates between checkpoints.
        precision: of the forward and backward pass; weights are float32 always.
        compile: whether the network is compiled, which takes minutes and pays on GPUs.
    """

    epochs: float
    epoch: Literal["tokens", "million_windows"] = "tokens"
    bins: Literal["independent", "smooth"] = "independent"
    batch_size: int = 64
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    loss_weights: LossWeights = field(default_factory=LossWeights)
    held_out_fraction: float = 0.05
    evaluate_every: int = 500
    evaluation_windows: int = 256
    checkpoint_every: int = 500
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False

    def updates(self, windows: int, block_transitions: int) -> int:
        """Updates of a training on so many windows, one for each transition."""
        if self.epoch == "tokens":
            seen = self.epochs * windows / block_transitions
        else:
            seen = max(1, int(1e6 / windows * self.epochs)) * windows
        return math.ceil(seen / self.batch_size)


def training_config(settings: Mapping[str, Any]) -> TrainingConfig:
    """From one flat mapping, the config's: the optimiser's settings stand beside the others."""
    rest = dict(settings)
    weights = LossWeights(**rest.pop("loss_weights"))
    optimizer = OptimizerConfig(**{f.name: rest.pop(f.name) for f in fields(OptimizerConfig)})
    return TrainingConfig(optimizer=optimizer, loss_weights=weights, **rest)
