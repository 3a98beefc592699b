"""Four rooms: the scripted agent as a policy, and tidy rows of its episodes."""

import csv
from pathlib import Path

import numpy as np
import pytest

from tto.data.four_rooms import ACTION_NOISE, FOUR_ROOMS
from tto.errors import TTOError
from tto.evaluation.goal_rows import write_goal_rows
from tto.evaluation.rollout import evaluate
from tto.evaluation.rollout_file import Evaluation, write_rollouts
from tto.evaluation.scripted_agent import ScriptedPolicy


def test_the_scripted_agent_reaches_every_goal(tmp_path: Path):
    policy = ScriptedPolicy(noise=ACTION_NOISE, seed=0)
    evaluation = Evaluation(
        FOUR_ROOMS, "rooms", source="collect", method="collector", seed=2, offset=-2000
    )
    seeds = evaluation.reset_seeds(30)
    assert seeds == list(range(30))
    rollouts = evaluate(policy, FOUR_ROOMS, seeds=seeds)
    paths = [tmp_path / f"{seed}.h5" for seed in seeds]
    write_rollouts(paths, rollouts, evaluation, plan_ms_alone=0.1)
    table, routes = tmp_path / "table.csv", tmp_path / "routes.csv"
    write_goal_rows(paths, table=table, routes=routes, method_of_routes="collector")
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [int(row["pair"]) for row in rows] == seeds
    assert {row["seed"] for row in rows} == {"2"}
    assert all(row["success"] == "1" for row in rows)
    for row, rollout in zip(rows, rollouts, strict=True):
        steps = rollout.observations[1:] - rollout.observations[:-1]
        assert float(row["path_length"]) == pytest.approx(
            sum(float(np.hypot(*step)) for step in steps), abs=1e-4
        )
        # `straight` passes the doors' centers; an episode ends within the goal's radius.
        assert float(row["straight"]) < float(row["path_length"]) + 0.15
    steps = list(csv.DictReader(routes.read_text().splitlines()))
    assert len(steps) == sum(len(rollout.observations) for rollout in rollouts)


def test_a_goal_is_needed(tmp_path: Path):
    policy = ScriptedPolicy(noise=0.0, seed=0)
    with pytest.raises(TTOError, match="environment with a goal"):
        policy.act(np.zeros((1, 2), np.float32), np.array([True]))
