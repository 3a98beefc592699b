"""The probabilistic ensemble: training speed and held-out likelihood, ours beside mbrl-lib's.

    python benchmarks/ensemble.py results/demo/datasets/hopper-medium-replay-v2 [--updates 2500]

Speed is given in transitions per CPU second of one thread, where a transition that all members see
counts once. It is that of the fastest of a few short trainings, in which the sides take turns: all
members in one batch, the members one after the other, and mbrl-lib 0.2.0 (`pip install --no-deps
mbrl`, with hydra-core and gym 0.26; left out if it cannot be imported).

The log-likelihood is given in nats per transition, in the observation's units, after equally many
updates and on the same held-out episodes: the mean over members, and that of their mixture.
mbrl-lib is run by its own trainer with learned bounds and SiLU, at a usual learning rate and at
ours, both constant. It keeps the weights of the pass with the least squared error.
"""

import argparse
import dataclasses
import importlib
import importlib.util
import math
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tto.baselines.pets.ensemble import Ensemble
from tto.baselines.pets.ensemble_training import EVALUATION_ROWS, EnsembleConfig, fit_ensemble
from tto.baselines.pets.transitions import Transitions, examples, split_transitions, standardise_by
from tto.data.episodes import open_dataset

SHORT, REPEATS = 40, 6  # updates of a timed training, and number of such trainings


