"""The token file: one HDF5 file per dataset, with one row of D tokens per transition.

Arrays:

- `tokens` (rows, D): unsigned integers 0..V-1, or V for a hidden dimension of masked data;
- `episode_starts` (episodes+1,): int64;
- `terminated` (episodes,): bool, False where the time limit cut off the episode;
- `goals` (episodes, O): tokens of the observation after each episode's last action;
- `edges` (D, V+1): float64.

Attributes: `format_version`, `source_digest`, those of `TokenAttributes` (`rewards_ignored` only
where it is true, `cut_episodes` only where it is not `end`), and `content_digest`, a SHA-256 over
arrays and attributes that reveals flipped bits. Older files lack `content_digest`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from jaxtyping import Bool, Integer

from tto.errors import TTOError, one_line
from tto.fields import Between, Printable, check_fields
from tto.files import StrPath, atomic_path
from tto.hdf5 import new_hdf5, read_hdf5
from tto.tokens.discretizer import MOST_TOKENS, Discretizer, Kind, token_dtype
from tto.tokens.reward_to_go import CutEpisodes

FORMAT_VERSION = 1
_CHUNK_ROWS = 65536
_ARRAYS = ("tokens", "episode_starts", "terminated", "goals", "edges")


@dataclass(frozen=True)
class TokenAttributes:
    """Source dataset, sizes and encoding of the tokens.

    Attributes:
        dataset: name of the source dataset.
        env: environment of its episodes.
        observation_dim, action_dim: O and A.
        vocabulary: V, the number of bins per dimension.
        discretizer: kind of the bins, uniform or quantile.
        discount: discount of the rewards-to-go.
        to_go_includes_reward: whether a reward-to-go includes its own transition's reward.
        terminal_penalty: replaces the last reward of a terminated episode; None keeps the reward.
        mask_token: whether V is a token, for hidden dimensions of observations.
        rewards_ignored: whether reward and reward-to-go were set to 0 in all transitions (goal
            reaching, section 4.2).
        cut_episodes: what follows the last reward of an episode that did not terminate
            (`tto.tokens.tokenize.tokenize_dataset`).

    Raises:
        TTOError: a value is of another type or out of range.
    """

    dataset: Annotated[str, Printable()]
    env: Annotated[str, Printable(without=":")]
    observation_dim: Annotated[int, Between(1, 10_000)]
    action_dim: Annotated[int, Between(1, 10_000)]
    vocabulary: Annotated[int, Between(1, MOST_TOKENS)]
    discretizer: Kind
    discount: Annotated[float, Between(0, 1)]
    to_go_includes_reward: bool
    terminal_penalty: float | None
    mask_token: bool = False
    rewards_ignored: bool = False
    cut_episodes: CutEpisodes = "end"

    def __post_init__(self) -> None:
        check_fields(self, "tokens")
        if self.token_count > MOST_TOKENS:
            raise TTOError(
                f"tokens.vocabulary: expected at most {MOST_TOKENS - 1} beside a mask token, got "
                f"{self.vocabulary}; use fewer bins"
            )

    @property
    def reward_settings(self) -> dict[str, Any]:
        """Encoding of rewards, as arguments of `tto.tokens.tokenize.transition_matrix`."""
        return {
            "discount": self.discount,
            "to_go_includes_reward": self.to_go_includes_reward,
            "terminal_penalty": self.terminal_penalty,
            "rewards_ignored": self.rewards_ignored,
            "cut_episodes": self.cut_episodes,
        }

    @property
    def transition_dim(self) -> int:
        """D = O + A + 2, for observation, action, reward and reward-to-go."""
        return self.observation_dim + self.action_dim + 2

    @property
    def token_count(self) -> int:
        """Number of different tokens per dimension: V, plus 1 if there is a mask token."""
        return self.vocabulary + self.mask_token


@dataclass(frozen=True)
class TokenFile:
    """A token file in memory; the arrays are described at the top of this module."""

    attributes: TokenAttributes
    discretizer: Discretizer
    tokens: Integer[np.ndarray, "rows D"]
    episode_starts: Integer[np.ndarray, " starts"]
    terminated: Bool[np.ndarray, " episodes"]
    goals: Integer[np.ndarray, "episodes O"]
    source_digest: str


def mask_tokens(
    tokens: Integer[np.ndarray, "T D"], observed: Bool[np.ndarray, "T O"], vocabulary: int
) -> Integer[np.ndarray, "T D"]:
    """A copy of `tokens` with the mask token V where a dimension of the observation is hidden."""
    tokens = tokens.astype(token_dtype(vocabulary + 1))
    tokens[:, : observed.shape[1]][~observed] = vocabulary
    return tokens


@dataclass(frozen=True)
class TokenBlock:
    """The concatenated tokens of some episodes.

    Attributes:
        tokens: one row per transition.
        lengths: number of transitions of each episode.
        terminated: whether each episode reached a terminal state.
        goals: tokens of the observation after each episode's last action.
    """

    tokens: Integer[np.ndarray, "rows D"]
    lengths: Sequence[int]
    terminated: Sequence[bool]
    goals: Integer[np.ndarray, "episodes O"]


def write_token_file(
    path: StrPath,
    blocks: Iterable[TokenBlock],
    *,
    attributes: TokenAttributes,
    discretizer: Discretizer,
    source_digest: str,
) -> None:
    """Write a token file, holding one block at a time in memory.

    Args:
        path: the file.
        blocks: the episodes' tokens.
        attributes: source and encoding of the tokens.
        discretizer: bins of the tokens.
        source_digest: SHA-256 of the rows that the tokens were made from.
    """
    with atomic_path(path) as temporary, new_hdf5(temporary, track_order=True) as file:
        dimension = attributes.transition_dim
        tokens = file.create_dataset(
            "tokens",
            (0, dimension),
            token_dtype(attributes.token_count),
            maxshape=(None, dimension),
            chunks=(_CHUNK_ROWS, dimension),
        )
        digest = hashlib.sha256()
        lengths: list[int] = []
        terminated: list[bool] = []
        goals: list[np.ndarray] = []
        for block in blocks:
            lengths += block.lengths
            terminated += block.terminated
            goals.append(block.goals)
            rows = np.ascontiguousarray(block.tokens, dtype=tokens.dtype)
            tokens.resize(len(tokens) + len(rows), axis=0)
            tokens[-len(rows) :] = rows
            digest.update(rows.data)
        arrays = {
            "episode_starts": np.append(0, np.cumsum(lengths, dtype=np.int64)),
            "terminated": np.asarray(terminated, dtype=np.bool_),
            "goals": np.concatenate(goals),
            "edges": discretizer.edges,
        }
        for name, array in arrays.items():
            file[name] = array
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["source_digest"] = source_digest
        file.attrs["content_digest"] = _finish(digest, arrays, attributes, source_digest)
        for name, value in _stored(attributes).items():
            file.attrs[name] = np.nan if value is None else value


def read_token_file(path: StrPath) -> TokenFile:
    """Read and check a token file.

    Raises:
        TTOError: the file is missing, truncated, of another format version, or inconsistent.
    """
    path = Path(path)
    if not path.is_file():
        raise TTOError(f"token file {path}: expected a file, found none; make it with the workflow")
    with read_hdf5(path, expected="a token file", remedy="delete it and make it again") as file:
        version = file.attrs.get("format_version")
        if version != FORMAT_VERSION:
            raise TTOError(
                f"token file {path}: expected format_version {FORMAT_VERSION}, got {version}; "
                "make the file again"
            )
        arrays = {name: np.asarray(file[name]) for name in _ARRAYS}
        source_digest = str(file.attrs["source_digest"])
        written = file.attrs.get("content_digest")
        known = [name for name in TokenAttributes.__dataclass_fields__ if name in file.attrs]
        stored = {name: _plain(file.attrs[name]) for name in known}
    try:
        attributes = TokenAttributes(**stored)
    except (TTOError, TypeError) as error:
        raise TTOError(
            f"token file {path}: expected the attributes of a token file, got others "
            f"({one_line(error)}); make it again"
        ) from error
    tokens = hashlib.sha256(np.ascontiguousarray(arrays["tokens"]).data)
    found = _finish(tokens, arrays, attributes, source_digest)
    if written not in (None, found):
        raise TTOError(
            f"token file {path}: expected content of SHA-256 {written:.12}..., its "
            f"content_digest, got {found:.12}...; the file is damaged: delete it and make it again"
        )
    token_file = TokenFile(
        attributes=attributes,
        discretizer=Discretizer(attributes.discretizer, arrays["edges"]),
        tokens=arrays["tokens"],
        episode_starts=arrays["episode_starts"],
        terminated=arrays["terminated"],
        goals=arrays["goals"],
        source_digest=source_digest,
    )
    _check(token_file, path)
    return token_file


def _finish(
    digest: "hashlib._Hash",
    arrays: Mapping[str, np.ndarray],
    attributes: TokenAttributes,
    source_digest: str,
) -> str:
    """SHA-256 of the whole content; `digest` has already received all rows of tokens."""
    for name in _ARRAYS[1:]:
        digest.update(np.ascontiguousarray(arrays[name]).data)
    shapes = [arrays[name].shape for name in _ARRAYS[1:]]
    digest.update(json.dumps([_stored(attributes), source_digest, shapes]).encode())
    return digest.hexdigest()


def _stored(attributes: TokenAttributes) -> dict[str, Any]:
    """The attributes as stored; later ones only if they differ from what older files mean."""
    stored = asdict(attributes)
    if not attributes.rewards_ignored:
        del stored["rewards_ignored"]
    if attributes.cut_episodes == "end":
        del stored["cut_episodes"]
    return stored


def _check(file: TokenFile, path: Path) -> None:
    rows, starts = len(file.tokens), file.episode_starts
    expected = (file.attributes.transition_dim, file.attributes.vocabulary + 1)
    if file.discretizer.edges.shape != expected:
        raise TTOError(
            f"token file {path}: expected edges of shape {expected}, got "
            f"{file.discretizer.edges.shape}; make it again"
        )
    if file.tokens.shape != (rows, file.attributes.transition_dim):
        expected = f"(rows, {file.attributes.transition_dim})"
        raise TTOError(
            f"token file {path}: expected tokens of shape {expected}, got {file.tokens.shape}; "
            "make it again"
        )
    if rows and file.tokens.max() >= file.attributes.token_count:
        raise TTOError(
            f"token file {path}: expected tokens below {file.attributes.token_count}, got "
            f"{file.tokens.max()}; make it again"
        )
    if len(starts) < 2 or starts[0] != 0 or starts[-1] != rows or (np.diff(starts) <= 0).any():
        raise TTOError(
            f"token file {path}: expected episode_starts that divide its {rows} rows, got others; "
            "make it again"
        )
    for name in ("terminated", "goals"):
        if len(getattr(file, name)) != len(starts) - 1:
            raise TTOError(
                f"token file {path}: expected {name} of {len(starts) - 1} episodes, got "
                f"{len(getattr(file, name))}; make it again"
            )


def _plain(value: Any) -> Any:
    """An HDF5 attribute as a Python value; NaN means None."""
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and np.isnan(value) else value
