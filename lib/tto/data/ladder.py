"""A ladder of actors for one robot: checkpoints of one training with their measured returns.

The folder holds `ladder.csv`, with one row per rung, and one actor file per rung, in the order of
training. The rungs up to the medium one are evenly spaced in training, so together they repeat what
the agent experienced until it was medium (D4RL's medium-replay). A few later rungs follow.
"""

import csv
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int

from tto.data.actors import Actor, load_actor, save_actor
from tto.errors import TTOError
from tto.files import StrPath, atomic_path

LADDER_FILE = "ladder.csv"
LEVELS = ("early", "medium", "late", "expert")
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
        rung: number of the rung; 0 is the first in training.
        file: name of the actor file in the ladder's folder.
        level: one of `LEVELS`; there is one medium rung and one expert.
        method: how the actor was made, such as `sac`.
        training_steps: environment steps of its training.
        return_mean, return_std, length_mean: statistics over `episodes` episodes.
        episodes: number of episodes that were measured.
    """

    rung: int
    file: str
    level: str
    method: str
    training_steps: int
    return_mean: float
    return_std: float
    length_mean: float
    episodes: int


@dataclasses.dataclass(frozen=True)
class Ladder:
    """Actors of one robot in a folder, in the order of training; each is a rung."""

    folder: Path
    rungs: tuple[Rung, ...]

    def actor(self, rung: Rung) -> Actor:
        """Load a rung's actor."""
        return load_actor(self.folder / rung.file)

    @property
    def expert(self) -> Rung:
        """The rung with the best return."""
        return self._the("expert")

    @property
    def medium(self) -> Rung:
        """The first rung in training with about 0.42 of the best return."""
        return self._the("medium")

    @property
    def replay(self) -> tuple[Rung, ...]:
        """The rungs up to medium, in the order of training."""
        return self.rungs[: self.rungs.index(self.medium) + 1]

    def _the(self, level: str) -> Rung:
        (rung,) = (rung for rung in self.rungs if rung.level == level)
        return rung


def training_shares(rungs: Sequence[Rung]) -> list[float]:
    """Share of the training that led to each of `rungs`: its steps since the rung before it."""
    steps = np.diff([0, *(rung.training_steps for rung in rungs)])
    return (steps / steps.sum()).tolist()


def divided(count: int, shares: Sequence[float]) -> Int[np.ndarray, " count"]:
    """The number of a policy for each of `count` episodes, by the policies' shares, in order."""
    places = (np.arange(count) + 0.5) / count
    return np.searchsorted(np.cumsum(shares), places).clip(max=len(shares) - 1)


def read_ladder(folder: StrPath) -> Ladder:
    """Read `ladder.csv` of a robot.

    Raises:
        TTOError: the file is missing, lacks a column, holds a wrong value, is not in the order of
            training, or has not exactly one medium rung and one expert.
    """
    path = Path(folder) / LADDER_FILE
    names = [field.name for field in dataclasses.fields(Rung)]
    try:
        with open(path, newline="") as file:
            rungs = [_rung(row) for row in csv.DictReader(file)]
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise TTOError(
            f"{path}: expected a ladder of actors with the columns {', '.join(names)}, got "
            f"{type(error).__name__} ({error}); name another folder in collect: actors, or train "
            "the actors"
        ) from error
    levels = [rung.level for rung in rungs]
    steps = [0, *(rung.training_steps for rung in rungs)]
    if not set(levels) <= set(LEVELS) or any(levels.count(x) != 1 for x in ("medium", "expert")):
        raise TTOError(
            f"{path}: expected levels of {', '.join(LEVELS)} with one medium rung and one expert, "
            f"got {', '.join(levels) or 'no rung'}; train the actors"
        )
    if min(np.diff(steps)) <= 0:
        raise TTOError(
            f"{path}: expected training_steps that rise from rung to rung, got {steps[1:]}; sort "
            "the rows by their steps"
        )
    return Ladder(Path(folder), tuple(rungs))


def _rung(row: dict[str, str]) -> Rung:
    return Rung(
        rung=int(row["rung"]),
        file=row["file"],
        level=row["level"],
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


def choose_levels(
    count: int, return_of: Callable[[int], float], *, early: int, late: int, candidates: int
) -> dict[int, str]:
    """Choose checkpoints of a training for a ladder.

    Args:
        count: number of checkpoints.
        return_of: mean return of the checkpoint with an index; it is called for as few as needed.
        early: largest number of rungs before medium, evenly spaced.
        late: largest number of rungs after medium, evenly spaced, besides the expert.
        candidates: number of evenly spaced checkpoints from which the best becomes the expert.

    Returns:
        The level of each chosen checkpoint by its index, in the order of training.

    Raises:
        TTOError: the best checkpoint is the first, so none is left for medium.
    """
    expert = max(evenly_spaced(0, count, candidates), key=return_of)
    if expert == 0:
        raise TTOError(
            f"ladder: expected returns that rise in training, got {count} checkpoints of which the "
            "first is the best; train for longer"
        )
    best = return_of(expert)
    misses: list[float] = []
    for index in range(expert):
        misses.append(abs(return_of(index) - MEDIUM_SHARE * best))
        if misses[-1] <= MEDIUM_TOLERANCE * abs(best):
            break
    medium = int(np.argmin(misses))
    levels = dict.fromkeys(evenly_spaced(0, medium, early), "early")
    levels |= dict.fromkeys(evenly_spaced(medium + 1, count, late), "late")
    levels |= {medium: "medium", expert: "expert"}
    return dict(sorted(levels.items()))


def evenly_spaced(start: int, stop: int, number: int) -> list[int]:
    """At most `number` evenly spaced indices of range(start, stop), with its first and last."""
    number = min(number, stop - start)
    return np.linspace(start, stop - 1, number).round().astype(int).tolist()
