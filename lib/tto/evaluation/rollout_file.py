"""Evaluated episodes as HDF5 files, the raw material of every table and figure of control."""

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np

from tto.errors import TTOError
from tto.evaluation.rollout import Rollout
from tto.files import StrPath, atomic_path
from tto.hdf5 import new_hdf5, read_hdf5

FORMAT_VERSION = 2  # 2 has `batch` and `plan_ms_alone`
ATTRIBUTES: dict[str, type] = {
    "dataset": str,
    "method": str,
    "seed": int,
    "rollout": int,
    "env_id": str,
    "source": str,
    "evaluation_seed": int,
    "plan_ms_alone": float,
}
SOURCES = ("d4rl", "minari", "collect", "file")


def write_rollout(
    path: StrPath, rollout: Rollout, *, attributes: Mapping[str, str | int | float]
) -> None:
    """One HDF5 file, whole or not at all.

    `attributes` are exactly those of `ATTRIBUTES`: what was evaluated (dataset and its source,
    method, run seed, rollout number), where (environment id, reset seed), and the run's time of a
    plan for one episode alone in milliseconds (`tto.evaluation.alone.plan_ms_alone`).
    """
    _check_attributes(attributes, os.fspath(path))
    with atomic_path(path) as temporary, new_hdf5(temporary) as file:
        file.attrs["format_version"] = FORMAT_VERSION
        for name, kind in ATTRIBUTES.items():
            file.attrs[name] = kind(attributes[name])
        file.attrs["terminated"] = rollout.terminated
        file.attrs["truncated"] = rollout.truncated
        file["observations"] = rollout.observations
        file["actions"] = rollout.actions
        file["rewards"] = rollout.rewards
        file["plan_seconds"] = rollout.plan_seconds
        file["batch"] = rollout.batch
        if rollout.goal is not None:
            file["goal"] = rollout.goal


def write_rollouts(
    paths: Sequence[StrPath],
    rollouts: Sequence[Rollout],
    *,
    seeds: Sequence[int],
    dataset: str,
    source: str,
    env_id: str,
    method: str,
    seed: int,
    plan_ms_alone: float,
) -> None:
    """The episodes of one run, rollout 0 first, with the reset seed of each."""
    for number, (path, rollout, reset) in enumerate(zip(paths, rollouts, seeds, strict=True)):
        attributes = {
            "dataset": dataset,
            "method": method,
            "seed": seed,
            "rollout": number,
            "env_id": env_id,
            "source": source,
            "evaluation_seed": reset,
            "plan_ms_alone": plan_ms_alone,
        }
        write_rollout(path, rollout, attributes=attributes)


def read_rollout(path: StrPath) -> tuple[Rollout, dict[str, Any]]:
    """A rollout and its attributes.

    Raises:
        TTOError: no rollout file, a truncated one, another format version, or fields that disagree.
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
        rollout = Rollout(
            observations=_array(file, "observations"),
            actions=_array(file, "actions"),
            rewards=_array(file, "rewards"),
            terminated=bool(file.attrs["terminated"]),
            truncated=bool(file.attrs["truncated"]),
            plan_seconds=_array(file, "plan_seconds"),
            batch=_array(file, "batch"),
            goal=_array(file, "goal") if "goal" in file else None,
        )
    _check_attributes(attributes, name)
    _check_rollout(rollout, name)
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
    if attributes["source"] not in SOURCES:
        raise TTOError(
            f"{name}: expected a source out of {', '.join(SOURCES)}, got {attributes['source']!r}"
        )
    if not 0 <= attributes["plan_ms_alone"] < math.inf:
        raise TTOError(
            f"{name}: expected plan_ms_alone as milliseconds from 0 up, got "
            f"{attributes['plan_ms_alone']}: evaluate again"
        )


def _check_rollout(rollout: Rollout, name: str) -> None:
    length = len(rollout.rewards)
    fields = (rollout.observations[1:], rollout.actions, rollout.plan_seconds, rollout.batch)
    lengths = tuple(map(len, fields))
    if length == 0 or set(lengths) != {length}:
        raise TTOError(
            f"{name}: expected {length} transitions in every field, got observations, actions, "
            f"plan seconds and batch for {lengths}: evaluate again"
        )
    for field in ("observations", "actions", "rewards", "plan_seconds"):
        if not np.isfinite(getattr(rollout, field)).all():
            raise TTOError(
                f"{name}: expected finite {field}, got NaN or infinite values: evaluate again"
            )
