"""A ladder of actors for one robot: checkpoints of one training with their measured returns.

The folder holds `ladder.csv`, with one row per rung, and one actor file per rung. All checkpoints
up to the medium one are rungs. They are evenly spaced in training, so together they repeat what the
agent experienced until it was medium (D4RL's medium-replay). Only a few later checkpoints are
rungs.
"""

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tto.data.actors import Actor, load_actor, save_actor
from tto.errors import TTOError
from tto.files import StrPath, atomic_path

LADDER_FILE = "ladder.csv"
# The medium actor's target return, as a share of the expert's. In D4RL v2 the shares are 0.41
# (hopper), 0.45 (halfcheetah) and 0.58 (walker2d).
MEDIUM_SHARE = 0.42
# Returns fluctuate during training. The first checkpoint whose return differs from the target by at
# most this share of the expert's return is medium.
MEDIUM_TOLERANCE = 0.025


@dataclasses.dataclass(frozen=True)
class Rung:
    """A checkpoint and its measured performance.

    Attributes:
        rung: number of the rung; 0 has the lowest return.
        file: name of the actor file in the ladder's folder.
        method: how the actor was made, such as `sac`.
        training_steps: environment steps of its training.
        return_mean, return_std, length_mean: statistics over `episodes` episodes.
        episodes: number of episodes that were measured.
    """

    rung: int
    file: str
    method: str
    training_steps: int
    return_mean: float
    return_std: float
    length_mean: float
    episodes: int


@dataclasses.dataclass(frozen=True)
class Ladder:
    """Policies of one robot in a folder, by ascending return; each is a rung."""

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
        """The first rung in training with about 0.42 of the best return, or the nearest one."""
        trained = sorted(self.rungs, key=_training)
        return trained[medium_of([rung.return_mean for rung in trained])]

    @property
    def replay(self) -> tuple[Rung, ...]:
        """The rungs up to medium, in the order of training."""
        trained = sorted(self.rungs, key=_training)
        return tuple(trained[: trained.index(self.medium) + 1])


def read_ladder(folder: StrPath) -> Ladder:
    """Read `ladder.csv` of a robot.

    Raises:
        TTOError: the file is missing, lacks a column, is empty, or holds a wrong value.
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
        raise TTOError(
            f"{folder / LADDER_FILE}: expected at least one rung, got none; train the actors"
        )
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
    )


def write_ladder(folder: StrPath, actors: Sequence[Actor], rungs: Sequence[Rung]) -> None:
    """Write actors and their rows to a folder, which appears when all is written."""
    with atomic_path(folder) as temporary:
        temporary.mkdir(parents=True)
        for rung, actor in zip(rungs, actors, strict=True):
            save_actor(temporary / rung.file, actor)
        with open(temporary / LADDER_FILE, "w", newline="") as file:
            names = [field.name for field in dataclasses.fields(Rung)]
            writer = csv.DictWriter(file, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(dataclasses.asdict(rung) for rung in rungs)


def medium_of(returns: Sequence[float]) -> int:
    """Index of the medium checkpoint, given the mean returns in the order of training."""
    values = np.asarray(returns, dtype=np.float64)
    misses = np.abs(values - MEDIUM_SHARE * values.max())
    near = np.flatnonzero(misses <= MEDIUM_TOLERANCE * np.abs(values.max()))
    return int(near[0]) if len(near) else int(np.argmin(misses))


def choose_rungs(returns: Sequence[float], *, later: int) -> list[int]:
    """Indices of the checkpoints to keep: all up to medium, and some of the better ones.

    Args:
        returns: mean return of each checkpoint, in the order of training.
        later: number of rungs above medium. Their target returns are evenly spaced from medium to
            the best; there are fewer rungs where two targets have the same nearest checkpoint.
    """
    values = np.asarray(returns, dtype=np.float64)
    medium = medium_of(returns)
    targets = np.linspace(values[medium], values.max(), later + 1)[1:]
    chosen = {int(np.argmin(np.abs(values - target))) for target in targets}
    return sorted({*range(medium + 1), *chosen, int(np.argmax(values))})


def _training(rung: Rung) -> tuple[int, int]:
    """Sort key of the rungs in the order of training."""
    return rung.training_steps, rung.rung
