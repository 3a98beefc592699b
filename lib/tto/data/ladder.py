"""A ladder of actors for one robot: checkpoints of its training, measured, from poor to good.

The folder holds `ladder.csv` (a row a rung) and one actor file each.
"""

import csv
import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tto.data.actors import Actor, load_actor, save_actor
from tto.errors import TTOError
from tto.files import atomic_path

LADDER_FILE = "ladder.csv"
MEDIUM_SHARE = 0.4  # D4RL: medium is "about a third" of the expert; hopper 1422 of 3511


@dataclasses.dataclass(frozen=True)
class Rung:
    """A checkpoint and how well it does, with the noise that it collects with.

    Attributes:
        rung: its number, 0 is the poorest.
        file: the actor, in the ladder's folder.
        method: how it was trained, with what settings.
        training_steps: environment steps of its training.
        return_mean, return_std, length_mean: over `episodes` episodes.
        noise: Gaussian action noise of a deterministic actor while it was measured.
    """

    rung: int
    file: str
    method: str
    training_steps: int
    return_mean: float
    return_std: float
    length_mean: float
    episodes: int
    noise: float


@dataclasses.dataclass(frozen=True)
class Ladder:
    """The rungs in a folder, from poor to good."""

    folder: Path
    rungs: tuple[Rung, ...]

    def actor(self, rung: Rung) -> Actor:
        """Load a rung's actor."""
        return load_actor(self.folder / rung.file)

    @property
    def expert(self) -> Rung:
        """The best rung."""
        return self.rungs[-1]

    @property
    def medium(self) -> Rung:
        """The rung nearest to 0.4 of the best return."""
        target = MEDIUM_SHARE * self.expert.return_mean
        return min(self.rungs, key=lambda rung: abs(rung.return_mean - target))

    @property
    def replay(self) -> tuple[Rung, ...]:
        """The rungs up to medium, in the order they were trained."""
        up_to_medium = self.rungs[: self.rungs.index(self.medium) + 1]
        return tuple(sorted(up_to_medium, key=lambda rung: (rung.training_steps, rung.rung)))


def read_ladder(folder: str | os.PathLike[str]) -> Ladder:
    """Read `ladder.csv` of a robot.

    Raises:
        TTOError: it is missing, misses a column or holds no row.
    """
    folder = Path(folder)
    names = [field.name for field in dataclasses.fields(Rung)]
    try:
        with open(folder / LADDER_FILE, newline="") as file:
            rungs = [_rung(row) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise TTOError(
            f"{folder / LADDER_FILE}: expected a ladder of actors with the columns "
            f"{', '.join(names)}, got {type(error).__name__} ({error}); "
            "name another folder in collect: actors, or train the actors"
        ) from error
    if not rungs:
        raise TTOError(f"{folder / LADDER_FILE}: the ladder has no rung; train the actors")
    return Ladder(folder, tuple(sorted(rungs, key=lambda rung: (rung.return_mean, rung.rung))))


def _rung(row: dict[str, str]) -> Rung:
    return Rung(
        rung=int(row["rung"]),
        file=row["file"],
        method=row["method"],
        training_steps=int(row["training_steps"]),
        return_mean=float(row["return_mean"]),
        return_std=float(row["return_std"]),
        length_mean=float(row["length_mean"]),
        episodes=int(row["episodes"]),
        noise=float(row["noise"]),
    )


def write_ladder(
    folder: str | os.PathLike[str], actors: Sequence[Actor], rungs: Sequence[Rung]
) -> None:
    """Write actors and their rows; the folder appears when all is written."""
    with atomic_path(folder) as temporary:
        temporary.mkdir(parents=True)
        for rung, actor in zip(rungs, actors, strict=True):
            save_actor(temporary / rung.file, actor)
        with open(temporary / LADDER_FILE, "w", newline="") as file:
            names = [field.name for field in dataclasses.fields(Rung)]
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(dataclasses.asdict(rung) for rung in rungs)


def choose_rungs(returns: Sequence[float], *, count: int) -> list[int]:
    """Indices of `count` checkpoints whose returns are spread evenly, and that include a medium.

    Args:
        returns: mean return of each checkpoint, in the order of training.
        count: rungs wanted; fewer come back where two targets are nearest to the same checkpoint.

    Returns:
        Indices sorted from poor to good.
    """
    values = np.asarray(returns, dtype=np.float64)
    targets = [*np.linspace(values.min(), values.max(), count), MEDIUM_SHARE * values.max()]
    chosen = {int(np.argmin(np.abs(values - target))) for target in targets}
    return sorted(chosen, key=lambda index: values[index])
