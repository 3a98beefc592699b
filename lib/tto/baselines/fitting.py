"""The training loops of the baselines.

`fit` is for short supervised trainings: minibatches, a cosine learning rate and held-out losses.
`train_baseline` is for long ones, which save checkpoints.
"""

import abc
import hashlib
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from tto.baselines.files import write_baseline
from tto.data.episodes import EpisodeDataset
from tto.digest import code_digest
from tto.errors import TTOError
from tto.files import StrPath
from tto.progress import Progress
from tto.training.checkpoint import locked, train_to_end
from tto.training.interruption import catch_stop_signals


class BaselineTraining(abc.ABC):
    """A training that makes one update at a time and can go on from a stored state (`Resumable`).

    An update's batch and noise depend only on the seed and the update's number.

    Attributes:
        method: name of the method, as the config has it.
        update, updates: numbers of updates so far and of the whole training.
        metrics: rows of metrics.csv so far.
    """

    method: ClassVar[str]

    def __init__(
        self,
        data: Mapping[str, Tensor],
        config: Any,
        *,
        env_id: str,
        seed: int,
        row_every: int,
        device: torch.device,
    ) -> None:
        """Seed PyTorch's global generator, from which the initial weights are drawn.

        Args:
            data: what the training learns from, a row for each transition.
            config: settings of the method, a dataclass with `updates`.
            env_id: id of the environment, which knows the action space.
            seed: seed of the weights, the batches and the noise.
            row_every: updates between rows of metrics.
            device: device of networks and data.
        """
        torch.manual_seed(seed)
        self.config, self.seed, self.row_every = config, seed, row_every
        self.update, self.updates, self.seconds = 0, config.updates, 0.0
        self.sums: dict[str, list[float]] = {}  # of each loss since the last row, and its count
        self.metrics: list[dict[str, float | int]] = []

    @property
    @abc.abstractmethod
    def network(self) -> nn.Module:
        """The network that acts."""

    @abc.abstractmethod
    def parts(self) -> dict[str, Any]:
        """Modules and optimisers with a state, by name."""

    @abc.abstractmethod
    def learn(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """Change the networks once; return the losses whose sum was minimised, by name."""

    def state_dict(self) -> dict[str, Any]:
        """All that determines how the training goes on."""
        return {
            "update": self.update,
            "seconds": self.seconds,
            "sums": self.sums,
            "metrics": self.metrics,
            **{name: dict(part.state_dict()) for name, part in self.parts().items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned."""
        self.update, self.seconds = state["update"], state["seconds"]
        self.sums, self.metrics = dict(state["sums"]), list(state["metrics"])
        for name, part in self.parts().items():
            part.load_state_dict(state[name])

    def advance(self) -> dict[str, float | int] | None:
        """Make one update; return a row of metrics when one is due, else None.

        Raises:
            TTOError: a loss is not finite.
        """
        started = time.perf_counter()
        rng = np.random.default_rng([self.seed, self.update])
        torch.manual_seed(int(rng.integers(2**62)))
        self._record(self.learn(rng))
        self.update += 1
        self.seconds += time.perf_counter() - started
        due = self.update % self.row_every == 0 or self.update == self.updates
        return self._row() if due else None

    def _record(self, losses: Mapping[str, Tensor]) -> None:
        """Add the losses to the row of metrics under way."""
        for name, loss in losses.items():
            value = float(loss.detach())
            if not math.isfinite(value):
                raise TTOError(
                    f"{self.method}: expected a finite {name}, got {value} at update "
                    f"{self.update}; lower {self.method}.learning_rate"
                )
            total, count = self.sums.get(name, (0.0, 0))
            self.sums[name] = [total + value, count + 1]

    def _row(self) -> dict[str, float | int]:
        """Add a row of metrics, with the mean losses since the last one, and return it."""
        row: dict[str, float | int] = {"update": self.update, "seconds": round(self.seconds, 3)}
        row |= {name: total / count for name, (total, count) in sorted(self.sums.items())}
        self.metrics.append(row)
        self.sums = {}
        return row


Training = TypeVar("Training", bound=BaselineTraining)


def train_baseline(
    training: type[Training],
    dataset: EpisodeDataset,
    data: Mapping[str, Tensor],
    config: Any,
    output: StrPath,
    *,
    seed: int,
    checkpoints: StrPath,
    checkpoint_every: int,
    device: str = "cpu",
    events: StrPath | None = None,
) -> Training:
    """Make all updates of a training; write its network, config and metrics into `output`.

    An interrupted training goes on from its last checkpoint, and the interruption does not change
    the result. SIGTERM and SIGINT stop the training after a checkpoint. PyTorch's global generator
    is left as it was.

    Args:
        training: class of the training.
        dataset: the episodes.
        data: what the training learns from them.
        config: settings of the method, a dataclass.
        output: folder of model.safetensors, config.json and metrics.csv.
        seed: seed of all that is drawn.
        checkpoints: folder of the checkpoints of all trainings.
        checkpoint_every: updates between checkpoints and rows of metrics.
        device: device of networks and data.
        events: folder of TensorBoard's event files; None writes no events.

    Raises:
        TTOError: a loss that is not finite, a signal to stop, or a checkpoint that is damaged or
            cannot be written.
    """
    identity = {
        "method": training.method,
        "config": asdict(config),
        "seed": seed,
        "env_id": dataset.env_id,
        "data": _digest_of(data),
        "code": code_digest(training.__module__),
    }
    key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
    with (
        locked(Path(checkpoints) / key) as folder,
        catch_stop_signals() as stop_signal,
        torch.random.fork_rng(devices=[]),
    ):
        state = training(
            data,
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
            name=training.method,
            checkpoint_every=checkpoint_every,
            events=events,
        )
    stored = {"method": training.method, "env_id": dataset.env_id}
    stored |= {"dataset": dataset.name, "seed": seed, **asdict(config)}
    write_baseline(Path(output), state.network, config=stored, metrics=state.metrics)
    state.network.cpu()
    return state


def _digest_of(data: Mapping[str, Tensor]) -> str:
    """SHA-256 of the data."""
    digest = hashlib.sha256()
    for values in data.values():
        digest.update(values.numpy().tobytes())
    return digest.hexdigest()


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
