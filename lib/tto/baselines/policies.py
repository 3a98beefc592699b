"""Baselines of offline RL by their name in the config: how each is trained and loaded."""

from pathlib import Path
from typing import Any, NamedTuple

from tto.baselines import offline_rl
from tto.baselines.actor import load_actor_policy
from tto.baselines.behavior_cloning import load_behavior_cloning
from tto.baselines.mbop import MBOPPolicy, load_mbop
from tto.baselines.mbop_training import train_mbop
from tto.baselines.networks import NetworkPolicy
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.files import StrPath
from tto.model.weights_file import read_config

METHODS = (*offline_rl.METHODS, "mbop")


class StoredPolicy(NamedTuple):
    """A policy, the environment in which it acts, and the dataset that it was trained on."""

    policy: NetworkPolicy | MBOPPolicy
    env_id: str
    dataset: str


def train_policy(
    dataset: EpisodeDataset,
    output: StrPath,
    *,
    method: str,
    seed: int,
    checkpoints: StrPath,
    device: str = "cpu",
    events: StrPath | None = None,
    **settings: Any,
) -> None:
    """Train a method of `baselines.methods`; see `train_offline_rl` and `train_mbop`.

    MBOP's training is short and on the processor; after an interruption it begins anew and makes
    the same model.
    """
    if method == "mbop":
        train_mbop(dataset, output, seed=seed, **settings)
    else:
        more = {"checkpoints": checkpoints, "events": events, "device": device}
        offline_rl.train_offline_rl(dataset, output, method=method, seed=seed, **more, **settings)


def is_policy(folder: StrPath) -> bool:
    """Whether the folder holds a baseline that acts, not a Transformer or an ensemble."""
    try:
        config = read_config(Path(folder))
    except (OSError, ValueError, TypeError):
        return False
    known = {"env_id", "dataset", "hidden"} <= set(config)
    return known and ("method" in config or "members" not in config)


def load_policy(folder: StrPath) -> StoredPolicy:
    """Load the policy of a folder in `results/<run>/baselines/<dataset>/<method>/`.

    Raises:
        TTOError: the folder holds no policy, or a damaged one.
    """
    if not is_policy(folder):
        raise TTOError(
            f"{folder}: expected a policy of behaviour cloning, CQL, IQL, TD3+BC or MBOP"
        )
    config = read_config(Path(folder))
    if "method" not in config:
        load = load_behavior_cloning
    else:
        load = load_mbop if config["method"] == "mbop" else load_actor_policy
    return StoredPolicy(load(folder), str(config["env_id"]), str(config["dataset"]))
