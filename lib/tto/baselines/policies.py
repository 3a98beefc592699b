"""Baselines of offline RL by their name in the config: how each is trained and loaded."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

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
from tto.baselines.offline_rl import METHODS as OFFLINE_RL
from tto.baselines.offline_rl import OfflineRLConfig, train_offline_rl
from tto.data.episodes import EpisodeDataset
from tto.errors import TTOError
from tto.files import StrPath
from tto.methods import BASELINES
from tto.model.weights_file import read_config

Policy = NetworkPolicy | MBOPPolicy | DTPolicy


class _Method(NamedTuple):
    """How a method is set, trained and loaded.

    Attributes:
        config: class of its settings.
        train: its training.
        load: reads what the training wrote.
        resumes: whether the training takes checkpoints, a device and events.
    """

    config: Callable[..., object]
    train: Callable[..., object]
    load: Callable[[StrPath], Policy]
    resumes: bool = True


_METHODS = {
    "bc": _Method(BehaviorCloningConfig, train_behavior_cloning, load_behavior_cloning, False),
    "mopo": _Method(MOPOConfig, train_mopo, load_actor_policy),
    "mbop": _Method(MBOPConfig, train_mbop, load_mbop, False),
    "dt": _Method(DTConfig, train_decision_transformer, load_decision_transformer),
    **{
        name: _Method(OfflineRLConfig, partial(train_offline_rl, method=name), load_actor_policy)
        for name in OFFLINE_RL
    },
}


def check_settings(method: str, settings: Mapping[str, Any]) -> None:
    """Raise a `TTOError` if a method cannot have these settings."""
    _METHODS[method].config(**settings)


class StoredPolicy(NamedTuple):
    """A policy, the environment in which it acts, its training dataset, and its method."""

    policy: Policy
    env_id: str
    dataset: str
    method: str


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
    if method not in _METHODS:
        raise TTOError(f"method: expected one of {', '.join(BASELINES)}, got {method!r}")
    more = {"checkpoints": checkpoints, "device": device, "events": events}
    how = _METHODS[method]
    how.train(dataset, output, seed=seed, **(more if how.resumes else {}), **settings)


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
    method = str(_method(config))
    policy = _METHODS[method].load(folder)
    return StoredPolicy(policy, str(config["env_id"]), str(config["dataset"]), method)
