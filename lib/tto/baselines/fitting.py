"""The training loops of the baselines.

`fit` is for short supervised trainings: minibatches, a cosine learning rate and held-out losses.
`fit_resumably` is for long ones, which save checkpoints.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tto.errors import TTOError
from tto.files import StrPath
from tto.progress import Progress
from tto.training.checkpoint import Resumable, locked, train_to_end
from tto.training.interruption import catch_stop_signals

Training = TypeVar("Training", bound=Resumable)


def fit_resumably(
    build: Callable[[], Training],
    identity: Mapping[str, Any],
    checkpoints: StrPath,
    *,
    checkpoint_every: int,
    events: StrPath | None = None,
) -> Training:
    """Make all updates of a training; an interruption does not change the result.

    SIGTERM and SIGINT stop the training after a checkpoint. PyTorch's global generator is left as
    it was.

    Args:
        build: makes the training at its beginning.
        identity: all that determines the result, as JSON can hold it; trainings with another
            identity have checkpoints of their own. `method` is the name in errors.
        checkpoints: folder of the checkpoints of all trainings.
        checkpoint_every: updates between checkpoints.
        events: folder of TensorBoard's event files; None writes no events.

    Raises:
        TTOError: a loss that is not finite, a signal to stop, or a checkpoint that is damaged or
            cannot be written.
    """
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    with (
        locked(Path(checkpoints) / key) as folder,
        catch_stop_signals() as stop_signal,
        torch.random.fork_rng(devices=[]),
    ):
        state = build()
        train_to_end(
            state,
            folder,
            stop_signal,
            name=identity["method"],
            checkpoint_every=checkpoint_every,
            events=events,
        )
    return state


def fit(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batch_losses: Callable[[], Float[Tensor, "*members"]],
    held_out_losses: Callable[[], Float[Tensor, "*members"]],
    *,
    updates: int,
    evaluate_every: int,
    patience: int | None = None,
    penalties: Callable[[], Float[Tensor, "*members"]] | None = None,
    dataset: str,
    section: str,
) -> list[dict[str, float | int]]:
    """Train `network`, leave it with its best weights and return the rows of metrics.csv.

    The network is either one model with scalar losses or an ensemble with a loss for each member;
    the first axis of every parameter of an ensemble numbers the members. Each member keeps the
    weights with its lowest held-out loss.

    Args:
        batch_losses: draws a minibatch and computes its losses.
        held_out_losses: computes the losses on the held-out episodes.
        updates: largest number of updates; the learning rate falls to 0 over them as a cosine.
        evaluate_every: updates between held-out losses; there is one more after the last update.
        patience: number of evaluations in a row without an improvement of any member after which
            training ends early; None never ends it early.
        penalties: computes terms that are minimised with the losses but not reported as losses.
        dataset: name of the dataset, for progress and errors.
        section: section of the config that holds the learning rate, for progress and errors.

    Raises:
        TTOError: a loss is not finite.
    """
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    metrics: list[dict[str, float | int]] = []
    losses: list[Tensor] = []
    best: _BestWeights | None = None
    start = time.perf_counter()
    for update in Progress(range(1, updates + 1), name=f"{dataset}: {section}", unit="updates"):
        rate = schedule.get_last_lr()[0]
        loss = batch_losses()
        objective = loss if penalties is None else loss + penalties()
        optimizer.zero_grad()
        objective.sum().backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
        if update % evaluate_every and update != updates:
            continue
        with torch.inference_mode():
            held_out = held_out_losses()
        row = {
            "update": update,
            "seconds": round(time.perf_counter() - start, 3),
            "learning_rate": rate,
            "train_loss": torch.stack(losses).mean().item(),
            "held_out_loss": held_out.mean().item(),
        }
        if not all(map(math.isfinite, row.values())):
            raise TTOError(
                f"{dataset}: expected finite losses, got {row['train_loss']} in training and "
                f"{row['held_out_loss']} on held-out episodes at update {update}; lower "
                f"{section}.learning_rate"
            )
        metrics.append(row)
        losses = []
        best = best or _BestWeights(network, held_out)
        best.keep(held_out, update)
        if patience is not None and update - best.last_improved >= patience * evaluate_every:
            break
    if best is not None:
        best.restore()
    return metrics


class _BestWeights:
    """The weights with the lowest loss of each member, and the update of the last improvement."""

    def __init__(self, network: nn.Module, losses: Float[Tensor, "*members"]) -> None:
        """Begin with the present weights, of infinite loss; `losses` gives the members' shape."""
        self.network = network
        self.losses = torch.full_like(losses, math.inf, dtype=torch.float64)
        self.weights = [parameter.detach().clone() for parameter in network.parameters()]
        self.last_improved = 0

    @torch.no_grad()
    def keep(self, losses: Float[Tensor, "*members"], update: int) -> None:
        """Copy the present weights of the members that never had as low a loss."""
        better = losses < self.losses
        self.losses = torch.where(better, losses, self.losses)
        for kept, parameter in zip(self.weights, self.network.parameters(), strict=True):
            kept[better] = parameter[better]  # a scalar `better` selects all or nothing
        if better.any():
            self.last_improved = update

    @torch.no_grad()
    def restore(self) -> None:
        """Give the network the kept weights."""
        for kept, parameter in zip(self.weights, self.network.parameters(), strict=True):
            parameter.copy_(kept)
