"""Trained policies by their folder: behaviour cloning, CQL, IQL and TD3+BC."""

from pathlib import Path
from typing import NamedTuple

from tto.baselines.behavior_cloning import BehaviorCloningPolicy, load_behavior_cloning
from tto.baselines.offline_rl import ActorPolicy, load_actor_policy
from tto.errors import TTOError
from tto.files import StrPath
from tto.model.weights_file import read_config


class StoredPolicy(NamedTuple):
    """A policy, the environment in which it acts, and the dataset that it was trained on."""

    policy: BehaviorCloningPolicy | ActorPolicy
    env_id: str
    dataset: str


def is_policy(folder: StrPath) -> bool:
    """Whether the folder holds a policy that needs no plans, and not a Transformer."""
    try:
        config = read_config(Path(folder))
    except (OSError, ValueError, TypeError):
        return False
    return {"env_id", "dataset", "hidden"} <= set(config) and "members" not in config


def load_policy(folder: StrPath) -> StoredPolicy:
    """Load the policy of a folder in `results/<run>/baselines/<dataset>/<method>/`.

    Raises:
        TTOError: the folder holds no policy, or a damaged one.
    """
    if not is_policy(folder):
        raise TTOError(f"{folder}: expected a policy of behaviour cloning, CQL, IQL or TD3+BC")
    config = read_config(Path(folder))
    load = load_actor_policy if "method" in config else load_behavior_cloning
    return StoredPolicy(load(folder), str(config["env_id"]), str(config["dataset"]))
