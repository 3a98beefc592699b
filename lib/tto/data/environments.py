"""Gymnasium environments by id, the names of their robots, and D4RL's score references.

This module registers two environments:

- `tto/Humanoid-v5`: `Humanoid-v5` with the 45-dimensional observation `qpos[2:], qvel`, without the
  other 303 dimensions, some of which are constant and some reach an absolute value of 2400;
- `tto/FourRooms-v0`: the continuous four-rooms world of section 4.2.

The module of an id such as `my_package:MyEnv-v0` is imported, which runs its code. So only the
user's own words may name one: in the config, as an argument or in `TTO_IMPORTS`. An id from a file,
which others may have written, goes through `without_module` before it is used.
"""

import contextlib
import dataclasses
import functools
import importlib
import os
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.registration import EnvSpec
from jaxtyping import Float

from tto.data import four_rooms  # noqa: F401 (registers its environment)
from tto.errors import TTOError, one_line

HUMANOID = "tto/Humanoid-v5"
IMPORTS = "TTO_IMPORTS"  # environment variable with the names of modules to import

# Returns of a random and an expert policy (Fu et al. 2020, D4RL), by robot.
SCORE_REFERENCES: dict[str, tuple[float, float]] = {
    "hopper": (-20.272305, 3234.3),
    "halfcheetah": (-280.178953, 12135.0),
    "walker2d": (1.629008, 4592.3),
    "ant": (-325.6, 3879.7),
}

# The robots of the paper's table 1, and the simulated milliseconds between two of their actions.
TABLE1_ENVS = ("HalfCheetah-v5", "Hopper-v5", "Walker2d-v5")
STEP_MS = {"hopper": 8.0, "walker2d": 8.0, "halfcheetah": 50.0}

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


def split_module(env_id: str) -> tuple[str | None, str]:
    """The module in front of an id, and the id: `my_package:MyEnv-v0` -> `my_package`, `MyEnv-v0`.

    Only a user may name a module, in a config or as an argument: it is imported.
    """
    module, _, name = env_id.rpartition(":")
    return module or None, name


def without_module(env_id: str) -> str:
    """Return the id of an environment that a file names; `make_env` would import its module.

    Raises:
        TTOError: the id names a module.
    """
    module, name = split_module(env_id)
    if ":" in env_id:
        raise TTOError(
            f"env {env_id!r:.80}: expected an id without a module in a file, since others may have "
            f"written it and importing runs code, got the module {module or ''!r:.80}; if you "
            f"trust it, name it yourself: --env {env_id:.80}, or imports in the config"
        )
    return name


def make_env(env_id: str, **options: Any) -> gymnasium.Env:
    """Make an environment whose observations and actions are vectors.

    Modules that the environment variable `TTO_IMPORTS` names, separated by commas, are imported
    first, so that they can register environments.

    Args:
        env_id: a Gymnasium id, or one registered here; `my_package:MyEnv-v0` imports the module
            first.
        options: further arguments of `gymnasium.make`, such as `render_mode="rgb_array"`.

    Raises:
        TTOError: a module cannot be imported, the id is unknown, the environment cannot be made, or
            a space is not a one-dimensional `Box`.
    """
    module, name = split_module(env_id)
    named = (os.environ.get(IMPORTS, ""), module or "")
    import_modules(tuple(filter(None, ",".join(named).split(","))))
    try:
        with warnings.catch_warnings(), _without_deprecations():
            # The -v4 environments are old on purpose: they match D4RL's v2 data.
            warnings.filterwarnings("ignore", message=".*is out of date.*")
            env = gymnasium.make(name, disable_env_checker=True, **options)
    # An environment's own code can raise anything.
    except Exception as error:
        raise TTOError(
            f"env {env_id!r}: expected a registered Gymnasium environment, got an error "
            f"({_reason(module, name, error)}"
        ) from error
    for part, space in (("observation", env.observation_space), ("action", env.action_space)):
        if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
            env.close()
            raise TTOError(
                f"env {env_id!r}: expected a Box of one dimension as the {part} space, got {space}"
                "; name another environment, or wrap it"
            )
    return env


@contextlib.contextmanager
def _without_deprecations() -> Iterator[None]:
    """Leave out what MuJoCo prints, in the block, about model files that Gymnasium ships."""
    try:
        import mujoco
    except Exception:  # a renderer that does not work: environments without MuJoCo need none
        mujoco = None
    if mujoco is None:
        yield
        return
    before = mujoco.get_mju_user_warning()

    def passed_on(text: str) -> None:
        if " is deprecated " not in text:
            print(f"MuJoCo: {text}", file=sys.stderr)

    mujoco.set_mju_user_warning(passed_on)
    try:
        yield
    finally:
        mujoco.set_mju_user_warning(before)


