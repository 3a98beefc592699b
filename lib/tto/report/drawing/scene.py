"""Parts of a picture of robots: poses, paths, and a camera at the side."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.colors import to_rgb

FIELD_OF_VIEW = 16.0  # degrees; a narrow view hardly distorts poses at the sides
ELEVATION = -14.0  # degrees by which the camera looks down
FLOOR = (0.88, 0.88, 0.89)


@dataclass(frozen=True)
class Camera:
    """A camera at the side, a little above.

    Attributes:
        target: point in the middle of the picture, in metres.
        distance: distance from the target to the camera, in metres.
    """

    target: tuple[float, float, float]
    distance: float


@dataclass(frozen=True)
class Pose:
    """A pose in a scene: positions `(nq,)`, and a colour as red, green and blue in [0, 1]."""

    positions: Float[np.ndarray, " nq"]
    color: tuple[float, float, float]


@dataclass(frozen=True)
class TracedPath:
    """A curve in space, `(T, 3)` points in metres, with its colour and radius."""

    points: Float[np.ndarray, "T 3"]
    color: str
    radius: float = 0.008

    @property
    def rgb(self) -> tuple[float, float, float]:
        """Red, green and blue of the colour, in [0, 1]."""
        return to_rgb(self.color)


def frame_camera(points: Float[np.ndarray, "N 3"], *, aspect: float, margin: float = 1.0) -> Camera:
    """Return a camera whose picture contains all points.

    Args:
        points: points in space, in metres.
        aspect: width of the picture divided by its height.
        margin: size of the picture relative to that of the points.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    x, y, z = map(float, (low + high) / 2)
    width, _, height = high - low
    tangent = np.tan(np.deg2rad(FIELD_OF_VIEW) / 2)
    distance = margin * max(width / aspect, height, 1e-3) / (2 * tangent)
    return Camera((x, y, z), float(distance))


def columns(
    camera: Camera, points: Float[np.ndarray, "N 3"], *, aspect: float
) -> Float[np.ndarray, " N"]:
    """Return where points are in a picture, from 0 at its left edge to 1 at its right edge."""
    x, y, z = (points - np.array(camera.target)).T
    angle = np.deg2rad(ELEVATION)
    depth = camera.distance + np.cos(angle) * y + np.sin(angle) * z
    tangent = np.tan(np.deg2rad(FIELD_OF_VIEW) / 2)
    return 0.5 + x / (2 * aspect * tangent * depth)
