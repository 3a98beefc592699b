"""A dataset of episodes to a token file, in two streamed passes."""

import hashlib
import os
from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from tto.data.episodes import Episode, EpisodeDataset
from tto.tokens.discretizer import fit
from tto.tokens.reward_to_go import rewards_to_go
from tto.tokens.token_file import TokenAttributes, write_token_file

# Episodes are joined to blocks of about this many rows, so that short ones cost no more than long.
_BLOCK_ROWS = 8192


def tokenize_dataset(
    dataset: EpisodeDataset,
    path: str | os.PathLike[str],
    *,
    name: str,
    discretizer: Literal["uniform", "quantile"],
    bins: int,
    discount: float,
    to_go_includes_reward: bool = True,
    terminal_penalty: float | None = None,
) -> None:
    """Fit the bins to `dataset` and write its tokens to `path` (section 3.1).

    Args:
        terminal_penalty: the reward that stands in place of the last one of a terminated episode
            (the official code's -100), or None. Not for uniform bins: the one outlier would push
            all other rewards into a single bin.

    Raises:
        TTOError: the dataset is empty or not finite.
    """
    settings = {
        "discount": discount,
        "to_go_includes_reward": to_go_includes_reward,
        "terminal_penalty": terminal_penalty,
    }
    digest = hashlib.sha256()

    def blocks(title: str) -> Iterator[tuple[np.ndarray, list[int]]]:
        progress = tqdm(dataset, desc=title, total=dataset.total_episodes, unit="ep", disable=None)
        held: list[np.ndarray] = []
        for episode in progress:
            held.append(transition_matrix(episode, **settings))
            if sum(map(len, held)) >= _BLOCK_ROWS:
                yield np.concatenate(held), [len(rows) for rows in held]
                held = []
        if held:
            yield np.concatenate(held), [len(rows) for rows in held]

    def digested() -> Iterator[np.ndarray]:
        for rows, _ in blocks(f"{name}: ranges"):
            digest.update(rows.tobytes())
            yield rows

    fitted = fit(digested(), kind=discretizer, bins=bins)

    def encoded() -> Iterator[np.ndarray]:
        for rows, lengths in blocks(f"{name}: tokens"):
            yield from np.split(fitted.encode(rows), np.cumsum(lengths)[:-1])

    write_token_file(
        path,
        encoded(),
        attributes=TokenAttributes(
            dataset=name,
            env=dataset.env_id,
            observation_dim=dataset.observation_dim,
            action_dim=dataset.action_dim,
            vocabulary=bins,
            discretizer=discretizer,
            **settings,
        ),
        discretizer=fitted,
        source_digest=digest.hexdigest(),
    )


def transition_matrix(
    episode: Episode,
    *,
    discount: float,
    to_go_includes_reward: bool = True,
    terminal_penalty: float | None = None,
) -> Float[np.ndarray, "T D"]:
    """One row a transition: observation, action, reward, reward-to-go."""
    rewards = np.array(episode.rewards, dtype=np.float64)
    if terminal_penalty is not None and episode.terminated:
        rewards[-1] = terminal_penalty
    to_go = rewards_to_go(rewards, discount=discount, includes_reward=to_go_includes_reward)
    observations = episode.observations[: len(rewards)]
    return np.column_stack([observations, episode.actions, rewards, to_go]).astype(np.float64)
