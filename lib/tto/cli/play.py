"""`tto plan`: a trained model plays episodes by planning, and may be filmed."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from tto.data.environments import make_env, normalized_score
from tto.errors import TTOError, one_line
from tto.evaluation.film import FilmedEnv, open_film
from tto.evaluation.rollout import Rollout, evaluate
from tto.files import StrPath
from tto.model.device import device_named
from tto.model.trained import load
from tto.planning.controller import Controller
from tto.planning.fastest import fastest_engine


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
    """Play `episodes` episodes in step; the first one is filmed where `video` is given.

    Args:
        folder: a trained or imported model.
        planning: settings of `tto.Controller`, and `precision`.
        env: another environment than the model's own, with the same sizes.
        seed: episode i starts from seed + i.

    Returns:
        The environment's id and the episodes.

    Raises:
        TTOError: anything of the above that does not fit.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    model = load(folder, device=device_named(device))
    settings = {"objective": "goal" if model.config.goal else "return", **planning}
    engine = fastest_engine(model.network, precision=settings.pop("precision", "float32"))
    env_id = env or model.tokens.env
    controller = Controller(model, seed=seed, engine=engine, **settings)
    seeds = [seed + i for i in range(episodes)]
    with contextlib.ExitStack() as stack:
        film = stack.enter_context(open_film(video)) if video is not None else None
        waiting = [film] if film is not None else []

        def make(env_id: str) -> Any:  # the first that is made belongs to the first episode
            return FilmedEnv(env_id, waiting.pop()) if waiting else make_env(env_id)

        rollouts = evaluate(
            controller,
            env_id,
            seeds=seeds,
            max_steps=max_steps,
            make=make,
            description=model.tokens.dataset,
        )
    return env_id, rollouts


def planning_settings(
    folder: StrPath,
    config: StrPath | None,
    given: Mapping[str, Any],
) -> tuple[dict[str, Any], Path | None]:
    """How a model plans: what is given, on top of a run's config; and that config's path.

    Args:
        config: a workflow's config; None looks for that of the run which the model belongs to
            (`results/<run>/config.yaml`), and without one all is as `tto.Controller` has it.
        given: settings that count first; None in it is not given.

    Raises:
        TTOError: a config that cannot be read.
    """
    folder = Path(folder).resolve()
    path = Path(config) if config is not None else _config_of_run(folder)
    given = {name: value for name, value in given.items() if value is not None}
    if path is None:
        return given, None
    settings = _planning_in(path, folder.parent.name)
    if "budget_ms" in given:  # it stands in place of these
        settings = {k: v for k, v in settings.items() if k not in ("beam_width", "horizon")}
    return settings | given, path


def table(rollouts: list[Rollout], env_id: str, *, seed: int) -> str:
    """One line an episode: return, score, length, how it ended, and the time of a plan.

    That is the median time in milliseconds of planning for all episodes that still went on, of
    which there were as many as the last column says at first.
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
    """`results/<run>/config.yaml` of `results/<run>/models/<dataset>/seed<k>`, if it is there."""
    if folder.parent.parent.name != "models":
        return None
    path = folder.parents[2] / "config.yaml"
    return path if path.is_file() else None


def _planning_in(path: Path, dataset: str) -> dict[str, Any]:
    try:
        stored = yaml.safe_load(path.read_text())
        settings = dict(stored["planning"])
        settings |= settings.pop("overrides", {}).get(dataset, {})
        for experiment in ("imitation", "goal_reaching"):
            section = stored.get(experiment, {})
            if dataset in section.get("datasets", {}):
                settings |= section.get("planning", {})
    except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise TTOError(
            f"config {path}: expected a workflow's config with a section planning, but reading it "
            f"failed ({one_line(error)}); name another by --config"
        ) from error
    return settings
