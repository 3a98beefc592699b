"""Baselines of offline RL by their name in the config: how each is trained and loaded."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tto.baselines import offline_rl
from tto.baselines.actor import load_actor_policy
from tto.baselines.behavior_cloning import (
    BehaviorCloningConfig,
    load_behavior_cloning,
    train_behavior_cloning,
)
from tto.baselines.decision_transformer import (
    DTConfig,
    DTPolicy,
    load_decision_transformer,
)
from tto.baselines.decision_transformer_training import train_decision_transformer
from tto.baselines.mbop import MBOPConfig, MBOPPolicy, load_mbop
from tto.baselines.mbop_training import train_mbop
from tto.baselines.mopo import MOPOConfig, train_mopo
from tto.baselines.networks import NetworkPolicy
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.files import StrPath
from tto.methods import BASELINES
from tto.model.weights_file import read_config

Policy = NetworkPolicy | MBOPPolicy | DTPolicy

_CONFIGS: dict[str, Callable[..., object]] = {
    "bc": BehaviorCloningConfig,
    "mbop": MBOPConfig,
    "mopo": MOPOConfig,
    "dt": DTConfig,
}  # of the others: OfflineRLConfig

_LOADERS: dict[str, Callable[[StrPath], Policy]] = {
    "bc": load_behavior_cloning,
    "mbop": load_mbop,
    "dt": load_decision_transformer,
}  # the others have an actor


def check_settings(method: str, settings: Mapping[str, Any]) -> None:
    """Raise a `TTOError` if a method cannot have these settings."""
    _CONFIGS.get(method, offline_rl.OfflineRLConfig)(**settings)


class StoredPolicy(NamedTuple):
    """A policy, the environment in which it acts, and the dataset that it was trained on."""

    policy: Policy
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
    """Train a method of `tto.methods.BASELINES`; see the function of each.

    The trainings of behaviour cloning and MBOP are short and on the processor; after an
    interruption they begin anew and make the same model. The others go on from a checkpoint.

    Args:
        dataset: the episodes.
        output: folder of model.safetensors, config.json and metrics.csv.
        method: name of the method.
        seed: seed of all that is drawn.
        checkpoints: folder of the checkpoints of all trainings.
        device: device of networks and data.
        events: folder of TensorBoard's event files; None writes no events.
        settings: the method's section of the config.

    Raises:
        TTOError: an unknown method, a bad setting, a loss that is not finite, or a signal to stop.
    """
    short = {"bc": train_behavior_cloning, "mbop": train_mbop}
    if method in short:
        short[method](dataset, output, seed=seed, **settings)
        return
    train = {"mopo": train_mopo, "dt": train_decision_transformer}.get(method)
    if train is None:
        train = offline_rl.train_offline_rl
        settings["method"] = method
    more = {"seed": seed, "checkpoints": checkpoints, "device": device, "events": events}
    train(dataset, output, **more, **settings)


def is_policy(folder: StrPath) -> bool:
    """Whether the folder holds a baseline that acts, not a Transformer or an ensemble."""
    try:
        config = read_config(Path(folder))
    except (OSError, ValueError, TypeError):
        return False
    return {"env_id", "dataset"} <= set(config) and _method(config) in BASELINES


def _method(config: dict[str, Any]) -> str | None:
    """The method of a stored policy; that of behaviour cloning is not in its config."""
    cloned = "hidden" in config and "members" not in config
    return config.get("method", "bc" if cloned else None)


def load_policy(folder: StrPath) -> StoredPolicy:
    """Load the policy of a folder in `results/<run>/baselines/<dataset>/<method>/`.

    Raises:
        TTOError: the folder holds no policy, or a damaged one.
    """
    if not is_policy(folder):
        raise TTOError(
            f"{folder}: expected the model of a baseline that acts ({', '.join(BASELINES)})"
        )
    config = read_config(Path(folder))
    load = _LOADERS.get(str(_method(config)), load_actor_policy)
    return StoredPolicy(load(folder), str(config["env_id"]), str(config["dataset"]))
