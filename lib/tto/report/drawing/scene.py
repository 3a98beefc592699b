"""What a picture of robots is made of: poses and paths, seen by a camera from the side."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.colors import to_rgb

FIELD_OF_VIEW = 16.0  # degrees; a narrow one hardly distorts poses at a picture's sides
FLOOR = (0.88, 0.88, 0.89)


@dataclass(frozen=True)
class Camera:
    """Where pictures are taken from: from the side, a little above.

    Attributes:
        target: the point in the middle of the picture.
        distance: from there to the camera, in metres.
    """

    target: tuple[float, float, float]
    distance: float


@dataclass(frozen=True)
class Pose:
    """One pose in a scene: positions `(nq,)` and a colour, red, green and blue in [0, 1]."""

    positions: Float[np.ndarray, " nq"]
    color: tuple[float, float, float]


@dataclass(frozen=True)
class Path:
    """A curve in space, `(T, 3)` points in metres, with its colour and radius."""

    points: Float[np.ndarray, "T 3"]
    color: str
    radius: float = 0.008

    @property
    def rgb(self) -> tuple[float, float, float]:
        """The colour's red, green and blue in [0, 1]."""
        return to_rgb(self.color)


def frame_camera(points: Float[np.ndarray, "N 3"], *, aspect: float, margin: float = 1.0) -> Camera:
    """A camera whose picture holds all points, with `margin` times their size in it.

    Args:
        aspect: width of the picture divided by its height.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    x, y, z = map(float, (low + high) / 2)
    width, _, height = high - low
    tangent = np.tan(np.deg2rad(FIELD_OF_VIEW) / 2)
    distance = margin * max(width / aspect, height, 1e-3) / (2 * tangent)
    return Camera((x, y, z), float(distance))
