"""Optimisers and the learning-rate schedule of the three recipes."""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from tto.model.transformer import TrajectoryTransformer
from tto.training.muon import Muon


@dataclass(frozen=True)
class OptimizerConfig:
    """How weights are updated.

    Attributes:
        optimizer: "adam" (appendix A), "adamw" (the official code; only linear weights decay) or
            "muon" (Muon for the blocks' matrices and AdamW for all else; Muon's updates are scaled
            to the size of AdamW's, so that both use the same learning rate).
        learning_rate: peak of the learning rate, reached after `warmup_updates`.
        warmup_updates: number of updates over which the learning rate rises.
        learning_rate_plateau: share of the updates after the warm-up that keep the peak, in [0, 1).
        learning_rate_decay: shape of the fall after it: half a "cosine" (GPT), or "linear".
        final_learning_rate_fraction: final learning rate as a fraction of the peak.
        weight_decay: decay of the weights; decoupled except for "adam". With "muon" only the
            blocks' matrices decay.
        betas: decay rates of the two moments of Adam and AdamW.
        clip_norm: largest norm of the gradient, or None.
    """

    optimizer: Literal["adam", "adamw", "muon"] = "adam"
    learning_rate: float = 2.5e-4
    warmup_updates: int = 2000
    learning_rate_plateau: float = 0.0
    learning_rate_decay: Literal["cosine", "linear"] = "cosine"
    final_learning_rate_fraction: float = 0.0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    clip_norm: float | None = None


def make_optimizers(
    model: TrajectoryTransformer, config: OptimizerConfig
) -> Sequence[torch.optim.Optimizer]:
    """Make optimisers that together update every parameter of `model` once."""
    matrices: list[nn.Parameter] = []
    linear: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    block_matrices = {
        id(module.weight) for module in model.blocks.modules() if isinstance(module, nn.Linear)
    }
    for name, parameter in model.named_parameters():
        if id(parameter) in block_matrices:
            matrices.append(parameter)
        elif "output" in name.split("."):  # the output layer or its coefficients (`smooth_bins`)
            linear.append(parameter)
        else:
            others.append(parameter)
    rate, decay = config.learning_rate, config.weight_decay
    first, second = config.betas
    adamw = functools.partial(torch.optim.AdamW, lr=rate, betas=(first, second), fused=True)
    if config.optimizer == "adam":
        adam = torch.optim.Adam
        return [
            adam(model.parameters(), lr=rate, betas=(first, second), weight_decay=decay, fused=True)
        ]
    if config.optimizer == "adamw":
        groups = [
            {"params": matrices + linear, "weight_decay": decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return [adamw(groups)]
    return [
        Muon(matrices, lr=rate, weight_decay=decay),
        adamw(linear + others, weight_decay=0.0),
    ]


def learning_rate(update: int, *, updates: int, config: OptimizerConfig) -> float:
    """Learning rate of an update (appendix A has the warm-up; GPT, the cosine).

    With peak p, warm-up w, plateau s and final fraction f: p (u + 1) / w for update u < w. Then a
    share s of the other updates keeps p. Then the rate falls to f p at `updates`, and stays there.

    Args:
        update: number of the update, from 0.
        updates: number of updates of the training.
        config: peak, warm-up, plateau, shape of the fall, and final fraction.
    """
    if update < config.warmup_updates:
        return config.learning_rate * (update + 1) / config.warmup_updates
    progress = (update - config.warmup_updates) / max(1, updates - config.warmup_updates)
    plateau = config.learning_rate_plateau
    fallen = min(max(0.0, progress - plateau) / (1 - plateau), 1.0)
    linear = config.learning_rate_decay == "linear"
    left = 1 - fallen if linear else 0.5 * (1 + math.cos(math.pi * fallen))
    floor = config.final_learning_rate_fraction
    return config.learning_rate * (floor + (1 - floor) * left)
