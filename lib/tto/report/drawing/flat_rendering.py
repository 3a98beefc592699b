"""Flat pictures of robots from the side, for machines without a renderer.

Bodies are spheres and capsules, so from the side each is a circle or a thick line with round ends.
`FlatStage` has the methods of `tto.report.drawing.rendering.Stage`, but draws no shadows,
perspective or elevation.
"""

from collections.abc import Sequence
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from tto.report.drawing.poses import Robot, place_bodies
from tto.report.drawing.scene import FIELD_OF_VIEW, FLOOR, Camera, Pose, TracedPath

_CAPSULE, _SPHERE = mujoco.mjtGeom.mjGEOM_CAPSULE.value, mujoco.mjtGeom.mjGEOM_SPHERE.value
_FINER = 3  # painted pixels per side of a pixel, which is their average
_TILE = 1.0  # metres between marks on the floor, which show that a robot moves
_EDGE = 0.75  # brightness of a body's rim, which separates limbs, relative to the body
_RIM = 0.006  # half the width of a rim, in metres

_Point = Float[np.ndarray, "3"]


class FlatStage:
    """Renderer of one robot as a flat side view, by Pillow; `rendering.Stage` renders in 3D."""

    def __init__(self, robot: Robot, *, width: int, height: int) -> None:
        self.robot, self.width, self.height = robot, width, height
        self._data = mujoco.MjData(robot.model)

    def draw(
        self, camera: Camera, poses: Sequence[Pose], paths: Sequence[TracedPath] = ()
    ) -> UInt8[np.ndarray, "height width 3"]:
        """Return a picture of poses and paths."""
        image = Image.new("RGB", (_FINER * self.width, _FINER * self.height), "white")
        brush = _Brush(image, camera)
        brush.floor()
        for pose in poses:
            self._data.qpos[:] = pose.positions
            place_bodies(self.robot.model, self._data)
            for start, end, radius in _capsules(self.robot.model, self._data):
                color = np.array(pose.color)
                brush.line(np.stack([start, end]), radius + _RIM, _EDGE * color)
                brush.line(np.stack([start, end]), radius - _RIM, color)
        for path in paths:
            brush.line(path.points, path.radius, path.rgb)
        return np.asarray(image.reduce(_FINER))


def _capsules(model: Any, data: Any) -> list[tuple[_Point, _Point, float]]:
    """Return both ends and the radius of each geom, the farthest from the viewer first."""
    found = []
    for number in range(model.ngeom):
        kind, size = model.geom_type[number], model.geom_size[number]
        if kind not in (_CAPSULE, _SPHERE):
            continue
        center = data.geom_xpos[number].copy()
        axis = data.geom_xmat[number].reshape(3, 3)[:, 2]
        half = size[1] * axis if kind == _CAPSULE else np.zeros(3)
        found.append((center - half, center + half, float(size[0])))
    return sorted(found, key=lambda part: -(part[0][1] + part[1][1]))


class _Brush:
    """Paints shapes whose sizes and places are in metres."""

    def __init__(self, image: Image.Image, camera: Camera) -> None:
        self._draw, self._size = ImageDraw.Draw(image), image.size
        tangent = np.tan(np.deg2rad(FIELD_OF_VIEW) / 2)
        self._scale = image.height / (2 * camera.distance * tangent)  # pixels per metre
        self._middle = np.array(camera.target)

    def line(
        self,
        points: Float[np.ndarray, "N 3"],
        radius: float,
        color: Sequence[float] | Float[np.ndarray, "3"],
    ) -> None:
        fill = tuple(round(255 * float(part)) for part in color)
        pixels = [self._place(point) for point in points]
        thick = max(self._scale * radius, 1.0)
        self._draw.line(pixels, fill=fill, width=round(2 * thick), joint="curve")
        for x, y in (pixels[0], pixels[-1]):
            self._draw.ellipse([x - thick, y - thick, x + thick, y + thick], fill=fill)

    def floor(self) -> None:
        width, height = self._size
        _, ground = self._place(np.zeros(3))
        pale = tuple(round(255 * part) for part in FLOOR)
        self._draw.rectangle([0, ground, width, height], fill=pale)
        left = self._middle[0] - width / 2 / self._scale
        for number in range(int(left // _TILE), int((left + width / self._scale) // _TILE) + 1, 2):
            x, _ = self._place(np.array([number * _TILE, 0.0, 0.0]))
            dark = tuple(round(0.94 * part) for part in pale)
            self._draw.rectangle([x, ground, x + self._scale * _TILE, height], fill=dark)

    def _place(self, point: _Point) -> tuple[float, float]:
        x, _, z = (point - self._middle) * self._scale
        return self._size[0] / 2 + x, self._size[1] / 2 - z
