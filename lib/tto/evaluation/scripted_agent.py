"""The scripted agent of the four rooms as a policy (section 4.2)."""

import numpy as np
from jaxtyping import Bool, Float

from tto.data.four_rooms import scripted_action
from tto.errors import TTOError


class ScriptedPolicy:
    """The agent that collected the data, as a policy.

    Args:
        noise: noise of the actions.
        seed: seed of the noise.
    """

    def __init__(self, *, noise: float, seed: int) -> None:
        self.noise, self._rng = noise, np.random.default_rng(seed)
        self._goals: np.ndarray | None = None

    def reset(self, goals: Float[np.ndarray, "B 2"] | None = None) -> None:
        """Set the goals of new episodes."""
        self._goals = goals

    def act(
        self, observations: Float[np.ndarray, "B 2"], active: Bool[np.ndarray, " B"]
    ) -> Float[np.ndarray, "B 2"]:
        """Return one action for each position.

        Raises:
            TTOError: there are no goals.
        """
        if self._goals is None:
            raise TTOError(
                "the scripted agent: expected an environment with a goal, got none; use four rooms"
            )
        actions = np.zeros((len(observations), 2), dtype=np.float32)
        for i in np.flatnonzero(active):
            position, goal = observations[i].astype(np.float64), self._goals[i].astype(np.float64)
            actions[i] = scripted_action(position, goal, self._rng, noise=self.noise)
        return actions

    def observe(self, actions: Float[np.ndarray, "B 2"], rewards: Float[np.ndarray, " B"]) -> None:
        """Do nothing: the agent has no memory."""
