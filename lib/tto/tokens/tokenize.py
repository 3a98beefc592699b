"""Turn a dataset of episodes into a token file, in constant memory."""

import functools
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.files import StrPath
from tto.progress import Progress
from tto.tokens.discretizer import Discretizer, fit
from tto.tokens.reward_to_go import CutEpisodes, rest_of_cut, rewards_to_go
from tto.tokens.spool import Block, Spool
from tto.tokens.token_file import TokenAttributes, TokenBlock, mask_tokens, write_token_file


def tokenize_dataset(
    dataset: EpisodeDataset,
    path: StrPath,
    *,
    name: str,
    discretizer: Literal["uniform", "quantile"],
    bins: int,
    widest: float | None = None,
    discount: float,
    to_go_includes_reward: bool = True,
    terminal_penalty: float | None = None,
    cut_episodes: CutEpisodes = "end",
    rewards_ignored: bool = False,
) -> None:
    """Fit the bins to `dataset` and write its tokens to `path` (section 3.1).

    Hidden dimensions of observations become the mask token V, which follows the last bin.

    Args:
        dataset: the episodes.
        path: the token file.
        name: name of the dataset.
        discretizer: kind of the bins.
        bins: V, the number of bins per dimension.
        widest: largest width of a quantile bin, as a multiple of a uniform bin's width; None
            disables the limit, as in the official code.
        discount: discount of the rewards-to-go.
        to_go_includes_reward: whether a reward-to-go includes its own transition's reward.
        terminal_penalty: replaces the last reward of a terminated episode (-100 in the official
            code); None keeps the reward. Do not use it with uniform bins: this outlier would push
            all other rewards into one bin.
        cut_episodes: what follows the last reward of an episode that did not terminate: nothing
            ("end"), or its last rewards again and again ("go_on"; needs a discount below 1).
        rewards_ignored: whether to set reward and reward-to-go to 0, so that the tokens do not
            reveal the time to the end of an episode (goal reaching, section 4.2).

    Raises:
        TTOError: the dataset is empty or not finite, or only some of its episodes are masked.
    """
    settings: dict[str, Any] = {
        "discount": discount,
        "to_go_includes_reward": to_go_includes_reward,
        "terminal_penalty": terminal_penalty,
        "rewards_ignored": rewards_ignored,
        "cut_episodes": cut_episodes,
    }
    matrix = functools.partial(transition_matrix, **settings)
    with tempfile.TemporaryFile(dir=Path(path).parent) as file:
        spool = Spool(file)
        episodes = Progress(dataset, name=f"{name}: tokens", unit="episodes")
        try:
            fitted = fit(spool.fill(episodes, matrix), kind=discretizer, bins=bins, widest=widest)
        except TTOError as error:
            raise TTOError(f"dataset {name}: {error}") from error
        attributes = TokenAttributes(
            dataset=name,
            env=dataset.env_id,
            observation_dim=dataset.observation_dim,
            action_dim=dataset.action_dim,
            vocabulary=bins,
            discretizer=discretizer,
            mask_token=bool(spool.masked),
            **settings,
        )
        write_token_file(
            path,
            _encoded(spool.blocks(), fitted),
            attributes=attributes,
            discretizer=fitted,
            source_digest=spool.digest.hexdigest(),
        )


def _encoded(blocks: Iterable[Block], discretizer: Discretizer) -> Iterator[TokenBlock]:
    for block in blocks:
        tokens = discretizer.encode(block.rows)
        if block.observed is not None:
            tokens = mask_tokens(tokens, block.observed, discretizer.vocabulary)
        goals = discretizer.encode(block.finals)
        yield TokenBlock(tokens, block.lengths, block.terminated, goals)


def transition_matrix(
    episode: Episode,
    *,
    discount: float,
    to_go_includes_reward: bool = True,
    terminal_penalty: float | None = None,
    cut_episodes: CutEpisodes = "end",
    rewards_ignored: bool = False,
) -> Float[np.ndarray, "T D"]:
    """The float32 rows of an episode's transitions: observation, action, reward, reward-to-go.

    Args:
        episode: the episode.
        discount: discount of the rewards-to-go.
        to_go_includes_reward: whether a reward-to-go includes its own transition's reward.
        terminal_penalty: replaces the last reward of a terminated episode; None keeps the reward.
        cut_episodes: what follows an episode that did not terminate, as in `tokenize_dataset`.
        rewards_ignored: whether to set reward and reward-to-go to 0.
    """
    rewards = np.array(episode.rewards, dtype=np.float64)
    if rewards_ignored:
        rewards = np.zeros_like(rewards)
    elif terminal_penalty is not None and episode.terminated:
        rewards[-1] = terminal_penalty
    goes_on = cut_episodes == "go_on" and not (episode.terminated or rewards_ignored)
    to_go = rewards_to_go(
        rewards,
        discount=discount,
        includes_reward=to_go_includes_reward,
        rest=rest_of_cut(rewards, discount=discount) if goes_on else 0.0,
    )
    observations = episode.observations[: len(rewards)]
    columns = [observations, episode.actions, rewards[:, None], to_go[:, None]]
    return np.concatenate(columns, axis=1, dtype=np.float32, casting="same_kind")
