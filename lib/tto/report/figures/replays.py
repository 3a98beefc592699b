"""Films of evaluated episodes in any environment that renders pictures, side by side.

The recorded actions are played again from the recorded seed. `tto.report.figures.films` draws the
paper's robots from their recorded states and needs no renderer.
"""

import math
import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import gymnasium
import numpy as np
from PIL import Image, ImageDraw

from tto.data.environments import make_env
from tto.errors import TTOError, one_line
from tto.evaluation.film import follow_robot
from tto.evaluation.rollout import Rollout
from tto.files import StrPath
from tto.report.drawing.animation import Picture, side_by_side, write_animation

_SECONDS, _A_SECOND = 6.0, 20  # longest film, and most pictures per second
_HEIGHT, _WIDEST = 250, 500  # pixels of a picture
_DEFAULT_FPS = 30  # steps a second of an environment that gives no rate
_SAME = 1e-3  # tolerance of observations


class Replayed(NamedTuple):
    """A recorded episode, the seed that it began from, and the name above it."""

    name: str
    rollout: Rollout
    seed: int


def write_replay(path: StrPath, episodes: Sequence[Replayed], *, env_id: str) -> str | None:
    """Write a film of the beginning of several episodes, an animated WebP picture.

    Returns:
        None, or why there is no film; the picture then says it.
    """
    try:
        films = [_pictures(episode, env_id) for episode in episodes]
    except TTOError as error:
        write_animation(path, [_words(f"no film: {error}")], frame_ms=1)
        return str(error)
    frames, (every, fps) = [], _pace(env_id)
    for number in range(max(map(len, films))):
        step = number * every
        panels = [
            (_title(episode, step), film[min(number, len(film) - 1)])
            for episode, film in zip(episodes, films, strict=True)
        ]
        frames.append(side_by_side(panels, note=f"step {step}"))
    write_animation(path, frames, frame_ms=round(1000 * every / fps))
    return None


def _title(episode: Replayed, step: int) -> str:
    rewards = episode.rollout.rewards
    over = ", over" if step >= len(rewards) else ""
    return f"{episode.name}: return {rewards[:step].sum():.4g}{over}"


def _pace(env_id: str) -> tuple[int, float]:
    """Steps between two pictures, and steps a second."""
    with make_env(env_id) as env:
        fps = float(env.metadata.get("render_fps") or _DEFAULT_FPS)
    return math.ceil(fps / _A_SECOND), fps


def _pictures(episode: Replayed, env_id: str) -> list[Picture]:
    """Play an episode again; return a picture of every n-th step."""
    every, fps = _pace(env_id)
    recorded = episode.rollout
    with make_env(env_id, render_mode="rgb_array") as env:
        follow_robot(env)
        observation, _ = env.reset(seed=episode.seed)
        pictures = []
        for step in range(min(len(recorded.rewards), round(_SECONDS * fps)) + 1):
            if not np.allclose(observation, recorded.observations[step], _SAME, _SAME):
                raise TTOError(
                    f"{env_id}: expected the same states after the same seed and actions, got "
                    f"others at step {step}; take all chance from its seed"
                )
            if step % every == 0:
                pictures.append(_rendered(env, env_id))
            if step < len(recorded.actions):
                observation, *_ = env.step(recorded.actions[step])
    return pictures


def _rendered(env: gymnasium.Env, env_id: str) -> Picture:
    try:
        frame = env.render()
    except Exception as error:  # each rendering library raises errors of its own
        raise TTOError(
            f"{env_id}: expected a picture, but rendering failed ({one_line(error)}); without a "
            "screen MuJoCo renders with EGL or OSMesa: install one"
        ) from error
    if not isinstance(frame, np.ndarray) or frame.ndim != 3:
        raise TTOError(f"{env_id}: expected a picture, got {type(frame).__name__}")
    image = Image.fromarray(frame)
    scale = min(_HEIGHT / image.height, _WIDEST / image.width)
    size = max(1, round(scale * image.width)), max(1, round(scale * image.height))
    return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BOX))


def _words(text: str) -> Picture:
    """A picture of a text, in lines."""
    lines = textwrap.wrap(text, 90)
    image = Image.new("RGB", (640, 14 + 16 * len(lines)), "white")
    ImageDraw.Draw(image).text((8, 6), "\n".join(lines), fill="#555555", spacing=4)
    return np.asarray(image)
