"""Rows of a dataset in a temporary file: its many small arrays are read once, its rows twice."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from jaxtyping import Bool, Float

from tto.data.episode import Episode
from tto.errors import TTOError

# Episodes are joined to blocks of about this many rows, so that short ones cost no more than long.
_BLOCK_ROWS = 8192


@dataclass(frozen=True)
class Block:
    """Some episodes' rows, one below the other.

    Attributes:
        rows: one a transition.
        lengths: transitions of each episode.
        terminated: whether each episode ended by itself.
        finals: observation after each episode's last action.
        observed: which observation dimensions are not hidden, or None where none is.
    """

    rows: Float[np.ndarray, "rows D"]
    lengths: list[int]
    terminated: list[bool]
    finals: Float[np.ndarray, "episodes O"]
    observed: Bool[np.ndarray, "rows O"] | None


class Spool:
    """Blocks of episodes that are written once and read again.

    Attributes:
        digest: SHA-256 of all that was written.
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
        """Write the `matrix` of each episode, yielding the rows of some of them at a time.

        Raises:
            TTOError: some episodes are masked and some are not.
        """
        held: list[Episode] = []
        for episode in episodes:
            masked = episode.observed is not None
            if self.masked not in (None, masked):
                raise TTOError("expected all episodes masked or none, got both")
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
        """What was written, in the same blocks."""
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
