"""Evaluated episodes as HDF5 files, from which all tables and figures of control are made."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np

from tto.data.environments import without_module
from tto.errors import TTOError
from tto.evaluation.rollout import Rollout, evaluation_seeds
from tto.files import StrPath, atomic_path
from tto.hdf5 import new_hdf5, read_hdf5

FORMAT_VERSION = 3  # version 2 added `batch` and `plan_ms_alone`, version 3 `train_seconds`
ATTRIBUTES: dict[str, type] = {
    "dataset": str,
    "method": str,
    "seed": int,
    "rollout": int,
    "env_id": str,
    "source": str,
    "evaluation_seed": int,
    "plan_ms_alone": float,
    "train_seconds": float,
}
SOURCES = ("d4rl", "minari", "collect", "file")
_ARRAYS = ("observations", "actions", "rewards", "plan_seconds", "batch")


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of one run.

    Attributes:
        env_id: id of the environment.
        dataset: dataset that the policy was trained on.
        source: source of the dataset, one of `SOURCES`.
        method: name of the policy's method.
        seed: seed of the run.
        offset: offset of the reset seeds (`evaluation_seeds`).
        max_steps: time limit in transitions besides the environment's own, or None.
    """

    env_id: str
    dataset: str
    source: str
    method: str
    seed: int
    offset: int
    max_steps: int | None = None

    def reset_seeds(self, rollouts: int) -> list[int]:
        """Reset seeds of the run's first episodes."""
        return evaluation_seeds(seed=self.seed, rollouts=rollouts, offset=self.offset)


def write_rollout(
    path: StrPath, rollout: Rollout, *, attributes: Mapping[str, str | int | float]
) -> None:
    """Write one HDF5 file, which appears once it is complete.

    Args:
        path: path of the file.
        rollout: episode to write.
        attributes: exactly those of `ATTRIBUTES`: dataset, its source, method, seed of the run,
            number of the rollout, environment id, reset seed, the milliseconds of a plan for one
            episode alone (`tto.evaluation.alone.plan_ms_alone`), and the seconds of the model's
            training (0 for a policy that was not trained).

    Raises:
        TTOError: the attributes are incomplete or invalid.
    """
    _check_attributes(attributes, os.fspath(path))
    with atomic_path(path) as temporary, new_hdf5(temporary) as file:
        file.attrs["format_version"] = FORMAT_VERSION
        for name, kind in ATTRIBUTES.items():
            file.attrs[name] = kind(attributes[name])
        file.attrs["terminated"] = rollout.terminated
        file.attrs["truncated"] = rollout.truncated
        for name in _ARRAYS:
            file[name] = getattr(rollout, name)
        if rollout.goal is not None:
            file["goal"] = rollout.goal
        if rollout.action_losses is not None:
            file["action_losses"] = rollout.action_losses
            file["action_losses"].attrs["held_out"] = rollout.held_out_action_loss


def write_rollouts(
    paths: Sequence[StrPath],
    rollouts: Sequence[Rollout],
    evaluation: Evaluation,
    *,
    plan_ms_alone: float,
    train_seconds: float = 0.0,
) -> None:
    """Write the episodes of one run, rollout 0 first.

    Args:
        paths: paths of the files, one for each rollout.
        rollouts: episodes of the run.
        evaluation: evaluation that the episodes come from.
        plan_ms_alone: milliseconds of a plan for one episode alone.
        train_seconds: seconds of the model's training.
    """
    seeds = evaluation.reset_seeds(len(rollouts))
    for number, (path, rollout, reset) in enumerate(zip(paths, rollouts, seeds, strict=True)):
        attributes = {
            "dataset": evaluation.dataset,
            "method": evaluation.method,
            "seed": evaluation.seed,
            "rollout": number,
            "env_id": evaluation.env_id,
            "source": evaluation.source,
            "evaluation_seed": reset,
            "plan_ms_alone": plan_ms_alone,
            "train_seconds": train_seconds,
        }
        write_rollout(path, rollout, attributes=attributes)


def read_rollout(path: StrPath) -> tuple[Rollout, dict[str, Any]]:
    """Read a rollout and its attributes.

    Raises:
        TTOError: the file is missing, damaged or of another format version, or its fields disagree.
    """
    name = os.fspath(path)
    with read_hdf5(path, expected="a rollout file", remedy="delete it and evaluate again") as file:
        version = file.attrs["format_version"]
        if version != FORMAT_VERSION:
            raise TTOError(
                f"{name}: expected rollout format version {FORMAT_VERSION}, got {version}: "
                "evaluate again"
            )
        attributes = {key: kind(file.attrs[key]) for key, kind in ATTRIBUTES.items()}
        arrays = {field: _array(file, field) for field in _ARRAYS}
        goal = _array(file, "goal") if "goal" in file else None
        losses = held_out = None
        if "action_losses" in file:
            losses = arrays["action_losses"] = _array(file, "action_losses")
            held_out = float(np.asarray(file["action_losses"].attrs["held_out"]))
        terminated, truncated = bool(file.attrs["terminated"]), bool(file.attrs["truncated"])
    _check_attributes(attributes, name)
    _check_arrays(arrays, name)
    rollout = Rollout(
        observations=arrays["observations"],
        actions=arrays["actions"],
        rewards=arrays["rewards"],
        terminated=terminated,
        truncated=truncated,
        plan_seconds=arrays["plan_seconds"],
        batch=arrays["batch"],
        goal=goal,
        action_losses=losses,
        held_out_action_loss=held_out,
    )
    return rollout, attributes


def _array(file: h5py.File, name: str) -> np.ndarray:
    item = file[name]
    if not isinstance(item, h5py.Dataset):
        raise KeyError(f"{name} is not an array")
    return item[()]


def _check_attributes(attributes: Mapping[str, Any], name: str) -> None:
    if set(attributes) != set(ATTRIBUTES):
        raise TTOError(
            f"{name}: expected rollout attributes {sorted(ATTRIBUTES)}, got {sorted(attributes)}"
        )
    without_module(attributes["env_id"])
    if attributes["source"] not in SOURCES:
        raise TTOError(
            f"{name}: expected a source out of {', '.join(SOURCES)}, got {attributes['source']!r}"
        )
    for time, unit in (("plan_ms_alone", "milliseconds"), ("train_seconds", "seconds")):
        if not 0 <= attributes[time] < math.inf:
            raise TTOError(
                f"{name}: expected {time} as {unit} from 0 up, got {attributes[time]}: evaluate "
                "again"
            )


def _check_arrays(arrays: Mapping[str, np.ndarray], name: str) -> None:
    length = len(arrays["rewards"])
    lengths = {field: len(array) - (field == "observations") for field, array in arrays.items()}
    if length == 0 or set(lengths.values()) != {length}:
        raise TTOError(
            f"{name}: expected {length} transitions in every field, got {lengths}: evaluate again"
        )
    for field in arrays:
        if not np.isfinite(arrays[field]).all():
            raise TTOError(
                f"{name}: expected finite {field}, got NaN or infinite values: evaluate again"
            )
