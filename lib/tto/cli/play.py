"""`tto plan`: let a trained model or policy play episodes, and film the first one."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from tto.baselines.policies import is_policy, load_policy
from tto.config.file import read_config_file
from tto.config.settings import datasets_of, settings_of
from tto.config.trials import changes_of_candidate
from tto.data.environments import make_env, normalized_score, without_module
from tto.errors import TTOError, one_line, shown, suggestion
from tto.evaluation.film import FilmedEnv, open_film
from tto.evaluation.rollout import Rollout, evaluate
from tto.evaluation.sweeps import read_choice
from tto.files import StrPath
from tto.model.device import checked_threads, device_named
from tto.model.trained import load
from tto.planning.controller import Controller
from tto.planning.fastest import fastest_engine
from tto.planning.native import Precision
from tto.planning.settings import SearchSettings, check_choice

# The keys of the config's section planning, and a time in place of two of them.
_PLANNING = {
    *SearchSettings.__annotations__,
    *("objective", "context", "window", "action_decode", "precision", "budget_ms"),
}


def play(
    folder: StrPath,
    *,
    planning: Mapping[str, Any],
    env: str | None = None,
    episodes: int = 1,
    seed: int = 0,
    max_steps: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    video: StrPath | None = None,
) -> tuple[str, list[Rollout]]:
    """Play episodes in parallel.

    Args:
        folder: folder of a trained or imported model, or of a baseline's policy, which does not
            plan.
        planning: settings of `tto.Controller`, and `precision`; none for a policy.
        env: environment of the same sizes as the model's own, and the module that registers it if
            need be, as in `my_package:MyEnv-v0`; None takes the model's own, which names no module.
        episodes: number of episodes.
        seed: seed of the controller; episode i starts from seed + i.
        max_steps: steps after which episodes are stopped; None has no limit of its own.
        device: device of the model.
        threads: number of processor threads; None leaves PyTorch's default.
        video: film of the first episode, a name in .mp4 or .gif; None makes no film.

    Returns:
        The environment's id and the episodes.

    Raises:
        TTOError: the folder is no model, or an argument does not fit the model.
    """
    if threads is not None:
        torch.set_num_threads(checked_threads(threads))
    if is_policy(folder):
        if planning:
            raise TTOError(
                f"planning: expected no settings for a policy, which does not plan, got "
                f"{', '.join(planning)}"
            )
        player, own_env, dataset = load_policy(folder)
    else:
        player, own_env, dataset = _planner(folder, planning, seed=seed, device=device)
    env_id = without_module(own_env) if env is None else env
    seeds = [seed + i for i in range(episodes)]
    with contextlib.ExitStack() as stack:
        film = stack.enter_context(open_film(video)) if video is not None else None
        waiting = [film] if film is not None else []

        def make(env_id: str) -> Any:  # the first environment belongs to the first episode
            return FilmedEnv(env_id, waiting.pop()) if waiting else make_env(env_id)

        rollouts = evaluate(
            player,
            env_id,
            seeds=seeds,
            max_steps=max_steps,
            make=make,
            description=dataset,
        )
    return env_id, rollouts


def _planner(
    folder: StrPath, planning: Mapping[str, Any], *, seed: int, device: str
) -> tuple[Controller, str, str]:
    """The controller of a model, its environment and its dataset."""
    for name in planning:
        if name not in _PLANNING:
            hint = suggestion(name, sorted(_PLANNING))
            raise TTOError(f"planning: expected a known setting, got {shown(name)}{hint}")
    check_choice("precision", planning.get("precision", "float32"), get_args(Precision))
    model = load(folder, device=device_named(device))
    settings = {"objective": "goal" if model.config.goal else "return", **planning}
    engine = fastest_engine(model.network, precision=settings.pop("precision", "float32"))
    controller = Controller(model, seed=seed, engine=engine, **settings)
    return controller, model.tokens.env, model.tokens.dataset


def planning_settings(
    folder: StrPath,
    config: StrPath | None,
    given: Mapping[str, Any],
) -> tuple[dict[str, Any], Path | None]:
    """Planning settings of a model: those of its run's config, updated by `given`.

    Args:
        folder: folder of the model.
        config: a workflow's config; None takes `results/<run>/config.yaml` of the model's run if it
            exists, else the defaults of `tto.Controller`.
        given: settings that replace those of the config; values of None are ignored.

    Returns:
        The settings, and the path of the config or None.

    Raises:
        TTOError: the config cannot be read.
    """
    folder = Path(folder).resolve()
    path = Path(config) if config is not None else _config_of_run(folder)
    given = {name: value for name, value in given.items() if value is not None}
    if path is None:
        return given, None
    settings = _planning_in(path, folder.parent.name)
    if "budget_ms" in given:  # the budget replaces these
        settings = {k: v for k, v in settings.items() if k not in ("beam_width", "horizon")}
    return settings | given, path


def table(rollouts: list[Rollout], env_id: str, *, seed: int) -> str:
    """A table with one line per episode: return, score, length, end and time of a plan.

    The time is the median in milliseconds of planning for all running episodes. The last column is
    the number of these at the start.
    """
    lines = ["seed   return  score  steps  end         ms a plan  of episodes"]
    for i, rollout in enumerate(rollouts):
        score = normalized_score(env_id, rollout.total_reward)
        lines.append(
            f"{seed + i:<4} {rollout.total_reward:>8.1f}  "
            f"{'-' if score is None else f'{score:.1f}':>5}  {len(rollout.rewards):>5}  "
            f"{'terminated' if rollout.terminated else 'time limit'}  "
            f"{1000 * np.median(rollout.plan_seconds):>9.1f}  {rollout.batch.max():>11}"
        )
    return "\n".join(lines)


def _config_of_run(folder: Path) -> Path | None:
    """`results/<run>/config.yaml` of `results/<run>/models/<dataset>/seed<k>`, if it exists."""
    if folder.parent.parent.name != "models":
        return None
    path = folder.parents[2] / "config.yaml"
    return path if path.is_file() else None


def _planning_in(path: Path, dataset: str) -> dict[str, Any]:
    """The settings that a run plays a dataset with, its tuned choice included.

    An imitation run plays several horizons; the first one is taken.
    """
    try:
        config = read_config_file(path)
        choice = path.parent / "tuning" / "tto" / f"{dataset}.txt"
        changes = (
            changes_of_candidate(config, "tto", read_choice(choice)) if choice.is_file() else {}
        )
        settings = settings_of(config, "planning", dataset, changes)
        if dataset in datasets_of(config, "imitation"):
            settings["horizon"] = config["imitation"]["horizons"][0]
    except (TTOError, OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise TTOError(
            f"config {path}: expected a workflow's config with a section planning, got a file that "
            f"cannot be read ({one_line(error)}); name another by --config"
        ) from error
    return settings
