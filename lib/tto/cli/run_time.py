"""How long a run of new data takes, from a trial of its training and planning on this machine."""

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from tto.cli.new_overlay import NewRun
from tto.data.environments import split_module
from tto.model.device import device_named, precision_named
from tto.model.trained import TrainedModel
from tto.model.transformer import ModelConfig
from tto.model.untrained import untrained
from tto.planning.controller import Controller
from tto.tokens.token_file import TokenFile
from tto.training.config import training_config
from tto.training.distributed import ProcessGroup
from tto.training.state import TrainingState

_TRIAL = 1.0  # processor seconds of a trial
_UPDATES, _PLANS = 10, 10  # at most, of a trial
# Processor seconds of all other jobs of a run, on one core of a two-core AMD EPYC: 20 jobs that
# start, baselines, tables and figures; and of the import and its statistics for a transition.
_OTHERS, _A_TRANSITION = 120.0, 1e-4
_BEFORE_AND_AFTER = 60.0  # of these, seconds that wait for each other


def seconds_of(run: NewRun, base: Mapping[str, Any]) -> float:
    """Wall seconds of the whole run on this machine, if nothing else runs; a rough number.

    Args:
        run: the run.
        base: the workflow's config.
    """
    device = device_named(base["device"])
    torch.set_num_threads(base["training"]["threads"])
    training = run.updates * len(run.overlay["seeds"]) * _update_seconds(run, base, device)
    steps = run.data.limit * len(run.overlay["seeds"])
    planning = steps * _plan_seconds(run, base, device)
    others = _OTHERS + _A_TRANSITION * run.data.transitions
    one_after_the_other = training + planning + _BEFORE_AND_AFTER
    return max(one_after_the_other, (training + planning + others) / (os.cpu_count() or 1))


def in_words(seconds: float) -> str:
    """A rough time: `about 4 minutes`."""
    minutes = seconds / 60
    if minutes >= 90:
        return f"about {minutes / 60:.1f} hours"
    if minutes > 10:
        return f"about {round(minutes / 5) * 5} minutes"
    return f"about {max(2, round(minutes))} minutes"


def _update_seconds(run: NewRun, base: Mapping[str, Any], device: str) -> float:
    """Mean seconds of an update, on tokens that are drawn at random."""
    settings = run.section(base, "training")
    settings = {k: v for k, v in settings.items() if k not in ("overrides", "processes", "threads")}
    settings |= {"precision": precision_named(settings["precision"], device), "short_windows": 0.0}
    untrained_model = _untrained(run, base)  # for its sizes, encoding and bins
    model = untrained_model.config
    rng = np.random.default_rng(0)
    rows, D = 1000, model.transition_dim
    file = TokenFile(
        attributes=untrained_model.tokens,
        discretizer=untrained_model.discretizer,
        tokens=rng.integers(model.vocabulary, size=(rows, D)),
        episode_starts=np.arange(0, rows + 1, 100),
        terminated=np.zeros(rows // 100, dtype=bool),
        goals=np.zeros((rows // 100, run.data.observation_dim), dtype=np.int64),
        source_digest="",
    )
    state = TrainingState(
        file,
        model,
        training_config(settings | {"evaluate_every": 10**6, "epochs": 10**4}),
        seed=0,
        device=torch.device(device),
        group=ProcessGroup(),
    )
    return _mean_seconds(state.advance, most=_UPDATES)


def _plan_seconds(run: NewRun, base: Mapping[str, Any], device: str) -> float:
    """Mean seconds of a step of all episodes of a model that is not trained."""
    rollouts = run.overlay["rollouts"]
    planner = {k: v for k, v in run.section(base, "planning").items() if k != "overrides"}
    model = _untrained(run, base, device).with_planner(planner)
    controller = Controller(model, seed=range(rollouts))
    observations = np.zeros((rollouts, run.data.observation_dim))
    actions = np.zeros((rollouts, run.data.action_dim))

    def step() -> None:
        controller.act(observations)
        controller.observe(actions, np.zeros(rollouts))

    return _mean_seconds(step, most=_PLANS)


def _mean_seconds(step: Callable[[], object], *, most: int) -> float:
    """Mean processor seconds of a few steps, after one that may compile or allocate.

    Other programs on this machine would lengthen the time on a clock.
    """
    step()
    begin, count = time.process_time(), 0
    while count < most and time.process_time() - begin < _TRIAL:
        step()
        count += 1
    return (time.process_time() - begin) / count


def _untrained(run: NewRun, base: Mapping[str, Any], device: str = "cpu") -> TrainedModel:
    config = ModelConfig(
        observation_dim=run.data.observation_dim,
        action_dim=run.data.action_dim,
        vocabulary=base["discretizer"]["bins"],
        **run.section(base, "model"),
    )
    env = split_module(run.data.env_id)[1]
    return untrained(config, env=env, device=device)
