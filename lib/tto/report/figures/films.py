"""Films of evaluated episodes, drawn from the side, with methods side by side.

They are drawn from the recorded states, so nothing is simulated again, and painted flat, so no
renderer is needed. Episodes of the four rooms share one map.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from tto.data.four_rooms import FOUR_ROOMS, GOAL_RADIUS
from tto.errors import TTOError
from tto.evaluation.rollout import Rollout
from tto.files import StrPath
from tto.report.drawing.animation import Picture, side_by_side, write_animation
from tto.report.drawing.flat_rendering import FlatStage
from tto.report.drawing.poses import Robot, load_robot, restore_positions, trace_points
from tto.report.drawing.rooms import WALL_COLOR, wall_rectangles
from tto.report.drawing.scene import Camera, Pose, frame_camera
from tto.report.drawing.style import LOOKS

_SECONDS, _A_SECOND = 6.0, 20  # longest film, and pictures per second
_WIDTH, _HEIGHT = 330, 250  # pixels of a panel
_ROOM_STEPS_A_SECOND = 8
_BODY = (0.36, 0.42, 0.52)
_FINER = 2  # painted pixels per side of a pixel, which is their average


class Filmed(NamedTuple):
    """A recorded episode and the name above it."""

    name: str
    rollout: Rollout


def write_film(path: StrPath, episodes: Sequence[Filmed], *, env_id: str) -> None:
    """Write a film of the beginning of several episodes in one environment.

    Args:
        path: file to write, an animated WebP picture.
        episodes: recorded episodes. Each gets a panel; in the four rooms all share one map.
        env_id: id of their environment.

    Raises:
        TTOError: `episodes` is empty, or the environment is not one of
            `tto.report.drawing.robots.DRAWN`.
    """
    if not episodes:
        raise TTOError("film: expected at least one episode, got none")
    if env_id == FOUR_ROOMS:
        frames, frame_ms = list(_map_frames(episodes)), 1000 // _ROOM_STEPS_A_SECOND
    else:
        frames, frame_ms = list(_robot_frames(episodes, env_id)), 1000 // _A_SECOND
    write_animation(path, frames, frame_ms=frame_ms)


def _robot_frames(episodes: Sequence[Filmed], env_id: str) -> Iterator[Picture]:
    """Yield pictures in real time; an episode that has ended keeps its last state."""
    robot = load_robot(env_id)
    steps = min(
        max(len(episode.rollout.rewards) for episode in episodes), round(_SECONDS / robot.step)
    )
    every = max(1, round(1 / _A_SECOND / robot.step))
    positions = [restore_positions(robot, e.rollout.observations[: steps + 1]) for e in episodes]
    camera = _camera(robot, positions)
    stage = FlatStage(robot, width=_WIDTH, height=_HEIGHT)
    for t in [*range(0, steps, every), steps]:
        panels = []
        for (name, rollout), states in zip(episodes, positions, strict=True):
            qpos = states[min(t, len(states) - 1)]
            x, y, z = camera.target
            seen = Camera((x + float(qpos[0]), y, z), camera.distance)
            earned = rollout.rewards[:t].sum()
            ended = ", fell" if rollout.terminated and t >= len(rollout.rewards) else ""
            panels.append((f"{name}: {earned:.0f}{ended}", stage.draw(seen, [Pose(qpos, _BODY)])))
        yield side_by_side(panels, note=f"{t * robot.step:.1f} s")


def _camera(robot: Robot, positions: Sequence[Float[np.ndarray, "_T nq"]]) -> Camera:
    """Return a camera on head, feet and floor of all states, with the root moved to x = 0."""
    parts = [np.zeros((1, 3))]
    for states in positions:
        forward = np.outer(states[:, 0], [1.0, 0.0, 0.0])
        parts += [points - forward for points in trace_points(robot, states).values()]
    return frame_camera(np.concatenate(parts), aspect=_WIDTH / _HEIGHT, margin=1.25)


def _map_frames(episodes: Sequence[Filmed]) -> Iterator[Picture]:
    """Yield a map of the four rooms with all episodes, a picture for each step."""
    routes = [(e.rollout.observations, e.rollout.goal) for e in episodes]
    for t in range(max(len(positions) for positions, _ in routes)):
        image = Image.new("RGB", (_FINER * _WIDTH, _FINER * _WIDTH), "white")
        draw = ImageDraw.Draw(image)
        for number, (positions, goal) in enumerate(routes):
            color = LOOKS[number % len(LOOKS)].color
            way = [_place(xy) for xy in positions[: t + 1]]
            if len(way) > 1:
                draw.line(way, fill=color, width=4, joint="curve")
            draw.ellipse(_circle(way[-1], 12.0), fill=color)
            if goal is not None:
                draw.ellipse(
                    _circle(_place(goal), _FINER * _WIDTH * GOAL_RADIUS), outline=color, width=4
                )
        # Walls cover the dots, which are larger than the point that moves and would lie in them.
        for x, y, width, height in wall_rectangles():
            draw.rectangle([*_place((x, y + height)), *_place((x + width, y))], fill=WALL_COLOR)
        draw.rectangle([0, 0, image.width - 1, image.height - 1], outline=WALL_COLOR, width=5)
        yield side_by_side([(episodes[0].name, np.asarray(image.reduce(_FINER)))], note=f"step {t}")


def _place(position: Sequence[float] | Float[np.ndarray, "2"]) -> tuple[float, float]:
    side = _FINER * _WIDTH
    return float(position[0]) * side, (1 - float(position[1])) * side


def _circle(center: tuple[float, float], radius: float) -> list[float]:
    x, y = center
    return [x - radius, y - radius, x + radius, y + radius]
