"""Restore a simulator's positions from observations, and trace head and feet through space.

MuJoCo's robots do not observe the position of their root (`tto.report.drawing.robots`). They do
observe its velocity, which is integrated here by the trapezoid rule over the time between two
observations.

Dimensions: T states, O observed values, nq and nv the simulator's positions and velocities.
"""

from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Float

from tto.data.environments import make_env, robot_of, without_module
from tto.errors import TTOError
from tto.report.drawing.robots import HIDDEN, TRACED

_QUATERNION = slice(3, 7)  # place among the positions of a free root


@dataclass(frozen=True)
class Robot:
    """A robot whose poses can be restored from its observations.

    Attributes:
        model: MuJoCo's model, which the owner may change.
        step: seconds between two observations.
        hidden: number of root coordinates that are not observed.
        traced: name of each traced part, with its geom and the place along the geom's axis.
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
    """Load the robot of a MuJoCo environment.

    Raises:
        TTOError: the robot is not in `tto.report.drawing.robots`, or MuJoCo does not simulate it.
    """
    name = robot_of(env_id)
    if name not in HIDDEN:
        raise TTOError(
            f"poses of {env_id!r}: expected an environment of {', '.join(HIDDEN)}; draw figure 1 "
            "for another dataset"
        )
    env = make_env(without_module(env_id))  # it comes from a file
    simulator: Any = env.unwrapped
    env.close()
    model = getattr(simulator, "model", None)
    if not isinstance(model, mujoco.MjModel):
        raise TTOError(
            f"poses of {env_id!r}: expected an environment that MuJoCo simulates, got one without "
            "its model; draw figure 1 and films for another environment"
        )
    return Robot(model, float(simulator.dt), HIDDEN[name], TRACED[name])


def restore_positions(
    robot: Robot, observations: Float[np.ndarray, "T O"]
) -> Float[np.ndarray, "T nq"]:
    """Return the positions of observed states; hidden root coordinates start at 0.

    Observed quaternions are normalised. Observed values after positions and velocities, for example
    contact forces, are ignored.

    Raises:
        TTOError: observations have too few values, or are NaN or infinite.
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
    """Return the positions of head and feet in space, by name, in metres."""
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


def limb_points(
    robot: Robot, positions: Float[np.ndarray, "T nq"]
) -> Float[np.ndarray, "T ends 3"]:
    """Return two corners of a box around each limb, in metres."""
    model, data = robot.model, mujoco.MjData(robot.model)
    capsules = model.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE
    limbs = capsules | (model.geom_type == mujoco.mjtGeom.mjGEOM_SPHERE)
    half = np.where(capsules, model.geom_size[:, 1], 0.0)[limbs, None]
    radius = model.geom_size[limbs, :1]
    corners = []
    for qpos in positions:
        data.qpos[:] = qpos
        place_bodies(model, data)
        reach = np.abs(half * data.geom_xmat[limbs].reshape(-1, 3, 3)[:, :, 2]) + radius
        centers = data.geom_xpos[limbs]
        corners.append(np.concatenate([centers - reach, centers + reach]))
    return np.stack(corners)


def place_bodies(model: Any, data: Any) -> None:
    """Compute the places of bodies from `data.qpos`, without MuJoCo's forces.

    Forces have no bounds if a predicted pose is deep in the floor.
    """
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
