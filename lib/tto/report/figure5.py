"""Figure 5 of the paper: routes to goals through the four rooms."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle

from tto.data.four_rooms import DOOR_HALF_WIDTH, DOORS, GOAL_RADIUS, WALL, WALL_HALF_WIDTH
from tto.errors import TTOError
from tto.report.style import BLUE, GREEN, ORANGE, PAGE_WIDTH, paper_style, save_figure

COLUMNS = ("pair", "step", "x", "y", "goal_x", "goal_y")
_PANELS = 4
_ROUTES = 3  # in a panel
_COLORS = (BLUE, ORANGE, GREEN)
_PALEST = 0.22  # share of colour in the first piece of a route
WALL_COLOR = "#3A3A3A"


@dataclass(frozen=True)
class Route:
    """Where an agent was, `[T + 1, 2]` positions in the unit square, and the goal `[2]`."""

    pair: int
    positions: Float[np.ndarray, "T+1 2"]
    goal: Float[np.ndarray, "2"]

    @property
    def rooms(self) -> tuple[int, int]:
        """Rooms of start and goal, each 0 to 3: 1 if right of the wall + 2 if above it."""
        start, goal = (int(xy[0] > WALL) + 2 * int(xy[1] > WALL) for xy in self._ends)
        return start, goal

    @property
    def walls(self) -> int:
        """Walls between start and goal: 0, 1 or 2."""
        start, goal = self._ends
        return int(((start > WALL) != (goal > WALL)).sum())

    @property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        return self.positions[0], self.goal


def read_routes(path: str | os.PathLike[str]) -> list[Route]:
    """Routes of `routes.csv`, one row for each pair and step (the start is step 0), by pair.

    Raises:
        TTOError: other columns, an empty cell, a missing or repeated step, or a moving goal.
    """
    name = os.fspath(path)
    try:
        rows = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise TTOError(f"{name}: expected a CSV file of routes, got {error}") from error
    if tuple(rows.columns) != COLUMNS or rows.empty or rows.isna().to_numpy().any():
        raise TTOError(
            f"{name}: expected rows with a value in each of {', '.join(COLUMNS)}, got {len(rows)} "
            f"rows of {', '.join(rows.columns)}: evaluate again"
        )
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


def choose_routes(routes: Sequence[Route]) -> list[list[Route]]:
    """Routes of up to four panels, up to three each, chosen by number and not by outcome.

    A panel is a combination of start and goal room. Those with most walls between come first, so
    four pairs of opposite rooms where there are enough routes; then the order is that of the rooms.
    """
    panels: dict[tuple[int, int], list[Route]] = {}
    for route in sorted(routes, key=lambda route: (-route.walls, route.rooms, route.pair)):
        panels.setdefault(route.rooms, []).append(route)
    return [panel[:_ROUTES] for panel in list(panels.values())[:_PANELS]]


def draw_figure5(
    routes: Sequence[Route], paths: Sequence[str | os.PathLike[str]], *, dpi: int = 150
) -> None:
    """Draw the figure and write it to each path, in the format of its suffix.

    Raises:
        TTOError: no route.
    """
    panels = choose_routes(routes)
    if not panels:
        raise TTOError("figure 5: expected at least one route, got none")
    with paper_style():
        side = PAGE_WIDTH / _PANELS
        figure = Figure(figsize=(side * len(panels), side + 0.22))
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for axis, panel in zip(axes, panels, strict=True):
            _draw_world(axis)
            for route, color in zip(panel, _COLORS, strict=False):
                _draw_route(axis, route, color)
        _draw_legend(figure)
        save_figure(figure, paths, dpi=dpi)


def wall_rectangles() -> Iterator[tuple[float, float, float, float]]:
    """Left, bottom, width and height of each piece of wall between doors."""
    doors = sorted(DOORS)
    starts = [0.0, *(door + DOOR_HALF_WIDTH for door in doors)]
    ends = [*(door - DOOR_HALF_WIDTH for door in doors), 1.0]
    low, thickness = WALL - WALL_HALF_WIDTH, 2 * WALL_HALF_WIDTH
    for start, end in zip(starts, ends, strict=True):
        yield low, start, thickness, end - start
        yield start, low, end - start, thickness


def _draw_world(axis: Axes) -> None:
    axis.grid(False)
    for x, y, width, height in wall_rectangles():
        axis.add_patch(Rectangle((x, y), width, height, color=WALL_COLOR, linewidth=0))
    axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(visible=True, linewidth=1.4, color=WALL_COLOR)


def _draw_route(axis: Axes, route: Route, color: str) -> None:
    """Pale pieces first, so that where a route crosses itself the later one is on top."""
    pieces = np.stack([route.positions[:-1], route.positions[1:]], axis=1)
    colors = saturating(color, len(pieces))
    axis.add_collection(
        LineCollection(list(pieces), colors=colors, linewidths=1.5, capstyle="round")
    )
    axis.plot(*route.positions[0], "o", markersize=5, color=color, markeredgewidth=0, zorder=3)
    goal = Circle((route.goal[0], route.goal[1]), GOAL_RADIUS, fill=False, zorder=3)
    goal.set(edgecolor=color, linewidth=1.3, clip_on=False)
    axis.add_patch(goal)


def saturating(color: str, count: int) -> Float[np.ndarray, "count 3"]:
    """Colours from pale to the full one."""
    share = np.linspace(_PALEST, 1.0, count)[:, None]
    return 1.0 - share * (1.0 - np.array(to_rgb(color)))


def _draw_legend(figure: Figure) -> None:
    marks: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": "black"}
    handles = [
        Line2D([], [], markersize=4, label="start", **marks),
        Line2D([], [], markersize=6, markerfacecolor="none", label="goal", **marks),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, handletextpad=0.1)
