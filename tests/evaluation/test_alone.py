"""The time of a plan for one episode alone: its replay, its timing and its place in the files."""

import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from line_world import Constant, Line

from tto.baselines.behavior_cloning import Perceptron
from tto.baselines.networks import NetworkPolicy
from tto.data.four_rooms import FOUR_ROOMS
from tto.evaluation.alone import STEPS, plan_ms_alone
from tto.evaluation.results import collect_results
from tto.evaluation.rollout import Policy, evaluate
from tto.evaluation.rollout_file import Evaluation, read_rollout
from tto.evaluation.run import evaluate_run
from tto.evaluation.scripted_agent import ScriptedPolicy
from tto.model.trained import TrainedModel
from tto.model.transformer import ModelConfig, TrajectoryTransformer
from tto.planning.controller import Controller
from tto.tokens.discretizer import Discretizer
from tto.tokens.token_file import TokenAttributes


class Slow(Constant):
    """Takes 8 ms for each episode of the batch, and 200 ms more for its first plan."""

    first = True

    def act(self, observations, active):
        time.sleep(0.008 * int(active.sum()) + 0.2 * self.first)
        self.first = False
        return super().act(observations, active)


def test_a_first_plan_is_not_timed():
    (rollout,) = evaluate(Constant(), "Line", seeds=[0], make=lambda env_id: Line())
    assert 8 <= plan_ms_alone(Slow(), rollout, steps=1) < 100


class Recorder:
    """A policy that records its calls and the actions that it returned."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.calls: list[tuple[str, list[np.ndarray]]] = []

    def reset(self, goals=None) -> None:
        self.policy.reset(goals)
        self.calls.append(("reset", [] if goals is None else [goals]))

    def act(self, observations, active):
        actions = self.policy.act(observations, active)
        self.calls.append(("act", [observations, active, actions]))
        return actions

    def observe(self, actions, rewards) -> None:
        self.policy.observe(actions, rewards)
        self.calls.append(("observe", [actions, rewards]))


def controller(goal: bool) -> Controller:
    """Plans in the four rooms with a random model of 5 bins."""
    config = ModelConfig(
        observation_dim=2,
        action_dim=2,
        vocabulary=5,
        layers=1,
        heads=2,
        width=8,
        block_tokens=24,
        goal=goal,
    )
    network = TrajectoryTransformer(config, generator=torch.Generator().manual_seed(0)).eval()
    attributes = TokenAttributes(
        dataset="rooms",
        env=FOUR_ROOMS,
        observation_dim=2,
        action_dim=2,
        vocabulary=5,
        discretizer="uniform",
        discount=0.9,
        to_go_includes_reward=True,
        terminal_penalty=None,
    )
    edges = np.tile(np.linspace(-1.0, 1.0, 6), (6, 1))
    model = TrainedModel(network, Discretizer("uniform", edges), attributes)
    objective = "goal" if goal else "return"
    return Controller(model, objective=objective, beam_width=4, horizon=2, context=1, seed=3)


POLICIES = {
    "return": lambda: controller(goal=False),
    "goal": lambda: controller(goal=True),
    "bc": lambda: NetworkPolicy(Perceptron(2, 2, (8,), generator=torch.Generator().manual_seed(0))),
    "collector": lambda: ScriptedPolicy(noise=0.0, seed=0),
}


@pytest.mark.parametrize("name", POLICIES)
def test_a_replay_in_a_batch_of_one_acts_as_the_batch_did(name: str):
    """So the same plans are timed as in the run: same contexts, same draws, same goal."""
    rollouts = evaluate(POLICIES[name](), FOUR_ROOMS, seeds=[4, 5, 6], max_steps=5)
    policy = Recorder(POLICIES[name]())
    assert plan_ms_alone(policy, rollouts[0], steps=4) > 0
    names = [call for call, _ in policy.calls]
    steps = min(4, len(rollouts[0].rewards))
    assert names == ["reset", "act", "reset", *["act", "observe"] * steps, "reset"]
    assert [goals.tolist() for goals in policy.calls[0][1]] == [[rollouts[0].goal.tolist()]]
    acted = [values for call, values in policy.calls if call == "act"][1:]
    for step, (observations, active, actions) in enumerate(acted):
        assert active.tolist() == [True]
        np.testing.assert_array_equal(observations, rollouts[0].observations[step : step + 1])
        clipped = np.clip(actions, -1, 1)
        np.testing.assert_allclose(clipped, rollouts[0].actions[step : step + 1], atol=1e-6)
    observed = [values for call, values in policy.calls if call == "observe"]
    for step, (actions, rewards) in enumerate(observed):
        np.testing.assert_array_equal(actions, rollouts[0].actions[step : step + 1])
        np.testing.assert_array_equal(rewards, rollouts[0].rewards[step : step + 1])


def test_the_number_of_timed_steps_is_limited():
    policy = Recorder(ScriptedPolicy(noise=0.0, seed=0))
    (rollout,) = evaluate(ScriptedPolicy(noise=0.3, seed=0), FOUR_ROOMS, seeds=[0])
    plan_ms_alone(policy, rollout)
    assert [name for name, _ in policy.calls].count("observe") == min(STEPS, len(rollout.rewards))


class SlowGoals(ScriptedPolicy):
    """The scripted agent, which takes 20 ms for each episode of the batch."""

    def act(self, observations, active):
        time.sleep(0.02 * int(active.sum()))
        return super().act(observations, active)


def test_a_run_writes_the_time_alone_and_the_time_of_the_batch(tmp_path: Path):
    paths = [tmp_path / f"seed0-rollout{j}.h5" for j in range(4)]
    evaluation = Evaluation(
        FOUR_ROOMS, "rooms", source="collect", method="collector", seed=0, offset=0, max_steps=8
    )
    evaluate_run(SlowGoals(noise=0.3, seed=0), paths, evaluation)
    read = [read_rollout(path) for path in paths]
    (alone,) = {attributes["plan_ms_alone"] for _, attributes in read}
    assert 20 <= alone < 60
    for rollout, _ in read:
        assert rollout.batch[0] == 4
        assert (rollout.plan_seconds >= 0.02 * rollout.batch).all()  # not divided by the batch
        assert all(later <= now for now, later in pairwise(rollout.batch.tolist()))
    rows = collect_results(paths)
    assert set(rows["plan_ms_median"]) == {alone}
