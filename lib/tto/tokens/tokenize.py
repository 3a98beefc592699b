"""A dataset of episodes to a token file, in two streamed passes."""

import hashlib
import os
from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Float
from tqdm import tqdm

from tto.data.episodes import Episode, EpisodeDataset
from tto.errors import TTOError
from tto.tokens.discretizer import fit
from tto.tokens.reward_to_go import rewards_to_go
from tto.tokens.token_file import TokenAttributes, mask_tokens, write_token_file

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

    Hidden dimensions of observations become the mask token V, one above the bins.

    Args:
        terminal_penalty: the reward that stands in place of the last one of a terminated episode
            (the official code's -100), or None. Not for uniform bins: the one outlier would push
            all other rewards into a single bin.

    Raises:
        TTOError: the dataset is empty or not finite, or only some of its episodes are masked.
    """
    settings = {
        "discount": discount,
        "to_go_includes_reward": to_go_includes_reward,
        "terminal_penalty": terminal_penalty,
    }
    digest = hashlib.sha256()
    masked: set[bool] = set()

    def blocks(title: str) -> Iterator[list[Episode]]:
        progress = tqdm(dataset, desc=title, total=dataset.total_episodes, unit="ep", disable=None)
        held: list[Episode] = []
        for episode in progress:
            held.append(episode)
            if sum(map(len, held)) >= _BLOCK_ROWS:
                yield held
                held = []
        if held:
            yield held

    def digested() -> Iterator[np.ndarray]:
        for episodes in blocks(f"{name}: ranges"):
            rows = np.concatenate([transition_matrix(e, **settings) for e in episodes])
            digest.update(rows.tobytes())
            for episode in episodes:
                masked.add(episode.observed is not None)
                if episode.observed is not None:
                    digest.update(episode.observed.tobytes())
            yield rows

    fitted = fit(digested(), kind=discretizer, bins=bins)
    if len(masked) > 1:
        raise TTOError(f"dataset {name}: expected all episodes masked or none, got both")

    def encoded() -> Iterator[np.ndarray]:
        for episodes in blocks(f"{name}: tokens"):
            tokens = fitted.encode(
                np.concatenate([transition_matrix(e, **settings) for e in episodes])
            )
            for episode in episodes:
                own, tokens = tokens[: len(episode)], tokens[len(episode) :]
                if episode.observed is None:
                    yield own
                else:
                    yield mask_tokens(own, episode.observed[: len(own)], bins)

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
            mask_token=masked == {True},
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
