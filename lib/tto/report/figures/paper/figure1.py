"""Figure 1 of the paper: recorded and predicted poses, with traced paths.

All panels share a camera that shows each limb of the recorded states; a wrong prediction may leave
the picture. Numbers below the poses are steps. Poses of a robot that hardly moves would overlap, so
a constant drift, the same in each panel, separates them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tto.analysis.predictions import Predictions
from tto.data.environments import robot_of
from tto.files import StrPath
from tto.report.drawing.flat_rendering import FlatStage
from tto.report.drawing.poses import Robot, limb_points, load_robot, restore_positions, trace_points
from tto.report.drawing.rendering import Stage, open_stage
from tto.report.drawing.scene import Camera, Pose, TracedPath, columns, frame_camera
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
# Least distance between the shown poses in metres, about the width of the robot.
_SPACING = {"humanoid": 0.5, "ant": 0.8}
_LEAST_SPACING = 0.15
# Share of the recorded size by which predictions may widen the picture.
_BEYOND = np.array([0.5, 0.5, 0.2])
_WIDE = 1.7  # panels wider than this times their height are stacked
_MARGIN = 1.06
_LEAST_DPI = 300  # of the pictures within the figure
_LEAST_GAP = 0.24  # inches between labels of steps


@dataclass(frozen=True)
class Strip:
    """A panel.

    Attributes:
        positions: `[T, nq]` positions of the simulator.
        traces: path of each traced part by name, `[T, 3]` in metres.
        limbs: `[T, ends, 3]` corners of boxes around the limbs, in metres.
    """

    positions: Float[np.ndarray, "T nq"]
    traces: dict[str, Float[np.ndarray, "T 3"]]
    limbs: Float[np.ndarray, "T ends 3"]


def make_strips(robot: Robot, predictions: Predictions, *, drift: float = 0.0) -> dict[str, Strip]:
    """Return poses and traces of each panel; the root drifts by `drift` metres in all."""
    strips = {}
    for name in PANELS:
        positions = restore_positions(robot, getattr(predictions, name))
        positions[:, 0] += np.linspace(0.0, drift, len(positions))
        strips[name] = Strip(
            positions, trace_points(robot, positions), limb_points(robot, positions)
        )
    return strips


def needed_drift(env_id: str, positions: Float[np.ndarray, "T nq"]) -> float:
    """Return the metres that the root must drift so that the shown poses do not overlap."""
    spacing = _SPACING.get(robot_of(env_id), _LEAST_SPACING)
    return max(0.0, spacing * (_POSES - 1) - float(positions[-1, 0] - positions[0, 0]))


def shared_camera(strips: dict[str, Strip], *, aspect: float) -> Camera:
    """Return a camera on all recorded points, down to the floor, and on predicted points nearby."""
    recorded = _points(strips["recorded"])
    low, high = recorded.min(axis=0), recorded.max(axis=0)
    beyond = _BEYOND * (high - low)
    points = [_points(strip).clip(low - beyond, high + beyond) for strip in strips.values()]
    return frame_camera(np.concatenate([recorded, *points]), aspect=aspect, margin=_MARGIN)


def picture_aspect(strips: dict[str, Strip]) -> float:
    """Return width / height of a panel for the recorded paths, within limits of the page."""
    width, _, height = np.ptp(_points(strips["recorded"]), axis=0)
    return float(np.clip((width + 0.35 * height) / (1.05 * height), 0.8, 4.0))


def _points(strip: Strip) -> Float[np.ndarray, "N 3"]:
    """Return the ends of all limbs, and the points below them on the floor."""
    points = strip.limbs.reshape(-1, 3)
    return np.concatenate([points, points * [1.0, 1.0, 0.0]])


def draw_figure1(predictions: Predictions, paths: Sequence[StrPath], *, dpi: int = 150) -> None:
    """Draw the figure and write it to each path, in the format of its suffix.

    Raises:
        TTOError: the poses of the robot cannot be restored.
    """
    env_id, robot = predictions.origin.env, load_robot(predictions.origin.env)
    drift = needed_drift(env_id, restore_positions(robot, predictions.recorded))
    strips = make_strips(robot, predictions, drift=drift)
    aspect = picture_aspect(strips)
    rows, across = (len(strips), 1) if aspect > _WIDE else (1, len(strips))
    width = PAGE_WIDTH / across
    pixels = [round(size * max(dpi, _LEAST_DPI)) for size in (width, width / aspect)]
    camera = shared_camera(strips, aspect=aspect)
    with open_stage(robot, width=pixels[0], height=pixels[1]) as stage:
        pictures = list(_pictures(stage, strips, camera))
    with paper_style():
        figure = Figure(figsize=(PAGE_WIDTH, rows * (width / aspect + 0.36) + 0.25))
        axes = figure.subplots(rows, across, squeeze=False).flatten()
        for axis, (name, strip), picture in zip(axes, strips.items(), pictures, strict=True):
            _show(axis, picture, PANELS[name])
            _label_steps(axis, strip, camera, picture, gap=_LEAST_GAP / width)
        _draw_legend(figure, list(strips["recorded"].traces))
        save_figure(figure, paths, dpi=dpi)


def _pictures(
    stage: Stage | FlatStage, strips: dict[str, Strip], camera: Camera
) -> Iterator[UInt8[np.ndarray, "height width 3"]]:
    for strip in strips.values():
        shown = shown_steps(strip)
        colors = saturating(BODY, len(shown))
        poses = [
            Pose(strip.positions[t], tuple(color)) for t, color in zip(shown, colors, strict=True)
        ]
        yield stage.draw(camera, poses, trace_paths(strip))


def shown_steps(strip: Strip) -> Integer[np.ndarray, " poses"]:
    """Return the steps whose poses are shown, evenly spaced."""
    return np.linspace(0, len(strip.positions) - 1, _POSES).round().astype(int)


def trace_paths(strip: Strip, *, until: int | None = None) -> list[TracedPath]:
    """Return the traced paths of a strip, over its first `until` states or all."""
    return [
        TracedPath(points[:until], color)
        for points, color in zip(strip.traces.values(), TRACE_COLORS, strict=False)
    ]


def _show(axis: Axes, picture: UInt8[np.ndarray, "height width 3"], label: str) -> None:
    axis.imshow(picture, interpolation="antialiased")
    axis.set_title(label, loc="left", fontsize=9.0, pad=3)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _label_steps(
    axis: Axes,
    strip: Strip,
    camera: Camera,
    picture: UInt8[np.ndarray, "height width 3"],
    *,
    gap: float,
) -> None:
    """Write the step below each pose that is in the picture and `gap` widths away from others."""
    height, width, _ = picture.shape
    steps = shown_steps(strip)
    below = strip.limbs[steps].mean(axis=1) * [1.0, 1.0, 0.0]
    places = columns(camera, below, aspect=width / height)
    labels: dict[float, str] = {}
    for place, step in zip(places, steps, strict=True):
        if 0 < place < 1 and all(abs(place - other / width) > gap for other in labels):
            labels[place * width] = str(step)
    axis.set_xticks(list(labels), list(labels.values()), fontsize=7.5)
    axis.tick_params(axis="x", length=0, pad=2)
    axis.set_xlabel("step", fontsize=7.5, loc="left", labelpad=-9)


def _draw_legend(figure: Figure, names: Sequence[str]) -> None:
    handles = [
        Line2D([], [], color=color, linewidth=1.6, label=f"path of the {name}")
        for name, color in zip(names, TRACE_COLORS, strict=False)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
