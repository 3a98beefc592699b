"""Statistics of a dataset's episodes: returns, lengths and numbers of them."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Integer

from tto.data.environments import normalized_score
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.files import StrPath, atomic_path


@dataclass(frozen=True)
class DatasetStatistics:
    """Statistics of one dataset, a row of its CSV file.

    Returns are undiscounted, lengths are in transitions, and standard deviations are over episodes.
    `score_mean` is the normalised `return_mean`, or None if the environment has no reference.
    """

    dataset: str
    source: str
    env: str
    episodes: int
    transitions: int
    return_mean: float
    return_std: float
    return_max: float
    score_mean: float | None
    length_mean: float


def returns_and_lengths(
    dataset: EpisodeDataset,
) -> tuple[Float[np.ndarray, " episodes"], Integer[np.ndarray, " episodes"]]:
    """Return the undiscounted return and the length in transitions of each episode.

    The dataset is read as a stream.
    """
    pairs = [(episode.total_reward, len(episode.rewards)) for episode in dataset]
    returns, lengths = zip(*pairs, strict=True)
    return np.array(returns, dtype=np.float64), np.array(lengths, dtype=np.int64)


def dataset_statistics(dataset: EpisodeDataset, *, name: str, source: str) -> DatasetStatistics:
    """Compute the statistics of a dataset.

    Args:
        dataset: the episodes.
        name: id of the dataset.
        source: source of the dataset in the config.
    """
    returns, lengths = returns_and_lengths(dataset)
    return DatasetStatistics(
        dataset=name,
        source=source,
        env=dataset.env_id,
        episodes=len(returns),
        transitions=int(lengths.sum()),
        return_mean=float(returns.mean()),
        return_std=float(returns.std()),
        return_max=float(returns.max()),
        score_mean=normalized_score(dataset.env_id, float(returns.mean())),
        length_mean=float(lengths.mean()),
    )


def write_statistics(path: StrPath, statistics: DatasetStatistics) -> None:
    """Write a CSV file of one row with all digits; a missing score is an empty cell."""
    with atomic_path(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(asdict(statistics).keys())
        writer.writerow(asdict(statistics).values())


def read_statistics(paths: Iterable[StrPath]) -> list[DatasetStatistics]:
    """Return the rows of all files, which `write_statistics` wrote.

    Raises:
        TTOError: a file is missing, lacks a column, or has a cell that is no number.
    """
    return [row for path in paths for row in _read(path)]


def _read(path: StrPath) -> list[DatasetStatistics]:
    try:
        with open(path, newline="") as file:
            return [
                DatasetStatistics(
                    dataset=row["dataset"],
                    source=row["source"],
                    env=row["env"],
                    episodes=int(row["episodes"]),
                    transitions=int(row["transitions"]),
                    return_mean=float(row["return_mean"]),
                    return_std=float(row["return_std"]),
                    return_max=float(row["return_max"]),
                    score_mean=float(row["score_mean"]) if row["score_mean"] else None,
                    length_mean=float(row["length_mean"]),
                )
                for row in csv.DictReader(file)
            ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise TTOError(
            f"{Path(path)}: expected a CSV file of dataset statistics, got "
            f"{type(error).__name__} ({error}); make it again"
        ) from error
