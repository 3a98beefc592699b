"""An episode as a film: the simulator's frames in an .mp4 or .gif file.

The film runs at the speed of the episode. It has at most 30 frames a second: of faster environments
only every n-th frame is kept. Each frame says the return so far and the step, and the camera
follows a robot. `FilmedEnv` can replace any environment, with any policy.
"""

import contextlib
import functools
import io
import math
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import UInt8
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

from tto.data.environments import make_env
from tto.errors import TTOError, one_line
from tto.evaluation.headless import working_renderer
from tto.files import StrPath, atomic_path

SUFFIXES = (".mp4", ".gif")
_MOST_FPS = 30
_CAMERA = "track"  # camera of Gymnasium's robots that follows the robot
_SMALLEST_FONT = 8  # pixels
_DEFAULT_FPS = 30  # frames a second of environments that do not give a rate


class Film:
    """A film that is being written; `open_film` makes and closes it."""

    def __init__(self, path: Path, suffix: str) -> None:
        self.fps: float = _DEFAULT_FPS
        self.frames = 0
        self._path, self._suffix = path, suffix
        self._writer: Generator[None, Any, None] | None = None
        self._images: list[Image.Image] = []

    def add(self, frame: UInt8[np.ndarray, "height width 3"]) -> None:
        """Append a frame, which must have the size of the first."""
        self.frames += 1
        if self._suffix == ".gif":
            # With a palette, a frame takes a third of the memory.
            self._images.append(Image.fromarray(frame).convert("P", palette=Image.Palette.ADAPTIVE))
            return
        if self._writer is None:
            self._writer = self._open(frame.shape[1], frame.shape[0])
        self._writer.send(np.ascontiguousarray(frame))

    def finish(self) -> None:
        """Write the frames that are not written yet.

        Raises:
            TTOError: there is no frame.
        """
        if not self.frames:
            raise TTOError("video: expected at least one frame, got none; play at least one step")
        if self._images:
            first, *others = self._images
            first.save(
                self._path,
                format="GIF",
                save_all=True,
                append_images=others,
                duration=round(1000 / self.fps),
                loop=0,
            )

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()  # waits for ffmpeg

    def _open(self, width: int, height: int) -> Generator[None, Any, None]:
        writer = _ffmpeg().write_frames(
            str(self._path),
            size=(width, height),
            fps=self.fps,
            macro_block_size=2,
            ffmpeg_log_level="error",
            output_params=["-f", "mp4", "-movflags", "+faststart"],
        )
        writer.send(None)
        return writer


class Reel:
    """The frames of one episode, kept compressed until they are joined with those of others."""

    def __init__(self) -> None:
        self.fps: float = _DEFAULT_FPS
        self.frames: list[bytes] = []

    def add(self, frame: UInt8[np.ndarray, "height width 3"]) -> None:
        """Append a frame."""
        compressed = io.BytesIO()
        Image.fromarray(frame).save(compressed, format="PNG", compress_level=1)
        self.frames.append(compressed.getvalue())


def write_beside(reels: Sequence[Reel], film: Film) -> None:
    """Write episodes side by side; one that ended keeps its last frame until all have.

    Args:
        reels: frames of the episodes, all of one height.
        film: film that is written.
    """
    film.fps = reels[0].fps
    for number in range(max(len(reel.frames) for reel in reels)):
        frames = (reel.frames[min(number, len(reel.frames) - 1)] for reel in reels)
        film.add(np.hstack([np.asarray(Image.open(io.BytesIO(frame))) for frame in frames]))


@contextlib.contextmanager
def open_film(path: StrPath) -> Iterator[Film]:
    """Open a film for the file at `path`, which appears once the film is complete.

    Raises:
        TTOError: the suffix is neither .mp4 nor .gif, or the package that writes .mp4 is missing.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise TTOError(f"video {path}: expected a name in {' or '.join(SUFFIXES)}; rename it")
    if path.suffix == ".mp4":
        _ffmpeg()
    with atomic_path(path) as temporary:
        film = Film(temporary, path.suffix)
        try:
            yield film
            film.finish()
        finally:
            film.close()


class FilmedEnv(gymnasium.Wrapper):
    """An environment that adds a frame to a film at each reset and at every n-th step."""

    def __init__(self, env_id: str, film: Film | Reel, *, name: str = "") -> None:
        """Make the environment.

        Args:
            env_id: id of the environment.
            film: film of the episode.
            name: name of the player in the film.

        Raises:
            TTOError: the environment cannot be made, or MuJoCo cannot draw it by `MUJOCO_GL`.
        """
        super().__init__(make_env(env_id, render_mode="rgb_array"))
        if os.environ.get("MUJOCO_GL") and hasattr(self.env.unwrapped, "mujoco_renderer"):
            working_renderer()  # else the library of a renderer that fails prints many lines
        follow_robot(self.env)
        self._name, self._return = name, 0.0
        fps = self.env.metadata.get("render_fps") or _DEFAULT_FPS
        self._every = math.ceil(fps / _MOST_FPS)
        self._film, self._steps, self._env_id = film, 0, env_id
        film.fps = fps / self._every

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        answer = self.env.reset(**options)
        self._steps, self._return = 0, 0.0
        self._add_frame()
        return answer

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        answer = self.env.step(action)
        self._steps, self._return = self._steps + 1, self._return + float(answer[1])
        if self._steps % self._every == 0:
            self._add_frame()
        return answer

    def _add_frame(self) -> None:
        try:
            frame = self.env.render()
        except Exception as error:  # each rendering library raises errors of its own
            raise TTOError(
                f"video: expected {self._env_id} to render, but it failed "
                f"({one_line(error)}); without a screen MuJoCo renders with EGL "
                "or OSMesa: install one (Debian: libegl1 libgl1-mesa-dri, or libosmesa6)"
            ) from error
        if not isinstance(frame, np.ndarray):
            raise TTOError(
                f"video: expected a picture of {self._env_id}, got {type(frame).__name__}; this "
                "environment cannot render, so leave the video out"
            )
        self._film.add(_with_caption(frame, f"{self._name} return {self._return:.0f}", self._steps))


def follow_robot(env: gymnasium.Env) -> None:
    """Choose the camera that follows the robot, where its model has one named `track`.

    Otherwise Gymnasium's camera stays where it is in some environments, and the robot leaves it.
    """
    base: Any = env.unwrapped
    renderer = getattr(base, "mujoco_renderer", None)
    if renderer is None:
        return
    import mujoco

    camera = mujoco.mj_name2id(base.model, mujoco.mjtObj.mjOBJ_CAMERA, _CAMERA)
    if camera >= 0:
        renderer.camera_id = camera


def _with_caption(
    frame: UInt8[np.ndarray, "height width 3"], text: str, step: int
) -> UInt8[np.ndarray, "height width 3"]:
    """The frame with a line of text on its upper edge, if it is large enough to be read."""
    image = Image.fromarray(frame)
    size = image.height // 24
    if size < _SMALLEST_FONT:
        return frame
    draw = ImageDraw.Draw(image)
    look: dict[str, Any] = {
        "font": _font(size),
        "fill": "white",
        "stroke_width": 2,
        "stroke_fill": "black",
    }
    draw.text((size // 2, size // 3), text.strip(), **look)
    draw.text((image.width - size // 2, size // 3), f"step {step}", anchor="ra", **look)
    return np.asarray(image)


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(Path(get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), size)


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise TTOError(
            "video: expected the package imageio-ffmpeg, which writes .mp4, found none; install "
            "it (pip install 'tto[video]') or name a .gif"
        ) from error
    return imageio_ffmpeg
