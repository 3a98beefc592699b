"""A ladder of actors for one robot: checkpoints of its training, measured.

The folder holds `ladder.csv` (a row a rung) and one actor file each. All checkpoints up to the
medium one are rungs, evenly apart in training, so that they can act out again what the agent
experienced until it was medium (D4RL's medium-replay); of the later ones a few are.
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
MEDIUM_SHARE = (
    0.42  # of the expert's return; in D4RL v2: hopper 0.41, halfcheetah 0.45, walker2d 0.58
)
# Returns of a training go up and down: of checkpoints within this share of the expert's return of
# the target, the first one is medium.
MEDIUM_TOLERANCE = 0.025


@dataclasses.dataclass(frozen=True)
class Rung:
    """A checkpoint and how well it does, with the noise that it collects with.

    Attributes:
        rung: its number, 0 is the poorest.
        file: the actor, in the ladder's folder.
        method: how it was trained, with what settings.
        training_steps: environment steps of its training.
        return_mean, return_std, length_mean: over `episodes` episodes.
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
        """The first rung of the training whose return is 0.42 of the best one, or the nearest."""
        trained = sorted(self.rungs, key=_training)
        return trained[medium_of([rung.return_mean for rung in trained])]

    @property
    def replay(self) -> tuple[Rung, ...]:
        """The rungs up to medium, in the order they were trained."""
        trained = sorted(self.rungs, key=_training)
        return tuple(trained[: trained.index(self.medium) + 1])


def read_ladder(folder: StrPath) -> Ladder:
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
    )


def write_ladder(folder: StrPath, actors: Sequence[Actor], rungs: Sequence[Rung]) -> None:
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


def medium_of(returns: Sequence[float]) -> int:
    """Index of the medium checkpoint, of mean returns in the order of training."""
    values = np.asarray(returns, dtype=np.float64)
    misses = np.abs(values - MEDIUM_SHARE * values.max())
    near = np.flatnonzero(misses <= MEDIUM_TOLERANCE * np.abs(values.max()))
    return int(near[0]) if len(near) else int(np.argmin(misses))


def choose_rungs(returns: Sequence[float], *, later: int) -> list[int]:
    """Indices of the checkpoints to keep: all up to medium, then some from there to the best.

    Args:
        returns: mean return of each checkpoint, in the order of training.
        later: rungs above medium, evenly apart in return; fewer where two of these targets are
            nearest to the same checkpoint.
    """
    values = np.asarray(returns, dtype=np.float64)
    medium = medium_of(returns)
    targets = np.linspace(values[medium], values.max(), later + 1)[1:]
    chosen = {int(np.argmin(np.abs(values - target))) for target in targets}
    return sorted({*range(medium + 1), *chosen, int(np.argmax(values))})


def _training(rung: Rung) -> tuple[int, int]:
    """What rungs are sorted by, to have them in the order of training."""
    return rung.training_steps, rung.rung
