"""Small worlds with known values, and models that learn them in seconds."""

from collections.abc import Callable

import numpy as np
import torch

from tto.model.trained import TrainedModel
from tto.model.transformer import ModelConfig
from tto.tokens.discretizer import Discretizer
from tto.tokens.reward_to_go import rewards_to_go
from tto.tokens.token_file import TokenAttributes, TokenFile
from tto.training.config import TrainingConfig
from tto.training.distributed import ProcessGroup
from tto.training.loss import LossWeights
from tto.training.optimizers import OptimizerConfig
from tto.training.smooth_bins import fold
from tto.training.state import TrainingState

PLACES = 21  # number of places, 0 to 20; also V, the number of bins per dimension
DISCOUNT = 0.9

Episode = list[tuple[int, int, float]]  # place, action (a token), reward


def walk(rng: np.random.Generator) -> Episode:
    """Twelve steps of a random walk: an action moves by up to 4, the reward grows with place."""
    place, episode = int(rng.integers(PLACES)), []
    for _ in range(12):
        action = int(rng.integers(PLACES))
        after = int(np.clip(place + round((action - 10) * 0.4), 0, PLACES - 1))
        episode.append((place, action, after / 20))
        place = after
    return episode


def crossroads(rng: np.random.Generator) -> Episode:
    """Three steps: left first gives 0.3 at once; right twice gives 1 in the third step.

    The behaviour policy seldom goes right twice, so the value of right is 0.08. Only a plan of two
    transitions finds the larger reward.
    """
    if rng.random() < 0.5:
        return [(10, left(rng), 0.3), (5, left(rng), 0.0), (5, left(rng), 0.0)]
    if rng.random() < 0.9:
        return [(10, right(rng), 0.0), (15, left(rng), 0.0), (10, left(rng), 0.0)]
    return [(10, right(rng), 0.0), (15, right(rng), 0.0), (20, left(rng), 1.0)]


def cliff(rng: np.random.Generator) -> Episode:
    """Up to eight steps: left gives 0.8 and ends the episode, right gives 0.5 and it goes on."""
    episode = []
    for _ in range(8):
        if rng.random() < 0.5:
            return [*episode, (10, left(rng), 0.8)]
        episode.append((10, right(rng), 0.5))
    return episode


def left(rng: np.random.Generator) -> int:
    """One of the actions that go left."""
    return int(rng.integers(8))


def right(rng: np.random.Generator) -> int:
    """One of the actions that go right."""
    return int(rng.integers(13, PLACES))


def token_file(world: Callable[[np.random.Generator], Episode], *, episodes: int) -> TokenFile:
    """Tokens of random episodes of a world, with uniform bins of rewards and rewards-to-go."""
    rng = np.random.default_rng(0)
    rows, lengths, terminated = [], [], []
    for _ in range(episodes):
        places, actions, rewards = np.array(world(rng)).T
        to_go = rewards_to_go(rewards, discount=DISCOUNT)
        rows.append(np.column_stack([places, actions, rewards, to_go]))
        lengths.append(len(rewards))
        terminated.append(world is cliff and actions[-1] < 8)
    values = np.concatenate(rows)
    integers = np.arange(PLACES + 1) - 0.5
    edges = np.stack(
        [integers, integers]
        + [np.linspace(0, values[:, i].max() + 1e-6, PLACES + 1) for i in (2, 3)]
    )
    discretizer = Discretizer("uniform", edges)
    attributes = TokenAttributes(
        dataset="known-world",
        env="Known-v0",
        observation_dim=1,
        action_dim=1,
        vocabulary=PLACES,
        discretizer="uniform",
        discount=DISCOUNT,
        to_go_includes_reward=True,
        terminal_penalty=None,
    )
    return TokenFile(
        attributes,
        discretizer,
        tokens=discretizer.encode(values),
        episode_starts=np.cumsum([0, *lengths]),
        terminated=np.array(terminated),
        goals=np.zeros((episodes, 1), np.int64),
        source_digest="",
    )


def learned(
    file: TokenFile,
    *,
    attend_values: bool,
    transitions: int,
    updates: int,
    stop_token: bool = False,
) -> TrainedModel:
    """A model after a short training on the tokens of `file`."""
    config = ModelConfig(
        observation_dim=1,
        action_dim=1,
        vocabulary=PLACES,
        layers=2,
        heads=2,
        width=32,
        dropout=0.0,
        output="per_dimension",
        attend_values=attend_values,
        position="factored",
        block_tokens=4 * transitions,
        stop_token=stop_token,
    )
    training = TrainingConfig(
        epochs=updates * 64 * transitions / len(file.tokens),
        bins="smooth",
        batch_size=64,
        optimizer=OptimizerConfig(
            optimizer="muon",
            learning_rate=5e-3,
            betas=(0.9, 0.95),
            weight_decay=0.01,
            clip_norm=1.0,
            warmup_updates=50,
            final_learning_rate_fraction=0.0,
        ),
        loss_weights=LossWeights(),
        held_out_fraction=0.0,
        evaluate_every=10**9,
    )
    run = TrainingState(
        file, config, training, seed=0, device=torch.device("cpu"), group=ProcessGroup.current()
    )
    while not run.finished:
        run.advance()
    fold(run.network)
    return TrainedModel(run.network.eval(), file.discretizer, file.attributes)


def true_spread(file: TokenFile) -> float:
    """Standard deviation of the mean reward-to-go over actions, averaged over places."""
    places, actions = file.tokens[:, 0], file.tokens[:, 1]
    values = file.discretizer.decode(file.tokens)[:, -1]
    means = [
        [values[(places == place) & (actions == action)].mean() for action in range(PLACES)]
        for place in range(PLACES)
    ]
    return float(np.std(means, axis=1, ddof=1).mean())
