"""Training windows: runs of consecutive transitions that never cross an episode's end."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Integer

from tto.errors import TTOError
from tto.tokens.token_file import TokenFile


@dataclass(frozen=True)
class Windows:
    """Windows of `transitions` transitions, one starting at each row of `rows`.

    A window that reaches past its episode's end is padded there; `gather` says what counts. Each
    transition is thus in as many windows as any other that has as much past, episodes shorter than
    a window included.

    Attributes:
        episode_ends: of each row: the first row after its episode.
        terminated: of each row: whether its episode terminated, rather than ran out of time.
        stop_token: what follows a terminated episode and counts (the official code), or None.
    """

    tokens: Integer[np.ndarray, "rows D"]
    rows: Integer[np.ndarray, " windows"]
    episode_ends: Integer[np.ndarray, " rows"]
    terminated: Bool[np.ndarray, " rows"]
    transitions: int
    stop_token: int | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def gather(
        self, windows: Integer[np.ndarray, " B"]
    ) -> tuple[Integer[np.ndarray, "B L"], Bool[np.ndarray, "B L"]]:
        """Tokens of the numbered windows, and which of them count; other padding holds zeros.

        L = transitions * D.
        """
        starts = self.rows[windows]
        rows = starts[:, None] + np.arange(self.transitions)
        counts = rows < self.episode_ends[starts][:, None]
        tokens = self.tokens[np.minimum(rows, len(self.tokens) - 1)].astype(np.int64)
        tokens *= counts[:, :, None]
        if self.stop_token is not None:
            stopped = ~counts & self.terminated[starts][:, None]
            tokens[stopped] = self.stop_token
            counts |= stopped
        B, T, D = tokens.shape
        return tokens.reshape(B, T * D), np.repeat(counts, D, axis=1)


def split_windows(
    file: TokenFile,
    *,
    transitions: int,
    stop_token: int | None = None,
    held_out_fraction: float,
    rng: np.random.Generator,
) -> tuple[Windows, Windows]:
    """Training and held-out windows; whole episodes are held out, drawn by `rng`.

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
    lengths = np.diff(file.episode_starts)
    episode_ends = np.repeat(file.episode_starts[1:], lengths)
    terminated = np.repeat(file.terminated, lengths)
    is_held_out = np.zeros(episodes, dtype=bool)
    is_held_out[rng.permutation(episodes)[:held_out]] = True
    in_held_out = np.repeat(is_held_out, lengths)
    train, test = (
        Windows(
            file.tokens, np.flatnonzero(chosen), episode_ends, terminated, transitions, stop_token
        )
        for chosen in (~in_held_out, in_held_out)
    )
    return train, test
