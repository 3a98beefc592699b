"""Training of the probabilistic ensemble in figure 2 (PETS).

Each member sees its own bootstrap sample and keeps the weights that predict the held-out episodes
best. Three things differ from the published code:

- Whole episodes are held out, since neighbouring transitions are nearly the same.
- The learning rate falls to 0 as a cosine, which a short training needs.
- Weights do not decay, since the held-out loss ends the training.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from tto.baselines.files import write_baseline
from tto.baselines.fitting import fit
from tto.baselines.pets.ensemble import Ensemble, EnsembleConfig, bound_penalty, gaussian_loss
from tto.baselines.pets.transitions import Examples, examples, split_transitions, standardise_by
from tto.data.episodes import EpisodeDataset
from tto.files import StrPath

EVALUATION_ROWS = 4096  # held-out transitions computed at once, to bound the memory


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
        seed: seed of the initial weights, held-out episodes, bootstrap samples and minibatches.
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
    metrics = fit_ensemble(
        network.to(device),
        examples(network, train),
        examples(network, held_out),
        config,
        generator,
        dataset=dataset.name,
    )
    stored = {
        "masked": network.masked,
        "env_id": dataset.env_id,
        "dataset": dataset.name,
        "seed": seed,
        **asdict(config),
    }
    write_baseline(Path(output), network, config=stored, metrics=metrics)
    return network


def fit_ensemble(
    network: Ensemble,
    train: Examples,
    held_out: Examples,
    config: EnsembleConfig,
    generator: torch.Generator,
    *,
    dataset: str = "unnamed",
) -> list[dict[str, float | int]]:
    """Train `network`, leave each member with its best weights; return the rows of metrics.csv.

    Args:
        generator: draws the bootstrap samples and the minibatches.
        dataset: name of the dataset, for progress and errors.

    Raises:
        TTOError: a loss is not finite.
    """
    device = network.observation_mean.device
    train, held_out = train.to(device), held_out.to(device)
    M, N = config.members, len(train.inputs)
    bootstrap = torch.randint(N, (M, N), generator=generator)

    def batch_losses() -> Float[Tensor, " M"]:
        picks = torch.randint(N, (M, config.batch_size), generator=generator)
        batch = train.rows(bootstrap.gather(1, picks).to(device))
        return gaussian_loss(network(batch.inputs), batch.targets, batch.counted)

    return fit(
        network,
        torch.optim.Adam(network.parameters(), config.learning_rate, fused=True),
        batch_losses,
        lambda: evaluate(network, held_out),
        updates=config.updates,
        evaluate_every=config.evaluate_every,
        patience=config.patience,
        penalties=lambda: bound_penalty(network),
        dataset=dataset,
        section="ensemble",
    )


@torch.inference_mode()
def evaluate(network: Ensemble, held_out: Examples) -> Float[Tensor, " M"]:
    """Each member's mean loss over all of `held_out`, computed in parts."""
    means, weights = [], []
    for rows in torch.arange(len(held_out.inputs)).split(EVALUATION_ROWS):
        part = held_out.rows(rows.expand(network.members, -1))
        means.append(gaussian_loss(network(part.inputs), part.targets, part.counted))
        weights.append(part.targets[0].numel() if part.counted is None else part.counted[0].sum())
    shares = torch.tensor(weights, dtype=torch.float64)
    return (torch.stack(means).cpu() * (shares / shares.sum())[:, None]).sum(dim=0)
