"""Small behaviour policies as plain arrays: a ReLU network that outputs a Gaussian, as in SAC.

An actor file is an `.npz` without pickled objects. It holds float16 weights of shape (inputs,
outputs) and float16 biases: `hidden<i>_weight` and `hidden<i>_bias` of each hidden layer,
`mean_weight` and `mean_bias`, and for a stochastic policy `log_std_weight` and `log_std_bias`. Its
float32 arrays `action_low` and `action_high` are the bounds to which the policy's range [-1, 1] is
scaled.
"""

import dataclasses
import zipfile
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from tto.errors import TTOError, one_line
from tto.files import StrPath, atomic_path, kind_of

LOG_STD_RANGE = (-20.0, 2.0)  # as in SAC's implementations

Layer = tuple[np.ndarray, np.ndarray]  # weights (inputs, outputs) and biases (outputs,)


@runtime_checkable
class BehaviorPolicy(Protocol):
    """A policy that the collector can run."""

    @property
    def stochastic(self) -> bool:
        """Whether the policy samples its actions; if not, the collector adds noise."""
        ...

    def act(
        self, observation: Float[np.ndarray, "*N O"], generator: np.random.Generator
    ) -> Float[np.ndarray, "*N A"]:
        """Draw an action for each observation; a scripted agent takes one at a time."""
        ...


@dataclasses.dataclass(frozen=True)
class Actor:
    """A policy network: ReLU layers, then the mean (and log standard deviation) of a Gaussian.

    A stochastic actor squashes its sample by tanh, as SAC does; a deterministic actor clips its
    mean to [-1, 1].

    Attributes:
        hidden: hidden layers, first to last.
        mean: layer of the mean.
        log_std: layer of the log standard deviation; None makes the actor deterministic.
        action_low, action_high: bounds of the actions.
    """

    hidden: tuple[Layer, ...]
    mean: Layer
    log_std: Layer | None
    action_low: Float[np.ndarray, "A"]
    action_high: Float[np.ndarray, "A"]

    @property
    def stochastic(self) -> bool:
        """Whether the actor has a standard deviation."""
        return self.log_std is not None

    @property
    def observation_dim(self) -> int:
        """O, the number of inputs."""
        return (self.hidden[0] if self.hidden else self.mean)[0].shape[0]

    def act(
        self,
        observation: Float[np.ndarray, "*N O"],
        generator: np.random.Generator | None = None,
    ) -> Float[np.ndarray, "*N A"]:
        """The float32 action for each observation: a sample, or the mean without a generator."""
        features = np.asarray(observation, dtype=np.float32)
        for weight, bias in self.hidden:
            features = np.maximum(features @ weight + bias, 0)
        action = features @ self.mean[0] + self.mean[1]
        if self.log_std is None:
            action = np.clip(action, -1, 1)
        else:
            if generator is not None:
                log_std = np.clip(features @ self.log_std[0] + self.log_std[1], *LOG_STD_RANGE)
                noise = generator.standard_normal(action.shape, dtype=np.float32)
                action = action + np.exp(log_std) * noise
            action = np.tanh(action)
        low, high = self.action_low, self.action_high
        return (low + 0.5 * (action + 1) * (high - low)).astype(np.float32)


def save_actor(path: StrPath, actor: Actor) -> None:
    """Write an actor file; weights and biases are rounded to float16."""
    bounds = {"action_low": actor.action_low, "action_high": actor.action_high}
    arrays: dict[str, np.ndarray] = {}
    layers = {f"hidden{i}": layer for i, layer in enumerate(actor.hidden)}
    layers["mean"] = actor.mean
    if actor.log_std is not None:
        layers["log_std"] = actor.log_std
    for name, (weight, bias) in layers.items():
        arrays[f"{name}_weight"], arrays[f"{name}_bias"] = weight, bias
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        rounded = {name: array.astype(np.float16) for name, array in arrays.items()}
        exact = {name: array.astype(np.float32) for name, array in bounds.items()}
        np.savez_compressed(file, allow_pickle=False, **rounded, **exact)


def load_actor(path: StrPath, *, action_scale: float = 1.0) -> Actor:
    """Read an actor.

    Args:
        path: an actor file, as described above.
        action_scale: bound of the absolute action where the file states no bounds.

    Raises:
        TTOError: the file is missing or no such archive, lacks an array, holds NaN or infinite
            weights, or its layers do not fit each other.
    """
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name].astype(np.float32) for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise TTOError(
            f"{path}: expected an actor as .npz, got {kind_of(path)} ({one_line(error)}); restore "
            "or retrain it"
        ) from error
    try:
        hidden = []
        while f"hidden{len(hidden)}_weight" in arrays:
            hidden.append(_layer(arrays, f"hidden{len(hidden)}"))
        mean = _layer(arrays, "mean")
        log_std = _layer(arrays, "log_std") if "log_std_weight" in arrays else None
    except KeyError as error:
        raise TTOError(
            f"{path}: expected an actor with the array {error}, got none; restore or retrain it"
        ) from error
    full = np.full(mean[1].shape, action_scale, dtype=np.float32)
    actor = Actor(
        hidden=tuple(hidden),
        mean=mean,
        log_std=log_std,
        action_low=arrays.get("action_low", -full),
        action_high=arrays.get("action_high", full),
    )
    _check_layers(path, actor)
    return actor


def _layer(arrays: dict[str, np.ndarray], name: str) -> Layer:
    return arrays[f"{name}_weight"], arrays[f"{name}_bias"]


def _check_layers(path: StrPath, actor: Actor) -> None:
    width = actor.observation_dim
    heads = [actor.mean] if actor.log_std is None else [actor.mean, actor.log_std]
    for index, (weight, bias) in enumerate([*actor.hidden, *heads]):
        if weight.ndim != 2 or weight.shape != (width, *bias.shape):
            raise TTOError(
                f"{path}: layer {index} has {width} inputs, weights of shape {weight.shape} and "
                f"biases of shape {bias.shape}, which must fit each other; restore or retrain it"
            )
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise TTOError(
                f"{path}: layer {index} holds NaN or infinite weights; retrain the actor"
            )
        if index < len(actor.hidden):
            width = weight.shape[1]
