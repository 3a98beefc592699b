"""Goal reaching in the four rooms (section 4.2): tidy rows of episodes, and routes to plot."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float

from tto.data.four_rooms import WALL, shortest_length
from tto.errors import TTOError
from tto.evaluation.rollout_file import read_rollout
from tto.files import StrPath, atomic_path
from tto.row_files import read_rows

METHODS = ("goal", "collector")  # our planner, and the agent that collected the data
ROWS = ("method", "seed", "pair", "success", "path_length", "steps", "straight")
ROUTES = ("pair", "step", "x", "y", "goal_x", "goal_y")


def write_goal_rows(
    rollouts: Sequence[StrPath],
    *,
    table: StrPath,
    routes: StrPath,
    method_of_routes: str,
) -> None:
    """Write one row for each rollout, and the positions in the rollouts of one method.

    A pair of start and goal is named by its reset seed. A goal counts as reached if the environment
    terminated.

    Args:
        rollouts: paths of rollout files.
        table: path of the rows, with the columns of `ROWS`.
        routes: path of the positions, with the columns of `ROUTES`.
        method_of_routes: method whose positions are written.

    Raises:
        TTOError: a rollout has no goal.
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


def read_goal_rows(path: StrPath) -> pd.DataFrame:
    """Read `goal_reaching.csv`, with one row for each method and pair, and check it.

    `seed` is the model's seed and `success` is 0 or 1. `path_length` is the length of the path that
    was taken and `straight` that of the shortest path through the doors, both in units of the
    world's side. `steps` is the number of transitions.

    Raises:
        TTOError: columns are missing, a cell is empty, a length is not above 0, a method and pair
            have two rows or two seeds, a method is unknown, or the methods have different pairs.
    """
    name = os.fspath(path)
    results = read_rows(path, ROWS, what="goal reaching", remedy="evaluate again")
    if not results["success"].isin([0, 1]).to_numpy().all():
        raise TTOError(f"{name}: expected success as 0 or 1, got others: evaluate again")
    if not (results[["path_length", "straight"]].to_numpy(dtype=float) > 0).all():
        raise TTOError(f"{name}: expected path lengths above 0, got others: evaluate again")
    unknown = sorted(set(results["method"]) - set(METHODS))
    if unknown or results.duplicated(["method", "pair"]).any():
        raise TTOError(
            f"{name}: expected one row for each pair and method out of {', '.join(METHODS)}, got "
            f"{', '.join(unknown) or 'two rows of one'}: remove it"
        )
    if (results.groupby("pair")["seed"].nunique() > 1).to_numpy().any():
        raise TTOError(f"{name}: expected one seed for each pair, got several: evaluate again")
    if len({frozenset(rows["pair"]) for _, rows in results.groupby("method")}) > 1:
        raise TTOError(f"{name}: expected the same pairs for each method: evaluate again")
    return results


@dataclass(frozen=True)
class Route:
    """Path of an agent: `[T + 1, 2]` positions in the unit square, and its goal `[2]`."""

    pair: int
    positions: Float[np.ndarray, "states 2"]
    goal: Float[np.ndarray, "2"]

    @property
    def rooms(self) -> tuple[int, int]:
        """Rooms of start and goal, from 0 to 3: 1 if right of the wall, plus 2 if above it."""
        start, goal = (int(xy[0] > WALL) + 2 * int(xy[1] > WALL) for xy in self._ends)
        return start, goal

    @property
    def walls(self) -> int:
        """Number of walls between start and goal: 0, 1 or 2."""
        start, goal = self._ends
        return int(((start > WALL) != (goal > WALL)).sum())

    @property
    def _ends(self) -> tuple[Float[np.ndarray, "2"], Float[np.ndarray, "2"]]:
        return self.positions[0], self.goal


def read_routes(path: StrPath) -> list[Route]:
    """Read the routes in `routes.csv`, sorted by pair; the file has one row for each step of each
    pair of start and goal.

    The start is step 0.

    Raises:
        TTOError: the columns are wrong, a cell is empty, a step is missing or repeated, or the goal
            of a pair changes.
    """
    name = os.fspath(path)
    rows = read_rows(path, ROUTES, what="routes", remedy="evaluate again")
    routes = []
    for _, part in rows.sort_values(["pair", "step"]).groupby("pair", sort=True):
        pair, steps = int(part["pair"].iloc[0]), part["step"].to_numpy()
        goals = part[["goal_x", "goal_y"]].to_numpy(dtype=float)
        if len(part) < 2 or (steps != np.arange(len(part))).any() or (goals != goals[0]).any():
            raise TTOError(
                f"{name}: expected steps 0, 1, ... and one goal of pair {pair}, got others: "
                "evaluate again"
            )
        routes.append(Route(pair, part[["x", "y"]].to_numpy(dtype=float), goals[0]))
    return routes
