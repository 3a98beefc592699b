"""Pictures side by side with their names, and animated WebP files."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from tto.files import StrPath, atomic_path

_BAR, _GAP = 26, 6  # pixels: height of the bar with the names, distance between panels
_FONT = "fonts/ttf/STIXGeneral.ttf"  # font of the figures, which comes with matplotlib
_LAST_MS = 1500  # duration of the last picture
_QUALITY = 75

Picture = UInt8[np.ndarray, "_height _width 3"]  # pictures of a call may differ in size


def side_by_side(panels: Iterable[tuple[str, Picture]], *, note: str) -> Picture:
    """Return pictures of one size from left to right, each below its name.

    Args:
        panels: name and picture of each panel.
        note: text in the upper right corner.
    """
    named = list(panels)
    height, width, _ = named[0][1].shape
    image = Image.new("RGB", (len(named) * (width + _GAP) - _GAP, height + _BAR), "white")
    font = ImageFont.truetype(str(Path(get_data_path()) / _FONT), 17)
    draw = ImageDraw.Draw(image)
    for number, (name, panel) in enumerate(named):
        left = number * (width + _GAP)
        image.paste(Image.fromarray(panel), (left, _BAR))
        draw.text((left, 4), name, fill="black", font=font)
    draw.text((image.width, 4), note, fill="black", font=font, anchor="ra")
    return np.asarray(image)


def write_animation(path: StrPath, frames: Sequence[Picture], *, frame_ms: int) -> None:
    """Write a looping animation of frames of `frame_ms` milliseconds; the last one stays longer."""
    first, *others = [Image.fromarray(frame) for frame in frames]
    with atomic_path(path) as temporary:
        first.save(
            temporary,
            format="WEBP",
            save_all=True,
            append_images=others,
            duration=[frame_ms] * len(others) + [_LAST_MS],
            loop=0,
            quality=_QUALITY,
            method=4,
        )