@contextlib.contextmanager
def code_of(env: gymnasium.Env) -> Iterator[None]:
    """Turn any error of an environment's own code, in the block, into a `TTOError`."""
    try:
        yield
    except TTOError:
        raise
    except Exception as error:
        raise TTOError(
            f"env {env}: expected an environment that can be reset and stepped, got an error in it "
            f"({type(error).__name__}: {one_line(error)}); mend the environment"
        ) from error


# Names in the errors of a renderer that does not work here.
_RENDERER = re.compile(r"MUJOCO_GL|OpenGL|EGL|OSMesa|GLFW|glfw|\bgl[A-Z]|gladLoadGL")


def _reason(module: str | None, env_id: str, error: Exception) -> str:
    """Why an environment could not be made, and what to do."""
    if "MUJOCO_GL" in os.environ and _RENDERER.search(str(error)):
        return (
            f"{one_line(error)}); MUJOCO_GL is {os.environ['MUJOCO_GL']!r}: unset it, or set it to "
            "egl or osmesa and install that renderer"
        )
    refused = isinstance(error, gymnasium.error.Error)
    unknown = isinstance(error, gymnasium.error.NameNotFound | gymnasium.error.NamespaceNotFound)
    if refused and (own := _env_of_dataset(env_id)):
        return f"{env_id} is the name of a dataset); name its environment, {own}"
    if unknown and module:
        return (
            f"the module {module!r} was imported, but does not register {env_id}); correct the id, "
            "or name the module that registers it"
        )
    if unknown:
        return (
            f"{one_line(error)}); check the id, and name the module that registers it: "
            f"--env my_package:{env_id}, or imports: [my_package] in the config"
        )
    if re.search(r"-v[0-3]$", env_id) and "mujoco" in str(error).lower():
        newer = re.sub(r"-v\d$", "-v4", env_id)
        return f"versions v2 and v3 were retired); name {newer} or a newer one"
    if refused:
        return f"{one_line(error)}); check the id"
    return f"{type(error).__name__}: {one_line(error)}); mend the environment or its arguments"


_QUALITIES = {"random", "simple", "medium", "expert", "replay"}  # words in names of datasets


def _env_of_dataset(name: str) -> str | None:
    """The newest environment of a dataset's robot: hopper-medium-v2, mujoco/hopper/expert-v0."""
    words = set(re.split(r"[/-]", name.lower()))
    if words.isdisjoint(_QUALITIES):
        return None
    specs = [spec for spec in gymnasium.registry.values() if robot_of(spec.id) in words]
    newest = max(specs, key=lambda spec: spec.version or 0, default=None)
    return newest.id if newest is not None else None


@functools.lru_cache
def import_modules(names: tuple[str, ...]) -> None:
    """Import modules that register environments; they may be in the working directory.

    Raises:
        TTOError: a name is no module's name, or the import fails.
    """
    if names and os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    for name in names:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # a module's own code can raise anything
            raise TTOError(
                f"env: expected the module {name!r}, which registers environments, but its import "
                f"failed ({type(error).__name__}: {one_line(error)}); install it, or correct env "
                "or imports"
            ) from error


@functools.lru_cache
def env_spec(env_id: str) -> EnvSpec:
    """The specification that an environment is made from, as a file can hold it.

    Raises:
        TTOError: as `make_env`, or the environment was registered with arguments that JSON cannot
            hold.
    """
    env = make_env(env_id)
    spec = env.spec
    env.close()
    if spec is None:
        raise TTOError(
            f"env {env_id!r}: expected a registered Gymnasium environment, got one without a "
            "specification; register it"
        )
    kind: Any = spec.entry_point
    if callable(kind) and "<" not in getattr(kind, "__qualname__", "<"):
        # A class or function, registered itself, is stored by its name.
        spec = dataclasses.replace(spec, entry_point=f"{kind.__module__}:{kind.__qualname__}")
    if callable(spec.vector_entry_point):
        spec = dataclasses.replace(spec, vector_entry_point=None)
    try:
        spec.to_json()
    except (TypeError, ValueError) as error:
        raise TTOError(
            f"env {env_id!r}: expected an environment whose arguments JSON can hold, got "
            f"{one_line(error)}; register a class with numbers and texts as kwargs, and make all "
            "else of them in its __init__"
        ) from error
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
    return re.sub(r"-v\d+$", "", split_module(env_id)[1].rsplit("/", 1)[-1]).lower()


def normalized_score(env_id: str, episode_return: float) -> float | None:
    """D4RL's score, `100 (return - random) / (expert - random)`; None without references."""
    reference = SCORE_REFERENCES.get(robot_of(env_id))
    if reference is None:
        return None
    low, high = reference
    return 100.0 * (float(episode_return) - low) / (high - low)
