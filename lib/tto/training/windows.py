"""Training windows: consecutive transitions of one episode."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Integer

from tto.errors import TTOError
from tto.tokens.token_file import TokenFile


@dataclass(frozen=True)
class Windows:
    """Windows of `transitions` transitions, one starting at each row of `rows`.

    A window that goes beyond the end of its episode is padded; padding does not count in the loss.
    Hence transitions with equally many predecessors are in equally many windows, also in episodes
    that are shorter than a window.

    Attributes:
        file: tokens of the episodes.
        rows: first row of each window.
        owners: number of the episode of each row of the file.
        transitions: number of transitions in a window.
        stop_token: token that fills windows after terminated episodes and counts (the official
            code), or None.
        goal: whether each window begins with its goal (section 3.2), the last observation of the
            episode. The goal takes one of the transitions, is padded by zeros and does not count.
    """

    file: TokenFile
    rows: Integer[np.ndarray, " windows"]
    owners: Integer[np.ndarray, " rows"]
    transitions: int
    stop_token: int | None = None
    goal: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def gather(
        self, windows: Integer[np.ndarray, " B"]
    ) -> tuple[Integer[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Tokens of the given windows, and which of them count; L = transitions * D.

        Padding that is no stop token holds zeros.
        """
        starts = self.rows[windows]
        episodes = self.owners[starts]
        rows = starts[:, None] + np.arange(-int(self.goal), self.transitions - self.goal)
        counts = rows < self.file.episode_starts[episodes + 1][:, None]
        counts &= rows >= starts[:, None]
        tokens = self.file.tokens[rows.clip(0, len(self.file.tokens) - 1)].astype(np.int64)
        tokens *= counts[:, :, None]
        if self.stop_token is not None:
            stopped = ~counts & self.file.terminated[episodes][:, None]
            stopped &= rows >= starts[:, None]
            tokens[stopped] = self.stop_token
            counts |= stopped
        if self.goal:
            tokens[:, 0, : self.file.goals.shape[1]] = self.file.goals[episodes]
        B, T, D = tokens.shape
        return tokens.reshape(B, T * D), np.repeat(counts, D, axis=1)


def split_windows(
    file: TokenFile,
    *,
    transitions: int,
    stop_token: int | None = None,
    goal: bool = False,
    held_out_fraction: float,
    rng: np.random.Generator,
) -> tuple[Windows, Windows]:
    """Make training windows and held-out windows; whole episodes are held out.

    Args:
        rng: draws the held-out episodes.

    Raises:
        TTOError: there are too few episodes to hold any out.
    """
    episodes = len(file.terminated)
    held_out = round(held_out_fraction * episodes)
    if held_out_fraction > 0:
        held_out = max(held_out, 1)
    if held_out >= episodes:
        raise TTOError(
            f"training: expected more than {held_out} episodes to hold out {held_out_fraction:.0%} "
            f"of them, got {episodes}; collect more or set training.held_out_fraction to 0"
        )
    owners = np.repeat(np.arange(episodes), np.diff(file.episode_starts))
    is_held_out = np.zeros(episodes, dtype=bool)
    is_held_out[rng.permutation(episodes)[:held_out]] = True
    in_held_out = is_held_out[owners]
    train, test = (
        Windows(file, np.flatnonzero(chosen), owners, transitions, stop_token, goal)
        for chosen in (~in_held_out, in_held_out)
    )
    return train, test
