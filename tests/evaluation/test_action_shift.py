"""The losses of a plan's actions tell actions like the data's from others."""

from pathlib import Path

import numpy as np
import pytest
from small_world import random_model

from tto import Controller
from tto.evaluation.action_shift import action_judge
from tto.evaluation.rollout import Rollout

DIMENSIONS = """dimension,kind,place,held_out_loss,tokens
3,action,0,3.0,10
4,action,0,2.0,30
3,action,1,1.5,10
4,action,1,1.0,10
3,action,2,,0
"""


def rollout_of(controller: Controller, steps: int = 100) -> Rollout:
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(steps + 1, 3)).astype(np.float32)
    rewards, actions = rng.normal(size=steps), []
    for observation, reward in zip(observations, rewards, strict=False):
        actions.append(controller.act(observation))
        controller.observe(actions[-1], reward)
    return Rollout(
        observations=observations,
        actions=np.array(actions, dtype=np.float32),
        rewards=rewards,
        terminated=False,
        truncated=True,
        plan_seconds=rewards,
        batch=np.ones(steps, dtype=np.int64),
    )


def test_a_plan_against_the_data_has_a_larger_loss(tmp_path: Path):
    (tmp_path / "dimensions.csv").write_text(DIMENSIONS)
    model = random_model("official")
    losses = {}
    for name, settings in {
        "drawn": {"objective": "likelihood", "action_decode": "drawn"},
        "best": {"objective": "likelihood", "beam_width": 8, "horizon": 1},
        "uniform": {"proposal": "uniform", "horizon": 1},
    }.items():
        controller = Controller(model, context=1, **settings)
        rollout = action_judge(controller, tmp_path / "dimensions.csv")(rollout_of(controller))
        assert rollout.held_out_action_loss == pytest.approx(1.25)
        losses[name] = rollout.action_losses.mean()
    assert losses["best"] + 0.2 < losses["drawn"] < losses["uniform"] - 0.2


def test_the_held_out_loss_is_that_of_the_context(tmp_path: Path):
    (tmp_path / "dimensions.csv").write_text(DIMENSIONS)
    controller = Controller(random_model("paper"), context=0, horizon=1)
    rollout = action_judge(controller, tmp_path / "dimensions.csv")(rollout_of(controller, 3))
    assert rollout.held_out_action_loss == pytest.approx(2.25)
    assert rollout.action_losses.shape == (3,)
