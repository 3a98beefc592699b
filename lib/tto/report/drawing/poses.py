"""Observations back to a simulator's positions, and the paths of head and feet through space.

MuJoCo's robots do not observe where they are: hopper, walker2d and halfcheetah leave out the root's
x, ant and humanoid its x and y. They do observe its velocity, which is integrated here by the
trapezoid rule over the time between two observations. This module knows nothing of pictures.

Letters: T states, P traced points, nq and nv the simulator's positions and velocities.
"""

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float

from tto.data.environments import make_env, robot_of
from tto.errors import TTOError

_TOP = 1.0  # of a capsule: how far along its axis, in half lengths
# Root coordinates that are not observed, and what is traced: geoms, with a place along their axis.
_HIDDEN = {"hopper": 1, "walker2d": 1, "halfcheetah": 1, "ant": 2, "humanoid": 2}
_TRACED: dict[str, dict[str, tuple[str, float]]] = {
    "hopper": {"head": ("torso_geom", _TOP), "foot": ("foot_geom", 0.0)},
    "walker2d": {
        "head": ("torso_geom", _TOP),
        "right foot": ("foot_geom", 0.0),
        "left foot": ("foot_left_geom", 0.0),
    },
    "halfcheetah": {
        "head": ("head", 0.0),
        "back foot": ("bfoot", 0.0),
        "front foot": ("ffoot", 0.0),
    },
    "ant": {"torso": ("torso_geom", 0.0)},
    "humanoid": {
        "head": ("head", 0.0),
        "right foot": ("right_foot", 0.0),
        "left foot": ("left_foot", 0.0),
    },
}
_QUATERNION = slice(3, 7)  # of a free root's positions


@dataclass(frozen=True)
class Robot:
    """A robot whose poses can be restored from its observations.

    Attributes:
        model: MuJoCo's model, a fresh one that may be changed.
        step: seconds between two observations.
        hidden: root coordinates that are not observed.
        traced: geoms whose paths are drawn, and the place along their axis, by name.
    """

    model: Any
    step: float
    hidden: int
    traced: dict[str, tuple[str, float]]

    @property
    def free(self) -> bool:
        """Whether the root moves freely, with a quaternion among its positions."""
        return self.model.jnt_type[0] == mujoco.mjtJoint.mjJNT_FREE


def load_robot(env_id: str) -> Robot:
    """The robot of a MuJoCo environment.

    Raises:
        TTOError: it is none of those whose observations this module knows.
    """
    name = robot_of(env_id)
    if name not in _HIDDEN:
        raise TTOError(
            f"poses of {env_id!r}: expected an environment of {', '.join(_HIDDEN)}; draw figure 1 "
            "for another dataset"
        )
    env = make_env(env_id)
    simulator: Any = env.unwrapped
    robot = Robot(simulator.model, float(simulator.dt), _HIDDEN[name], _TRACED[name])
    env.close()
    return robot


def restore_positions(
    robot: Robot, observations: Float[np.ndarray, "T O"]
) -> Float[np.ndarray, "T nq"]:
    """Positions of the states that were observed; the root starts at 0 where it is not observed.

    Observed quaternions are normalised. What follows positions and velocities (contact forces, say)
    is not needed.

    Raises:
        TTOError: observations are too short, NaN or infinite.
    """
    nq, nv, hidden = robot.model.nq, robot.model.nv, robot.hidden
    needed = nq + nv - hidden
    if observations.ndim != 2 or len(observations) == 0 or observations.shape[1] < needed:
        raise TTOError(
            f"poses: expected rows of {needed} or more observed values, got shape "
            f"{observations.shape}; the environment does not match the observations"
        )
    values = observations[:, :needed].astype(np.float64)
    if not np.isfinite(values).all():
        raise TTOError("poses: expected finite observations, got NaN or infinity")
    velocities = values[:, nq - hidden :][:, :hidden]
    positions = np.zeros((len(values), nq))
    positions[1:, :hidden] = np.cumsum(robot.step * (velocities[:-1] + velocities[1:]) / 2, axis=0)
    positions[:, hidden:] = values[:, : nq - hidden]
    if robot.free:
        norms = np.linalg.norm(positions[:, _QUATERNION], axis=1, keepdims=True)
        positions[:, _QUATERNION] /= np.maximum(norms, 1e-9)
    return positions


def trace_points(
    robot: Robot, positions: Float[np.ndarray, "T nq"]
) -> dict[str, Float[np.ndarray, "T 3"]]:
    """Where head and feet are in space, by name, in metres."""
    model, data = robot.model, mujoco.MjData(robot.model)
    paths = {name: np.empty((len(positions), 3)) for name in robot.traced}
    for t, qpos in enumerate(positions):
        data.qpos[:] = qpos
        place_bodies(model, data)
        for name, (geom, place) in robot.traced.items():
            number = model.geom(geom).id
            axis = data.geom_xmat[number].reshape(3, 3)[:, 2]
            half_length = model.geom_size[number][1]
            paths[name][t] = data.geom_xpos[number] + place * half_length * axis
    return paths


def place_bodies(model: Any, data: Any) -> None:
    """Compute where bodies are from `data.qpos`: the part of MuJoCo's forward pass without forces.

    A predicted pose may be deep in the floor, where forces have no bounds.
    """
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
