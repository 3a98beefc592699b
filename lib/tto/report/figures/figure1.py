"""Figure 1 of the paper: poses that were recorded and that models predict, with traced paths.

All panels share one camera, which is set by what was recorded: a prediction that leaves the picture
has left the truth. A robot that hardly moves would stand in its own way, so a constant drift is
added to the picture, the same in each panel, that sets the poses apart (`drift`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tto.analysis.predictions import Predictions
from tto.data.environments import robot_of
from tto.files import StrPath
from tto.report.drawing.flat_rendering import FlatStage
from tto.report.drawing.poses import Robot, load_robot, restore_positions, trace_points
from tto.report.drawing.rendering import Stage, open_stage
from tto.report.drawing.scene import Camera, Path, Pose, frame_camera
from tto.report.drawing.style import (
    BLUE,
    GREEN,
    ORANGE,
    PAGE_WIDTH,
    paper_style,
    saturating,
    save_figure,
)

PANELS = {
    "recorded": "Reference",
    "transformer": "Trajectory Transformer",
    "ensemble": "Probabilistic ensemble",
}
TRACE_COLORS = (ORANGE, GREEN, BLUE)
BODY = "#7A7E8A"
_POSES = 9
# Metres between poses shown, at least: a humanoid is that wide.
_SPACING = {"humanoid": 0.5, "ant": 0.8}
_LEAST_SPACING = 0.15
_BEYOND = np.array([0.5, 0.5, 0.2])  # of the recorded size: how far predictions widen the picture
_WIDE = 1.7  # panels wider than this times their height stand in rows
_MARGIN = 1.22


@dataclass(frozen=True)
class Strip:
    """One panel: positions `(T, nq)` and the paths of head and feet, `(T, 3)` each, by name."""

    positions: Float[np.ndarray, "T nq"]
    traces: dict[str, Float[np.ndarray, "T 3"]]


def make_strips(robot: Robot, predictions: Predictions, *, drift: float = 0.0) -> dict[str, Strip]:
    """Poses and traces of each panel; the root drifts by `drift` metres over the whole time."""
    strips = {}
    for name in PANELS:
        positions = restore_positions(robot, getattr(predictions, name))
        positions[:, 0] += np.linspace(0.0, drift, len(positions))
        strips[name] = Strip(positions, trace_points(robot, positions))
    return strips


def needed_drift(env_id: str, positions: Float[np.ndarray, "T nq"]) -> float:
    """Metres that the recorded root must move farther for the poses shown to stand apart."""
    spacing = _SPACING.get(robot_of(env_id), _LEAST_SPACING)
    return max(0.0, spacing * (_POSES - 1) - float(positions[-1, 0] - positions[0, 0]))


def shared_camera(strips: dict[str, Strip], *, aspect: float) -> Camera:
    """Holds all that was recorded, down to the floor, and of predictions what is near it."""
    recorded = _points(strips["recorded"])
    low, high = recorded.min(axis=0), recorded.max(axis=0)
    beyond = _BEYOND * (high - low)
    points = [_points(strip).clip(low - beyond, high + beyond) for strip in strips.values()]
    return frame_camera(np.concatenate([recorded, *points]), aspect=aspect, margin=_MARGIN)


def picture_aspect(strips: dict[str, Strip]) -> float:
    """Width by height of the space that the recorded paths take, within what fits a page."""
    width, _, height = np.ptp(_points(strips["recorded"]), axis=0)
    return float(np.clip((width + 0.35 * height) / (1.05 * height), 0.8, 4.0))


def _points(strip: Strip) -> Float[np.ndarray, "N 3"]:
    """All traced points, and those below them on the floor."""
    points = np.concatenate(list(strip.traces.values()))
    return np.concatenate([points, points * [1.0, 1.0, 0.0]])


def draw_figure1(predictions: Predictions, paths: Sequence[StrPath], *, dpi: int = 150) -> None:
    """Draw the figure and write it to each path, in the format of its suffix.

    Raises:
        TTOError: a robot whose poses are not known.
    """
    env_id, robot = predictions.origin.env, load_robot(predictions.origin.env)
    drift = needed_drift(env_id, restore_positions(robot, predictions.recorded))
    strips = make_strips(robot, predictions, drift=drift)
    aspect = picture_aspect(strips)
    rows, columns = (len(strips), 1) if aspect > _WIDE else (1, len(strips))
    width = PAGE_WIDTH / columns
    pixels = round(width * dpi), round(width / aspect * dpi)
    with open_stage(robot, width=pixels[0], height=pixels[1]) as stage:
        pictures = list(_pictures(stage, strips, shared_camera(strips, aspect=aspect)))
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, rows * (width / aspect + 0.22) + 0.25))
        axes = figure.subplots(rows, columns, squeeze=False).flatten()
        for axis, label, picture in zip(axes, PANELS.values(), pictures, strict=True):
            _show(axis, picture, label)
        _draw_legend(figure, list(strips["recorded"].traces))
        save_figure(figure, paths, dpi=dpi)


def _pictures(
    stage: Stage | FlatStage, strips: dict[str, Strip], camera: Camera
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    for strip in strips.values():
        shown = np.linspace(0, len(strip.positions) - 1, _POSES).round().astype(int)
        colors = saturating(BODY, len(shown))
        poses = [
            Pose(strip.positions[t], tuple(color)) for t, color in zip(shown, colors, strict=True)
        ]
        yield stage.draw(camera, poses, trace_paths(strip))


def trace_paths(strip: Strip, *, until: int | None = None) -> list[Path]:
    """The traced curves of a strip, of its first `until` states or of all."""
    return [
        Path(points[:until], color)
        for points, color in zip(strip.traces.values(), TRACE_COLORS, strict=False)
    ]


def _show(axis: Axes, picture: UInt8[np.ndarray, "height width 3"], label: str) -> None:
    axis.imshow(picture, interpolation="antialiased")
    axis.set_title(label, loc="left", fontsize=9.0, pad=3)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _draw_legend(figure: Figure, names: Sequence[str]) -> None:
    handles = [
        Line2D([], [], color=color, linewidth=1.6, label=f"path of the {name}")
        for name, color in zip(names, TRACE_COLORS, strict=False)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