def log_likelihoods(mean: Tensor, log_variance: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over rows of the members' mean log-density and of the mixture's log-density."""
    errors = (truth - mean).square() * torch.exp(-log_variance)
    density = -0.5 * (errors + log_variance + math.log(2 * math.pi)).sum(dim=2)
    mixture = torch.logsumexp(density, dim=0) - math.log(len(density))
    return density.mean(dim=0).sum(), mixture.sum()


def held_out_likelihood(predict: Any, held_out: Transitions, members: int) -> str:
    """Log-likelihoods of member and mixture in nats per transition, as text.

    Args:
        predict: function from states and actions to mean and log-variance.
        held_out: transitions to score.
        members: number of members.
    """
    totals = torch.zeros(2, dtype=torch.float64)
    for rows in torch.arange(len(held_out.actions)).split(EVALUATION_ROWS):
        states, following, actions = (x[rows] for x in held_out[:3])
        shape = (members, len(rows), -1)
        with torch.inference_mode():
            mean, log_variance = predict(states.expand(shape), actions.expand(shape))
        totals += torch.stack(log_likelihoods(mean, log_variance, following))
    member, mixture = (totals / len(held_out.actions)).tolist()
    return f"{member:10.2f} {mixture:10.2f}"


def new_ensemble(train: Transitions, config: EnsembleConfig, generator: torch.Generator) -> Any:
    """An untrained ensemble that is standardised by the training data."""
    network = Ensemble(
        train.observations.shape[1],
        train.actions.shape[1],
        members=config.members,
        hidden=config.hidden,
        generator=generator,
    )
    standardise_by(network, train)
    return network


def ours(train: Transitions, held_out: Transitions, config: EnsembleConfig) -> tuple[float, str]:
    """CPU seconds and likelihoods of our ensemble, with all members in one batch."""
    generator = torch.Generator().manual_seed(0)
    network = new_ensemble(train, config, generator)
    parts = examples(network, train), examples(network, held_out)
    started = time.process_time()
    fit_ensemble(network, *parts, config, generator)
    seconds = time.process_time() - started
    return seconds, held_out_likelihood(network.predict, held_out, config.members)


def one_by_one(train: Transitions, held_out: Transitions, config: EnsembleConfig) -> float:
    """CPU seconds of training the members one after the other."""
    single = dataclasses.replace(config, members=1)
    return sum(ours(train, held_out, single)[0] for _ in range(config.members))


def first(rows: int, transitions: Transitions) -> Transitions:
    """The first `rows` transitions, without masks."""
    return Transitions(*(x[:rows] for x in transitions[:3] if x is not None))


def speeds(train: Transitions, config: EnsembleConfig, *, with_theirs: bool) -> dict[str, float]:
    """Transitions per CPU second of each side, without held-out losses."""
    train, held_out = first(SHORT * config.batch_size, train), first(1, train)
    config = dataclasses.replace(config, updates=SHORT, evaluate_every=SHORT)
    sides: dict[str, Callable[[], float]] = {
        "ours, all at once": lambda: ours(train, held_out, config)[0],
        "ours, one by one": lambda: one_by_one(train, held_out, config),
    }
    if with_theirs:
        sides["mbrl-lib"] = lambda: theirs(train, held_out, config, 1e-3)[0]
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(REPEATS):
        for name, side in sides.items():
            seconds[name].append(side())
    return {name: SHORT * config.batch_size / min(times) for name, times in seconds.items()}


def theirs(
    train: Transitions, held_out: Transitions, config: EnsembleConfig, rate: float
) -> tuple[float, str]:
    """CPU seconds and likelihoods of mbrl-lib, which counts passes over the data, not updates."""
    models = importlib.import_module("mbrl.models")
    buffer = importlib.import_module("mbrl.util.replay_buffer")
    batch_type = importlib.import_module("mbrl.types").TransitionBatch
    torch.manual_seed(0)  # mbrl-lib takes no generator
    O, A = train.observations.shape[1], train.actions.shape[1]
    network = models.GaussianMLP(
        O + A,
        O,
        "cpu",
        num_layers=len(config.hidden),
        ensemble_size=config.members,
        hid_size=config.hidden[0],
        learn_logvar_bounds=True,
        activation_fn_cfg={"_target_": "torch.nn.SiLU"},
    )
    model = models.OneDTransitionRewardModel(network, normalize=True, learned_rewards=False)
    batches = []
    for part in (train, held_out):
        states, following, actions = (x.numpy() for x in part[:3])
        nothing = np.zeros(len(actions), dtype=np.float32)
        batches.append(batch_type(states, actions, following, nothing, nothing, nothing))
    model.update_normalizer(batches[0])
    learned = buffer.BootstrapIterator(
        batches[0],
        config.batch_size,
        config.members,
        shuffle_each_epoch=True,
        permute_indices=False,
        rng=np.random.default_rng(0),
    )
    tested = buffer.TransitionIterator(batches[1], EVALUATION_ROWS)
    trainer = models.ModelTrainer(model, optim_lr=rate, weight_decay=0.0)
    epochs = round(config.updates * config.batch_size / len(train.actions))
    started = time.process_time()
    trainer.train(learned, tested, num_epochs=epochs, silent=True)
    seconds = time.process_time() - started

    def predict(states: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = network(model._get_model_input(states.numpy(), actions.numpy()))
        return states + mean, log_variance

    return seconds, held_out_likelihood(predict, held_out, config.members)


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the training of the ensemble.")
    parser.add_argument("dataset", help="folder of a dataset")
    parser.add_argument("--updates", type=int, default=2500)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--rate", type=float, default=5e-3, help="our learning rate, with a cosine")
    parser.add_argument("--their-rate", type=float, default=1e-3, help="mbrl-lib's learning rate")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    dataset = open_dataset(arguments.dataset)
    train, held_out = split_transitions(dataset, 0.2, torch.Generator().manual_seed(0))
    with_theirs = importlib.util.find_spec("mbrl") is not None
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}")
    print(f"{dataset.name}: {len(train.actions)} transitions, {len(held_out.actions)} held out")
    config = EnsembleConfig(updates=arguments.updates, learning_rate=arguments.rate)
    print(f"{'batch':>6s} {'':18s}{'transitions/s':>14s}")
    for batch_size in arguments.batch_sizes:
        sized = dataclasses.replace(config, batch_size=batch_size)
        for name, speed in speeds(train, sized, with_theirs=with_theirs).items():
            print(f"{batch_size:6d} {name:18s}{speed:14,.0f}", flush=True)
    sized = dataclasses.replace(config, batch_size=arguments.batch_sizes[0])
    print(f"after {config.updates} updates, batch {sized.batch_size}: log-likelihood held out")
    print(f"{'':20s}{'member':>10s} {'mixture':>10s}")
    print(f"{f'ours, {arguments.rate:g}':20s}{ours(train, held_out, sized)[1]}", flush=True)
    for rate in (arguments.their_rate, arguments.rate) if with_theirs else ():
        result = theirs(train, held_out, sized, rate)[1]
        print(f"{f'mbrl-lib, {rate:g}':20s}{result}", flush=True)
    if not with_theirs:
        print("mbrl cannot be imported; only our rows are shown")


if __name__ == "__main__":
    main()
