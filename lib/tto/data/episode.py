"""One complete episode, and the check of its shapes and values."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from tto.errors import TTOError


@dataclasses.dataclass(frozen=True)
class Episode:
    """One complete episode of T transitions and T+1 states.

    Attributes:
        observations: float32 `(T+1, O)`; the last row follows the last action.
        actions: float32 `(T, A)`, as executed.
        rewards: float32 `(T,)`.
        terminated: whether the last transition reached a terminal state.
        truncated: whether the episode ended for another reason, such as the time limit.
        qpos, qvel: float64 `(T+1, ...)`, the simulator's state, or None.
        observed: bool `(T+1, O)`, False where a dimension is hidden from a model (section 4.1's
            partially observed humanoid). `observations` keeps the hidden values. None hides
            nothing.
    """

    observations: Float[np.ndarray, "states O"]
    actions: Float[np.ndarray, "T A"]
    rewards: Float[np.ndarray, "T"]
    terminated: bool
    truncated: bool
    qpos: Float[np.ndarray, "states nq"] | None = None
    qvel: Float[np.ndarray, "states nv"] | None = None
    observed: Bool[np.ndarray, "states O"] | None = None

    def __len__(self) -> int:
        """T, the number of transitions."""
        return len(self.rewards)

    @property
    def total_reward(self) -> float:
        """The return: the undiscounted sum of rewards."""
        return float(np.sum(self.rewards, dtype=np.float64))


def check_episode(episode: Episode, *, source: str, dimensions: tuple[int, int]) -> None:
    """Check the shapes and values of an episode.

    Args:
        episode: the episode to check.
        source: name of the episode, for error messages.
        dimensions: (O, A) of its environment.

    Raises:
        TTOError: the episode is empty, its shapes do not fit `dimensions` or each other, or a value
            is NaN or infinite.
    """
    length = len(episode.rewards)
    expected: dict[str, tuple[int, ...]] = {
        "observations": (length + 1, dimensions[0]),
        "actions": (length, dimensions[1]),
        "rewards": (length,),
    }
    if length == 0:
        raise TTOError(f"{source}: expected at least one transition, got none; leave it out")
    if episode.observed is not None:
        expected["observed"] = expected["observations"]
    for field, shape in expected.items():
        got = getattr(episode, field).shape
        if got != shape:
            raise TTOError(
                f"{source}: expected {field} of shape {shape} for an environment with "
                f"{dimensions[0]} observation and {dimensions[1]} action dimensions, got {got}; "
                "check env"
            )
    for field in ("observations", "actions", "rewards", "qpos", "qvel"):
        values = getattr(episode, field)
        if values is None:
            continue
        if len(values) != length + (field not in ("actions", "rewards")):
            raise TTOError(
                f"{source}: expected {field} of one row for each of {length} transitions, and one "
                f"more for states, got {len(values)} rows; repair or leave out the episode"
            )
        if not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            raise TTOError(
                f"{source}: expected finite values, but {field} is {values[row].tolist()} at row "
                f"{row}; repair or leave out the episode"
            )
