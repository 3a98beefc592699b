"""The continuous four-rooms world of section 4.2, and a scripted agent that reaches goals in it.

Positions xy are in the unit square. Walls along x = 0.5 and y = 0.5 divide it into four rooms; each
wall has two doors, centred at 0.25 and 0.75. An action in [-1, 1]^2 moves the agent by 0.03 times
the action plus a little noise; the agent slides along walls. An episode ends at the goal or at the
time limit.

The observation is only the position. A model learns goals from the last states of trajectories
(goal relabelling, section 3.2). The reward is 1 at the goal and 0 elsewhere; no model sees it,
since goal reaching uses `rewards.ignored`.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

FOUR_ROOMS = "tto/FourRooms-v0"
WALL = 0.5  # position of both walls, along x and along y
WALL_HALF_WIDTH = 0.01
DOORS = (0.25, 0.75)  # centres of the doors along each wall
DOOR_HALF_WIDTH = 0.06
STEP = 0.03
STEP_NOISE = 0.003  # standard deviation
GOAL_RADIUS = 0.03
ACTION_NOISE = 0.3  # standard deviation, on the actions of the scripted agent
TIME_LIMIT = 100
PICTURE_SIZE = 320  # pixels

Position = Float[np.ndarray, "2"]


def is_free(positions: Float[np.ndarray, "... 2"]) -> Bool[np.ndarray, "..."]:
    """Whether positions are inside the square and in no wall."""
    inside = ((positions >= 0) & (positions <= 1)).all(-1)
    in_wall = np.abs(positions - WALL) < WALL_HALF_WIDTH
    across = positions[..., ::-1]  # the coordinate along the wall
    in_door = np.any([np.abs(across - door) < DOOR_HALF_WIDTH for door in DOORS], axis=0)
    return np.asarray(inside & ~(in_wall & ~in_door).any(-1))


class FourRooms(gymnasium.Env[np.ndarray, np.ndarray]):
    """The world. `reset(options={"start": xy, "goal": xy})` replaces the uniform draws of these."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None) -> None:
        """Make a world; `render_mode` is None or `rgb_array`."""
        self.observation_space = gymnasium.spaces.Box(0, 1, (2,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
        self.render_mode = render_mode
        self.position: Position = np.full(2, 0.25)
        self.goal: Position = np.full(2, 0.75)
        self._trace: list[Position] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32[np.ndarray, "2"], dict[str, Any]]:
        """Begin an episode; `options` may hold `start` and `goal`."""
        super().reset(seed=seed)
        given = options or {}
        self.position = self._place(given.get("start"))
        self.goal = self._place(given.get("goal"))
        while "goal" not in given and self._at_goal():
            self.goal = self._place(None)
        self._trace = [self.position]
        return self._observe()

    def step(
        self, action: Float[np.ndarray, "2"]
    ) -> tuple[Float32[np.ndarray, "2"], float, bool, bool, dict[str, Any]]:
        """Move, sliding along walls."""
        noise = STEP_NOISE * self.np_random.standard_normal(2)
        move = STEP * np.clip(np.asarray(action, dtype=np.float64), -1, 1) + noise
        parts = int(np.ceil(np.abs(move).max() / WALL_HALF_WIDTH))  # no part can jump a wall
        for _ in range(parts):
            for axis in range(2):
                moved = self.position.copy()
                moved[axis] = np.clip(moved[axis] + move[axis] / parts, 0, 1)
                if is_free(moved):
                    self.position = moved
        self._trace.append(self.position)
        observation, info = self._observe()
        return observation, float(self._at_goal()), self._at_goal(), False, info

    def render(self) -> UInt8[np.ndarray, "size size 3"] | None:  # type: ignore[override]
        """A picture of the walls, the path so far, the agent and the goal, with y upwards."""
        if self.render_mode is None:
            return None
        ticks = (np.arange(PICTURE_SIZE) + 0.5) / PICTURE_SIZE
        xy = np.stack(np.meshgrid(ticks, ticks[::-1]), axis=-1)
        picture = np.where(is_free(xy)[..., None], 255, 40).astype(np.uint8).repeat(3, axis=-1)
        for position in self._trace:
            picture[_distance(xy, position) < 0.006] = (150, 180, 220)
        ring = np.abs(_distance(xy, self.goal) - GOAL_RADIUS) < 0.005
        picture[ring] = (200, 60, 40)
        picture[_distance(xy, self.position) < 0.015] = (30, 90, 170)
        return picture

    def _observe(self) -> tuple[Float32[np.ndarray, "2"], dict[str, Any]]:
        return self.position.astype(np.float32), {"goal": self.goal.copy()}

    def _at_goal(self) -> bool:
        return bool(_distance(self.position, self.goal) < GOAL_RADIUS)

    def _place(self, given: Sequence[float] | Position | None) -> Position:
        if given is not None:
            place = np.asarray(given, dtype=np.float64)
            if place.shape != (2,) or not is_free(place):
                raise ValueError(f"expected a free position (x, y) outside the walls, got {given}")
            return place
        while True:
            place = self.np_random.uniform(0, 1, 2)
            if is_free(place):
                return place


class GoalReacher:
    """A scripted agent that takes the shortest path through the doors to the goal, with noise.

    Attributes:
        world: the four-rooms world, which holds the goal.
        noise: standard deviation of the Gaussian noise on the actions.
    """

    stochastic = True

    def __init__(self, env: gymnasium.Env, noise: float = ACTION_NOISE) -> None:
        """Act in `env` and read the goal from it."""
        self.world: Any = env.unwrapped
        self.noise = noise

    def act(
        self, observation: Float[np.ndarray, "2"], generator: np.random.Generator
    ) -> Float32[np.ndarray, "2"]:
        """The action for one observation."""
        position = np.asarray(observation, dtype=np.float64)
        return scripted_action(position, self.world.goal, generator, noise=self.noise)


def scripted_action(
    position: Position, goal: Position, generator: np.random.Generator, *, noise: float
) -> Float32[np.ndarray, "2"]:
    """An action towards the next waypoint, at most at full speed, with Gaussian noise."""
    direction = (next_waypoint(position, goal) - position) / STEP
    direction = direction / max(1.0, float(np.linalg.norm(direction)))
    action = direction + noise * generator.standard_normal(2)
    return np.clip(action, -1, 1).astype(np.float32)


def next_waypoint(position: Position, goal: Position) -> Position:
    """The next point on the shortest path: the goal, or a point just behind the next door."""
    return min(_ways(position, goal), key=lambda way: way[0])[1]


def shortest_length(position: Position, goal: Position) -> float:
    """Length of the shortest path through the centres of the doors."""
    return min(length for length, _ in _ways(position, goal))


def _ways(position: Position, goal: Position) -> list[tuple[float, Position]]:
    """Length and first waypoint of each path that crosses no wall twice."""
    here, there = position > WALL, goal > WALL
    if (here == there).all():
        return [(float(_distance(position, goal)), goal)]
    ways = []
    for axis in np.flatnonzero(here != there):
        behind = _door(here, int(axis), beyond=True)
        room = here.copy()
        room[axis] = there[axis]
        rest = [_door(room, int(other), beyond=False) for other in np.flatnonzero(room != there)]
        stops = [position, _door(here, int(axis), beyond=False), *rest, goal]
        length = sum(_distance(a, b) for a, b in itertools.pairwise(stops))
        ways.append((float(length), behind))
    return ways


def _door(room: Bool[np.ndarray, "2"], axis: int, *, beyond: bool) -> Position:
    """The door out of `room` along an axis: its centre, or a point just behind it if `beyond`."""
    door = np.empty(2)
    side = 1 if not room[axis] else -1
    door[axis] = WALL + side * (WALL_HALF_WIDTH + STEP) * beyond
    door[1 - axis] = DOORS[int(room[1 - axis])]
    return door


def _distance(a: np.ndarray, b: np.ndarray) -> Any:
    return np.linalg.norm(a - b, axis=-1)


if FOUR_ROOMS not in gymnasium.registry:
    gymnasium.register(
        FOUR_ROOMS, entry_point=f"{__name__}:FourRooms", max_episode_steps=TIME_LIMIT
    )
