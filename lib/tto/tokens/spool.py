"""A temporary file of a dataset's rows, so that its many small arrays are read only once."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from jaxtyping import Bool, Float

from tto.data.episode import Episode
from tto.errors import TTOError

# Short episodes are joined to blocks of about this many rows, which saves time per episode.
_BLOCK_ROWS = 8192


@dataclass(frozen=True)
class Block:
    """The concatenated rows of some episodes.

    Attributes:
        rows: one row per transition.
        lengths: number of transitions of each episode.
        terminated: whether each episode reached a terminal state.
        finals: observation after each episode's last action.
        observed: False where a dimension of an observation is hidden; None if none is hidden.
    """

    rows: Float[np.ndarray, "rows D"]
    lengths: list[int]
    terminated: list[bool]
    finals: Float[np.ndarray, "episodes O"]
    observed: Bool[np.ndarray, "rows O"] | None


class Spool:
    """A binary file of blocks of episodes, which is filled once and then read.

    Attributes:
        file: the open file.
        digest: SHA-256 of everything written so far.
        masked: whether observations have hidden dimensions; None before the first episode.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, hashlib.sha256()
        self.masked: bool | None = None
        self._outlines: list[tuple[list[int], list[bool]]] = []
        self._sizes = 0, 0  # D, O

    def fill(
        self,
        episodes: Iterable[Episode],
        matrix: Callable[[Episode], Float[np.ndarray, "T D"]],
    ) -> Iterator[Float[np.ndarray, "rows D"]]:
        """Write all episodes and yield their rows block by block.

        Args:
            episodes: the episodes.
            matrix: function from an episode to its rows, one per transition.

        Raises:
            TTOError: some episodes are masked and some are not.
        """
        held: list[Episode] = []
        for episode in episodes:
            masked = episode.observed is not None
            if self.masked not in (None, masked):
                raise TTOError("expected all episodes masked or none, got both; collect them again")
            self.masked = masked
            held.append(episode)
            if sum(map(len, held)) >= _BLOCK_ROWS:
                yield self._write(held, matrix)
                held = []
        if held:
            yield self._write(held, matrix)

    def _write(
        self, episodes: list[Episode], matrix: Callable[[Episode], Float[np.ndarray, "T D"]]
    ) -> Float[np.ndarray, "rows D"]:
        rows = np.concatenate([matrix(episode) for episode in episodes])
        self._sizes = rows.shape[1], episodes[0].observations.shape[1]
        self._outlines.append(([len(e) for e in episodes], [e.terminated for e in episodes]))
        arrays = [rows, np.stack([episode.observations[-1] for episode in episodes])]
        arrays += [e.observed[: len(e)] for e in episodes if e.observed is not None]
        for array in arrays:
            self.file.write(array.data)
            self.digest.update(array.data)
        return rows

    def blocks(self) -> Iterator[Block]:
        """Read the written blocks."""
        self.file.seek(0)
        D, O = self._sizes
        for lengths, terminated in self._outlines:
            rows = self._read((sum(lengths), D), np.float32)
            finals = self._read((len(lengths), O), np.float32)
            observed = self._read((len(rows), O), np.bool_) if self.masked else None
            yield Block(rows, lengths, terminated, finals, observed)

    def _read(self, shape: tuple[int, int], dtype: type[np.generic]) -> np.ndarray:
        array = np.empty(shape, dtype)
        self.file.readinto(array.data)  # type: ignore[attr-defined]
        return array
