"""Goal reaching in the four rooms (section 4.2): the scripted agent as a policy, and tidy rows."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from tto.data.four_rooms import scripted_action, shortest_length
from tto.errors import TTOError
from tto.evaluation.rollout_file import read_rollout
from tto.files import atomic_path

ROWS = ("method", "seed", "pair", "success", "path_length", "steps", "straight")
ROUTES = ("pair", "step", "x", "y", "goal_x", "goal_y")


class ScriptedPolicy:
    """The agent that collected the data, for the same starts and goals."""

    def __init__(self, *, noise: float, seed: int) -> None:
        self.noise, self._rng = noise, np.random.default_rng(seed)
        self._goals: np.ndarray | None = None

    def reset(self, goals: Float[np.ndarray, "B 2"] | None = None) -> None:
        """Take the goals of new episodes."""
        self._goals = goals

    def act(
        self, observations: Float[np.ndarray, "B 2"], active: Bool[np.ndarray, " B"]
    ) -> Float[np.ndarray, "B 2"]:
        """One action for each position.

        Raises:
            TTOError: there are no goals.
        """
        if self._goals is None:
            raise TTOError("the scripted agent needs an environment with a goal, got none")
        actions = np.zeros((len(observations), 2), dtype=np.float32)
        for i in np.flatnonzero(active):
            position, goal = observations[i].astype(np.float64), self._goals[i].astype(np.float64)
            actions[i] = scripted_action(position, goal, self._rng, noise=self.noise)
        return actions

    def observe(self, actions: Float[np.ndarray, "B 2"], rewards: Float[np.ndarray, " B"]) -> None:
        """Nothing to learn."""


def write_goal_reaching(
    rollouts: Sequence[str | os.PathLike[str]],
    *,
    table: str | os.PathLike[str],
    routes: str | os.PathLike[str],
    method_of_routes: str,
) -> None:
    """One row a rollout of any method, and the positions of one method's.

    A pair of start and goal is named by the reset seed that it comes from. A route's end counts as
    reached where the environment terminated.

    Raises:
        TTOError: a rollout without a goal.
    """
    with (
        atomic_path(table) as rows_path,
        atomic_path(routes) as routes_path,
        open(rows_path, "w", newline="") as rows_file,
        open(routes_path, "w", newline="") as routes_file,
    ):
        rows = csv.writer(rows_file, lineterminator="\n")
        steps = csv.writer(routes_file, lineterminator="\n")
        rows.writerow(ROWS)
        steps.writerow(ROUTES)
        for path in rollouts:
            rollout, attributes = read_rollout(path)
            if rollout.goal is None:
                raise TTOError(f"{Path(path)}: expected an episode with a goal, got none")
            xy, goal = rollout.observations.astype(np.float64), rollout.goal.astype(np.float64)
            length = float(np.linalg.norm(np.diff(xy, axis=0), axis=1).sum())
            method, seed, pair = (attributes[k] for k in ("method", "seed", "evaluation_seed"))
            straight = f"{shortest_length(xy[0], goal):.6f}"
            success, steps_taken = int(rollout.terminated), len(xy) - 1
            rows.writerow([method, seed, pair, success, f"{length:.6f}", steps_taken, straight])
            if method == method_of_routes:
                end = [f"{value:.5f}" for value in goal]
                for step, position in enumerate(xy):
                    steps.writerow([pair, step, *(f"{value:.5f}" for value in position), *end])
