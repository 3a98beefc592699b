"""One complete episode, and what must hold for it."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from tto.errors import TTOError


@dataclasses.dataclass(frozen=True)
class Episode:
    """One complete episode of T transitions.

    Attributes:
        observations: float32 `(T+1, O)`; the last row is the one after the last action.
        actions: float32 `(T, A)`, as they were executed.
        rewards: float32 `(T,)`.
        terminated: the last transition reached a terminal state.
        truncated: the episode ended for another reason (the time limit).
        qpos, qvel: float64 `(T+1, ...)`, the simulator's state, or None.
        observed: bool `(T+1, O)`, False where an observation is hidden from a model (section 4.1's
            partially observed humanoid); None where all is seen. The hidden values stay in place.
    """

    observations: Float[np.ndarray, "T+1 O"]
    actions: Float[np.ndarray, "T A"]
    rewards: Float[np.ndarray, "T"]
    terminated: bool
    truncated: bool
    qpos: Float[np.ndarray, "T+1 nq"] | None = None
    qvel: Float[np.ndarray, "T+1 nv"] | None = None
    observed: Bool[np.ndarray, "T+1 O"] | None = None

    def __len__(self) -> int:
        """Transitions."""
        return len(self.rewards)

    @property
    def total_reward(self) -> float:
        """The return: undiscounted sum of rewards."""
        return float(np.sum(self.rewards, dtype=np.float64))


def check_episode(episode: Episode, *, source: str, dimensions: tuple[int, int]) -> None:
    """Raise TTOError unless shapes fit (O, A) = `dimensions` and each other, and all is finite."""
    length = len(episode.rewards)
    expected: dict[str, tuple[int, ...]] = {
        "observations": (length + 1, dimensions[0]),
        "actions": (length, dimensions[1]),
        "rewards": (length,),
    }
    if length == 0:
        raise TTOError(f"{source}: the episode has no transition; leave it out")
    if episode.observed is not None:
        expected["observed"] = expected["observations"]
    for field, shape in expected.items():
        got = getattr(episode, field).shape
        if got != shape:
            raise TTOError(
                f"{source}: {field} has shape {got}, expected {shape} for an environment with "
                f"{dimensions[0]} observation and {dimensions[1]} action dimensions; check env"
            )
    for field in ("observations", "actions", "rewards", "qpos", "qvel"):
        values = getattr(episode, field)
        if values is None:
            continue
        if len(values) != length + (field not in ("actions", "rewards")):
            raise TTOError(f"{source}: {field} has {len(values)} rows in {length} transitions")
        if not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise TTOError(
                f"{source}: {field} is {values[row].tolist()} at row {row}; every value must be "
                "finite: repair or leave out the episode"
            )
