"""Figure 5 of the paper: routes to goals through the four rooms."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, Rectangle

from tto.data.four_rooms import GOAL_RADIUS
from tto.errors import TTOError
from tto.evaluation.goal_rows import Route
from tto.files import StrPath
from tto.report.drawing.rooms import WALL_COLOR, wall_rectangles
from tto.report.drawing.style import (
    BLUE,
    GREEN,
    ORANGE,
    PAGE_WIDTH,
    paper_style,
    saturating,
    save_figure,
)

_PANELS = 4
_ROUTES = 3  # routes in a panel
_COLORS = (BLUE, ORANGE, GREEN)


def choose_routes(routes: Sequence[Route]) -> list[list[Route]]:
    """Return the routes of up to four panels, up to three each, chosen by number, not by outcome.

    A panel shows one pair of start room and goal room. Pairs with more walls between the rooms come
    first, so usually these are the four pairs of opposite rooms. Ties are in the order of rooms.
    """
    panels: dict[tuple[int, int], list[Route]] = {}
    for route in sorted(routes, key=lambda route: (-route.walls, route.rooms, route.pair)):
        panels.setdefault(route.rooms, []).append(route)
    return [panel[:_ROUTES] for panel in list(panels.values())[:_PANELS]]


def draw_figure5(routes: Sequence[Route], paths: Sequence[StrPath], *, dpi: int = 150) -> None:
    """Draw the figure and write it to each path, in the format of its suffix.

    Args:
        routes: routes of the goal-conditioned model (`tto.evaluation.goal_rows.read_routes`).
        paths: files to write.
        dpi: resolution of pixel formats.

    Raises:
        TTOError: there is no route.
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


def _draw_world(axis: Axes) -> None:
    axis.grid(False)
    for x, y, width, height in wall_rectangles():
        # above the circles around goals, which are larger than the room beside a wall
        wall = Rectangle((x, y), width, height, color=WALL_COLOR, linewidth=0, zorder=4)
        axis.add_patch(wall)
    axis.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(visible=True, linewidth=1.4, color=WALL_COLOR, zorder=5)


def _draw_route(axis: Axes, route: Route, color: str) -> None:
    """Draw pale pieces first, so that the later piece is on top if a route crosses itself.

    The start is as pale as the first piece, the goal as saturated as the last.
    """
    pieces = np.stack([route.positions[:-1], route.positions[1:]], axis=1)
    colors = saturating(color, len(pieces))
    axis.add_collection(
        LineCollection(list(pieces), colors=colors, linewidths=1.5, capstyle="round")
    )
    start = {"markersize": 5, "markerfacecolor": colors[0], "markeredgecolor": color}
    axis.plot(*route.positions[0], "o", markeredgewidth=0.6, zorder=3, **start)
    goal = Circle((route.goal[0], route.goal[1]), GOAL_RADIUS, fill=False, zorder=3)
    goal.set(edgecolor=color, linewidth=1.3)
    axis.add_patch(goal)


def _draw_legend(figure: Figure) -> None:
    marks: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": "black"}
    marks["markeredgewidth"] = 0.8
    handles = [
        Line2D([], [], markersize=5, markerfacecolor="#D0D0D0", label="start", **marks),
        Line2D([], [], markersize=6, markerfacecolor="none", label="goal", **marks),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, handletextpad=0.1)
