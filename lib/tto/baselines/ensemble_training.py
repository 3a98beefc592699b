"""Training of the probabilistic ensemble that figure 2 compares with (PETS).

Each member sees a bootstrap sample of its own and keeps the weights that predict the held-out
episodes best. Three things differ from the published code: whole episodes are held out, since
neighbouring transitions are nearly the same; the learning rate falls to 0 as a cosine, which a
short training needs; and weights do not decay, since the held-out loss ends the training.
"""

import math
import time
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from tto.baselines.ensemble import Ensemble, bound_penalty, gaussian_loss
from tto.baselines.ensemble_file import save_ensemble
from tto.baselines.transitions import Examples, examples, split_transitions, standardise_by
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.files import StrPath

EVALUATION_ROWS = 4096  # held-out transitions at once; bounds the memory


@dataclass(frozen=True)
class EnsembleConfig:
    """How the ensemble is built and trained.

    Attributes:
        members: networks.
        hidden: units of each hidden layer of a network.
        updates: most minibatch updates; the learning rate falls to 0 over them as a cosine.
        batch_size: transitions an update, for each member.
        learning_rate: of Adam, at the start.
        held_out_fraction: of the episodes; the weights that predict these best are kept.
        evaluate_every: updates between held-out losses.
        patience: evaluations in a row in which no member improves that end the training.
    """

    members: int = 5
    hidden: tuple[int, ...] = (200, 200, 200, 200)
    updates: int = 20_000
    batch_size: int = 256
    learning_rate: float = 1e-3
    held_out_fraction: float = 0.2
    evaluate_every: int = 250
    patience: int = 20

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        counts = (self.members, *self.hidden, self.updates, self.batch_size, self.evaluate_every)
        if min(*counts, self.patience) < 1 or self.learning_rate <= 0:
            raise TTOError(
                "ensemble: expected positive sizes and counts and learning_rate > 0, got "
                f"{asdict(self)}"
            )
        if not 0 < self.held_out_fraction < 1:
            raise TTOError(
                "ensemble.held_out_fraction: expected between 0 and 1 (both excluded), got "
                f"{self.held_out_fraction}"
            )


def train_ensemble(
    dataset: EpisodeDataset,
    output: StrPath,
    *,
    seed: int,
    device: str = "cpu",
    **settings: Any,
) -> Ensemble:
    """Train on `dataset`; write model.safetensors, config.json and metrics.csv into `output`.

    Args:
        seed: of the initial weights, the held-out episodes, the bootstrap samples, the minibatches.
        settings: fields of `EnsembleConfig`.

    Raises:
        TTOError: a bad setting, fewer than two episodes, or a loss that is not finite.
    """
    config = EnsembleConfig(**settings)
    generator = torch.Generator().manual_seed(seed)
    train, held_out = split_transitions(dataset, config.held_out_fraction, generator)
    network = Ensemble(
        dataset.observation_dim,
        dataset.action_dim,
        members=config.members,
        hidden=config.hidden,
        masked=train.observed is not None,
        generator=generator,
    )
    standardise_by(network, train)
    learned, tested = examples(network, train), examples(network, held_out)
    metrics = fit_ensemble(
        network.to(device), learned, tested, config, generator, name=dataset.name
    )
    stored = {"env_id": dataset.env_id, "dataset": dataset.name, "seed": seed, **asdict(config)}
    save_ensemble(output, network, config=stored, metrics=metrics)
    return network


def fit_ensemble(
    network: Ensemble,
    train: Examples,
    held_out: Examples,
    config: EnsembleConfig,
    generator: torch.Generator,
    *,
    name: str = "ensemble",
) -> list[dict[str, float]]:
    """Train `network`, leave each member with its best weights; return the rows of metrics.csv.

    Raises:
        TTOError: a loss is not finite.
    """
    device = network.observation_mean.device
    train, held_out = train.to(device), held_out.to(device)
    optimizer = torch.optim.Adam(network.parameters(), config.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.updates)
    M, N = config.members, len(train.inputs)
    bootstrap = torch.randint(N, (M, N), generator=generator)
    keeper, metrics, losses = _Keeper(network), [], []
    start = time.perf_counter()
    for update in tqdm(range(1, config.updates + 1), desc=f"{name}: ensemble", disable=None):
        rate = schedule.get_last_lr()[0]
        picks = torch.randint(N, (M, config.batch_size), generator=generator)
        batch = train.rows(bootstrap.gather(1, picks).to(device))
        loss = gaussian_loss(network(batch.inputs), batch.targets, batch.counted)
        optimizer.zero_grad()
        (loss + bound_penalty(network)).sum().backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
        if update % config.evaluate_every and update != config.updates:
            continue
        held_out_losses = evaluate(network, held_out)
        row = {
            "update": update,
            "seconds": round(time.perf_counter() - start, 3),
            "learning_rate": rate,
            "train_loss": torch.stack(losses).mean().item(),
            "held_out_loss": held_out_losses.mean().item(),
        }
        if not all(map(math.isfinite, row.values())):
            raise TTOError(
                f"{name}: expected finite losses of the ensemble, got {row['train_loss']} and held "
                f"out {row['held_out_loss']} at update {update}; lower ensemble.learning_rate"
            )
        metrics.append(row)
        losses = []
        keeper.keep(held_out_losses, update)
        if update - keeper.last_improved >= config.patience * config.evaluate_every:
            break
    keeper.restore()
    return metrics


@torch.inference_mode()
def evaluate(network: Ensemble, held_out: Examples) -> Float[Tensor, " M"]:
    """Each member's mean loss over all of `held_out`, a part at a time."""
    means, weights = [], []
    for rows in torch.arange(len(held_out.inputs)).split(EVALUATION_ROWS):
        part = held_out.rows(rows.expand(network.members, -1))
        means.append(gaussian_loss(network(part.inputs), part.targets, part.counted))
        weights.append(part.targets[0].numel() if part.counted is None else part.counted[0].sum())
    shares = torch.tensor(weights, dtype=torch.float64)
    return (torch.stack(means).cpu() * (shares / shares.sum())[:, None]).sum(dim=0)


class _Keeper:
    """The weights with which each member did best, and the update of the last improvement."""

    def __init__(self, network: Ensemble) -> None:
        self.network = network
        self.best = torch.full((network.members,), math.inf, dtype=torch.float64)
        self.weights = [parameter.detach().clone() for parameter in network.parameters()]
        self.last_improved = 0

    @torch.no_grad()
    def keep(self, losses: Float[Tensor, " M"], update: int) -> None:
        """Keep the present weights of the members that never did as well."""
        better = losses < self.best
        self.best = torch.where(better, losses, self.best)
        for kept, parameter in zip(self.weights, self.network.parameters(), strict=True):
            kept[better] = parameter[better]
        if better.any():
            self.last_improved = update

    @torch.no_grad()
    def restore(self) -> None:
        """Put them back."""
        for kept, parameter in zip(self.weights, self.network.parameters(), strict=True):
            parameter.copy_(kept)
