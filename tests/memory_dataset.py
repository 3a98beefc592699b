"""A dataset of given episodes, without files."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from tto.data.episode import Episode
from tto.data.episodes import EpisodeDataset


class MemoryDataset(EpisodeDataset):
    """Episodes of equal sizes; its name is toy-v0."""

    def __init__(self, episodes: Iterable[Episode], *, env_id: str = "Hopper-v5") -> None:
        listed = list(episodes)
        sizes = listed[0].observations.shape[1], listed[0].actions.shape[1]
        counts = len(listed), sum(map(len, listed))
        super().__init__(Path("held_out/toy-v0"), env_id, *sizes, *counts)
        object.__setattr__(self, "listed", listed)  # the dataset is frozen

    listed: list[Episode]

    def __iter__(self) -> Iterator[Episode]:
        return iter(self.listed)
