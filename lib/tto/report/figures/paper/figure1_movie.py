"""Figure 1 as a film: recorded and predicted states side by side, in slow motion.

The film is an animated WebP file, which needs no video player, and an HTML page with that file for
Snakemake's report.
"""

import base64
import html
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from tto.analysis.predictions import Predictions
from tto.errors import TTOError
from tto.files import StrPath, atomic_path
from tto.report.drawing.animation import side_by_side, write_animation
from tto.report.drawing.poses import load_robot
from tto.report.drawing.rendering import open_stage
from tto.report.drawing.scene import Pose
from tto.report.drawing.style import saturating
from tto.report.figures.paper.figure1 import BODY, PANELS, make_strips, shared_camera, trace_paths

_WIDTH, _HEIGHT = 320, 340  # pixels of a panel
_FRAMES = 34  # approximate number
_FRAME_MS = 90


def write_movie(
    predictions: Predictions,
    *,
    webp: StrPath,
    page: StrPath,
) -> None:
    """Write the film, and an HTML page with the film in it.

    Args:
        predictions: recorded and predicted states.
        webp, page: paths of the film and of the page.

    Raises:
        TTOError: the poses of the robot cannot be restored.
    """
    frames = draw_frames(predictions)
    write_animation(webp, frames, frame_ms=_FRAME_MS)
    title = f"Figure 1: predictions on {predictions.origin.dataset}"
    write_page(page, Path(webp).read_bytes(), title=title)


def draw_frames(predictions: Predictions) -> list[UInt8[np.ndarray, "height width 3"]]:
    """Return pictures of all panels, one for each moment from the first to the last state."""
    robot = load_robot(predictions.origin.env)
    strips = make_strips(robot, predictions)
    camera = shared_camera(strips, aspect=_WIDTH / _HEIGHT)
    last = len(predictions.recorded) - 1
    color = tuple(saturating(BODY, 4)[2])
    frames = []
    with open_stage(robot, width=_WIDTH, height=_HEIGHT) as stage:
        for t in frame_times(last):
            panels = [
                stage.draw(
                    camera,
                    [Pose(strip.positions[t], color)],
                    trace_paths(strip, until=t + 1),
                )
                for strip in strips.values()
            ]
            named = zip(PANELS.values(), panels, strict=True)
            frames.append(side_by_side(named, note=f"step {t} of {last}"))
    return frames


def frame_times(last: int) -> list[int]:
    """Return the indices of the shown states: evenly spaced, with the first and the last.

    Raises:
        TTOError: there is only the first state.
    """
    if last < 1:
        raise TTOError(f"figure 1: expected one predicted state or more, got {last}")
    stride = max(1, round(last / _FRAMES))
    return sorted({*range(0, last, stride), last})


def write_page(path: StrPath, webp: bytes, *, title: str) -> None:
    """Write an HTML page with an animated WebP picture, for browsers and Snakemake's report."""
    data = base64.b64encode(webp).decode()
    name = html.escape(title)
    with atomic_path(path) as temporary:
        temporary.write_text(
            f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{name}</title>\n'
            f'<img alt="{name}" style="max-width: 100%" src="data:image/webp;base64,{data}">\n'
            "</html>\n"
        )
