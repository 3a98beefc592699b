"""Write files in D4RL's layout."""

from pathlib import Path

import h5py
import numpy as np

import tto.data.d4rl as d4rl
from tto.data.episode import Episode


def write_d4rl(
    path: Path, episodes: list[Episode], *, dtype: type = np.float32, tail: int = 0
) -> None:
    """Write episodes in D4RL's layout, followed by `tail` rows of an unfinished episode."""

    def rows(name: str) -> np.ndarray:
        parts = {
            "observations": [e.observations[:-1] for e in episodes],
            "next_observations": [e.observations[1:] for e in episodes],
            "actions": [e.actions for e in episodes],
            "rewards": [e.rewards for e in episodes],
            "terminals": [np.arange(len(e)) == len(e) - e.terminated for e in episodes],
            "timeouts": [np.arange(len(e)) == len(e) - e.truncated for e in episodes],
            "infos/qpos": [e.qpos[:-1] for e in episodes if e.qpos is not None],
            "infos/qvel": [e.qvel[:-1] for e in episodes if e.qvel is not None],
        }[name]
        return np.concatenate([*parts, np.zeros_like(parts[0][:1]).repeat(tail, axis=0)])

    with h5py.File(path, "w") as file:
        for name in (*d4rl.REQUIRED, *d4rl.OPTIONAL):
            values = rows(name)
            kind = values.dtype if values.dtype == bool or "infos" in name else dtype
            file.create_dataset(name, data=values.astype(kind), compression="gzip")
        file["infos/action_log_probs"] = np.zeros(len(values), dtype=dtype)
        file["metadata/policy/fc0/weight"] = np.zeros((4, 4))
