"""Gymnasium environments by id, the names of their robots, and D4RL's score references.

This module registers two environments:

- `tto/Humanoid-v5`: `Humanoid-v5` with the 45-dimensional observation `qpos[2:], qvel`, without the
  other 303 dimensions, some of which are constant and some reach an absolute value of 2400;
- `tto/FourRooms-v0`: the continuous four-rooms world of section 4.2.

Gymnasium imports the module of an id such as `my_package:MyEnv-v0`, which runs its code. Most ids
here come from files, which others may have written. So `make_env`, the only place that makes an
environment, refuses such an id, and only `named_env` imports: it is for the user's own words, from
the config, the command line or Python. Files hold ids without a module.
"""

import functools
import importlib
import re
import warnings
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from jaxtyping import Float

from tto.data import four_rooms  # noqa: F401 (registers its environment)
from tto.errors import TTOError, one_line

HUMANOID = "tto/Humanoid-v5"

# Returns of a random and an expert policy (Fu et al. 2020, D4RL), by robot.
SCORE_REFERENCES: dict[str, tuple[float, float]] = {
    "hopper": (-20.272305, 3234.3),
    "halfcheetah": (-280.178953, 12135.0),
    "walker2d": (1.629008, 4592.3),
    "ant": (-325.6, 3879.7),
}

if HUMANOID not in gymnasium.registry:
    gymnasium.register(
        id=HUMANOID,
        entry_point="gymnasium.envs.mujoco.humanoid_v5:HumanoidEnv",
        max_episode_steps=1000,
        kwargs={
            "include_cinert_in_observation": False,
            "include_cvel_in_observation": False,
            "include_qfrc_actuator_in_observation": False,
            "include_cfrc_ext_in_observation": False,
        },
    )


_MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_NAME_IT = (
    "--env PACKAGE:ID on the command line, env: PACKAGE:ID in a config, or import it in Python"
)


def named_env(env: str) -> str:
    """Import the module in an environment's name that the user gave; return the id without it.

    Args:
        env: an id, or `my_package:MyEnv-v0`. It must not come from a file, since importing a module
            runs its code.

    Raises:
        TTOError: the module cannot be imported, or does not register the id.
    """
    module, colon, env_id = env.rpartition(":")
    if not colon:
        return env
    if not _MODULE.fullmatch(module):
        raise TTOError(
            f"env {env!r}: expected an id, or a module and an id such as my_package:MyEnv-v0, got "
            f"{module!r} as the module; correct it"
        )
    try:
        importlib.import_module(module)
    except Exception as error:  # whatever the user's module raises
        raise TTOError(
            f"env {env!r}: expected a module that can be imported, got "
            f"{type(error).__name__} ({one_line(error)}); install {module}, or mend it"
        ) from error
    if env_id not in gymnasium.registry:
        raise TTOError(
            f"env {env!r}: expected the module {module} to register {env_id!r}, but it did not; "
            "call gymnasium.register in it, or correct the id"
        )
    return env_id


def without_module(env_id: str) -> str:
    """Return an environment's id as files hold it.

    Raises:
        TTOError: the id names a module, which would be imported.
    """
    if ":" in env_id:
        raise TTOError(
            f"env {env_id!r:.80}: expected an id without a module, since importing one runs its "
            f"code, and files come from others; if you trust the module, name it: {_NAME_IT}"
        )
    return env_id


def make_env(env_id: str, **options: Any) -> gymnasium.Env:
    """Make an environment whose observations and actions are vectors.

    Args:
        env_id: a Gymnasium id, or one registered here, without a module (`named_env`).
        options: further arguments of `gymnasium.make`, such as `render_mode="rgb_array"`.

    Raises:
        TTOError: the id is unknown or names a module, the environment cannot be made, or a space is
            not a one-dimensional `Box`.
    """
    try:
        with warnings.catch_warnings():
            # The -v4 environments are old on purpose: they match D4RL's v2 data.
            warnings.filterwarnings("ignore", message=".*is out of date.*")
            env = gymnasium.make(without_module(env_id), disable_env_checker=True, **options)
    except TTOError:
        raise
    except gymnasium.error.UnregisteredEnv as error:
        raise TTOError(
            f"env {env_id!r:.80}: expected a registered Gymnasium environment, got an error "
            f"({one_line(error)}); check the id, or name the package that registers it: {_NAME_IT}"
        ) from error
    except Exception as error:  # environments are others' code, and depend on further packages
        raise TTOError(
            f"env {env_id!r:.80}: expected an environment that can be made, got "
            f"{type(error).__name__} ({one_line(error)}); check the id, and install what it needs"
        ) from error
    for name, space in (("observation", env.observation_space), ("action", env.action_space)):
        if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
            raise TTOError(
                f"env {env_id!r}: expected a Box of one dimension as the {name} space, got {space}"
                "; name another environment"
            )
    return env


@functools.lru_cache
def env_spec(env_id: str) -> EnvSpec:
    """The specification that an environment is made from."""
    env = make_env(env_id)
    spec = env.spec
    env.close()
    assert spec is not None
    return spec


@functools.lru_cache
def env_dimensions(env_id: str) -> tuple[int, int]:
    """Observation and action dimensions of an environment, `(O, A)`."""
    env = make_env(env_id)
    assert env.observation_space.shape is not None
    assert env.action_space.shape is not None
    dimensions = env.observation_space.shape[0], env.action_space.shape[0]
    env.close()
    return dimensions


def action_bounds(env: gymnasium.Env) -> tuple[Float[np.ndarray, "A"], Float[np.ndarray, "A"]]:
    """Lowest and highest action of an environment, in float32."""
    space = env.action_space
    assert isinstance(space, gymnasium.spaces.Box)
    return space.low.astype(np.float32), space.high.astype(np.float32)


def robot_of(env_id: str) -> str:
    """Name of the robot: `Hopper-v5` -> `hopper`, `tto/Humanoid-v5` -> `humanoid`."""
    return re.sub(r"-v\d+$", "", env_id.rsplit("/", 1)[-1]).lower()


def normalized_score(env_id: str, episode_return: float) -> float | None:
    """D4RL's score, `100 (return - random) / (expert - random)`; None without references."""
    reference = SCORE_REFERENCES.get(robot_of(env_id))
    if reference is None:
        return None
    low, high = reference
    return 100.0 * (float(episode_return) - low) / (high - low)
