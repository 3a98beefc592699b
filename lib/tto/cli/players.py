"""What acts in an environment: a model with its planner, or the policy of a baseline."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from tto.baselines.policies import is_policy, load_policy
from tto.data.environments import without_module
from tto.errors import TTOError, shown, suggestion
from tto.evaluation.rollout import Policy
from tto.files import StrPath
from tto.model.device import checked_threads, device_named
from tto.model.trained import load
from tto.planning.controller import OWN_SETTINGS, Controller
from tto.planning.settings import SearchSettings

# Settings of `Controller` that a command may change.
_SETTINGS = {*SearchSettings.__annotations__, *OWN_SETTINGS, "budget_ms"}


class Player(NamedTuple):
    """What acts, its environment, its dataset, and what it is called in tables and films."""

    policy: Policy
    env_id: str
    dataset: str
    name: str


def player(
    folder: StrPath,
    *,
    planning: Mapping[str, Any] | None = None,
    env: str | None = None,
    seed: int = 0,
    device: str = "auto",
    threads: int | None = None,
) -> Player:
    """Load a model or a policy.

    Args:
        folder: folder of a trained or imported model, or of a baseline's policy, which does not
            plan.
        planning: settings of `tto.Controller` that replace those of the model's planner.
        env: environment of the same sizes as the model's own, and the module that registers it if
            need be, as in `my_package:MyEnv-v0`; None takes the model's own, which names no module.
        seed: seed of the controller.
        device: device of the model.
        threads: number of processor threads; None leaves PyTorch's default.

    Raises:
        TTOError: the folder is no model, or an argument does not fit the model.
    """
    if threads is not None:
        torch.set_num_threads(checked_threads(threads))
    planning = planning or {}
    if is_policy(folder):
        if planning:
            raise TTOError(
                f"planning: expected no settings for a policy, which does not plan, got "
                f"{', '.join(planning)}"
            )
        policy, own_env, dataset, name = load_policy(folder)
    else:
        policy, own_env, dataset = _planner(Path(folder), planning, seed=seed, device=device)
        name = "tto"
    return Player(policy, without_module(own_env) if env is None else env, dataset, name)


def _planner(
    folder: Path, planning: Mapping[str, Any], *, seed: int, device: str
) -> tuple[Controller, str, str]:
    """The controller of a model, its environment and its dataset."""
    for name, value in planning.items():
        if name not in _SETTINGS:
            hint = suggestion(name, sorted(_SETTINGS))
            raise TTOError(f"planning: expected a known setting, got {shown(name)}{hint}")
        if value is None and name not in SearchSettings.__annotations__:
            raise TTOError(f"planning.{name}: expected a value, got null; leave it out")
    model = load(folder, device=device_named(device))
    controller = Controller(model, seed=seed, **planning)
    return controller, model.tokens.env, model.tokens.dataset
