"""Figure 1 as a film: what was recorded and what models predict, side by side, in slow motion.

An animated WebP file, which needs no video player, and a page that holds it, for the report.
"""

import base64
import html
import os
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from tto.analysis.predictions import Predictions
from tto.errors import TTOError
from tto.files import atomic_path
from tto.report.figure1 import BODY, PANELS, make_strips, shared_camera, trace_paths
from tto.report.figure5 import saturating
from tto.report.poses import load_robot
from tto.report.rendering import Pose, open_stage

_WIDTH, _HEIGHT = 320, 340  # pixels of a panel
_BAR, _GAP = 26, 6  # pixels: of the bar with the names, between panels
_FRAMES = 34  # about
_FRAME_MS, _LAST_MS = 90, 1500
_FONT = "fonts/ttf/STIXGeneral.ttf"  # that of the figures; comes with matplotlib


def write_movie(
    predictions: Predictions,
    *,
    webp: str | os.PathLike[str],
    page: str | os.PathLike[str],
) -> None:
    """Write the film, and an HTML page with the film in it.

    Raises:
        TTOError: a robot whose poses are not known, or nothing draws without a screen.
    """
    frames = draw_frames(predictions)
    durations = [_FRAME_MS] * (len(frames) - 1) + [_LAST_MS]
    images = [Image.fromarray(frame) for frame in frames]
    with atomic_path(webp) as temporary:
        images[0].save(
            temporary,
            format="WEBP",
            save_all=True,
            append_images=images[1:],
            duration=durations,
            loop=0,
            quality=80,
            method=4,
        )
    title = f"Figure 1: predictions on {predictions.origin.dataset}"
    write_page(page, Path(webp).read_bytes(), title=title)


def draw_frames(predictions: Predictions) -> list[UInt8[np.ndarray, "height width 3"]]:
    """Pictures of all panels at one moment each, from the first to the last state."""
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
            frames.append(_labelled(panels, f"step {t} of {last}"))
    return frames


def frame_times(last: int) -> list[int]:
    """The states shown: evenly spaced, the first and the last among them.

    Raises:
        TTOError: none but the first.
    """
    if last < 1:
        raise TTOError(f"figure 1: expected one predicted state or more, got {last}")
    stride = max(1, round(last / _FRAMES))
    return sorted({*range(0, last, stride), last})


def _labelled(panels: list[np.ndarray], time: str) -> UInt8[np.ndarray, "height width 3"]:
    """Panels side by side, below their names."""
    whole = len(panels) * (_WIDTH + _GAP) - _GAP, _HEIGHT + _BAR
    image = Image.new("RGB", whole, "white")
    font = ImageFont.truetype(str(Path(get_data_path()) / _FONT), 17)
    draw = ImageDraw.Draw(image)
    for number, (panel, label) in enumerate(zip(panels, PANELS.values(), strict=True)):
        left = number * (_WIDTH + _GAP)
        image.paste(Image.fromarray(panel), (left, _BAR))
        draw.text((left, 4), label, fill="black", font=font)
    draw.text((image.width, 4), time, fill="black", font=font, anchor="ra")
    return np.asarray(image)


def write_page(path: str | os.PathLike[str], webp: bytes, *, title: str) -> None:
    """An HTML page that holds an animated WebP picture, for browsers and Snakemake's report."""
    data = base64.b64encode(webp).decode()
    name = html.escape(title)
    with atomic_path(path) as temporary:
        temporary.write_text(
            f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{name}</title>\n'
            f'<img alt="{name}" style="max-width: 100%" src="data:image/webp;base64,{data}">\n'
            "</html>\n"
        )
