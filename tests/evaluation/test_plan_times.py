"""Times of plans by models that were not trained: in real environments, and by the real clock."""

import numpy as np
import pandas as pd
import pytest
import torch

from tto.data.environments import STEP_MS, make_env, robot_of
from tto.errors import TTOError
from tto.evaluation.plan_times import COLUMNS, plan_times, read_plan_times
from tto.model.transformer import ModelConfig
from tto.model.untrained import untrained
from tto.planning.controller import Controller
from tto.row_files import write_rows

SIZES = {"layers": 1, "heads": 1, "width": 8}
ENVS = ["HalfCheetah-v5", "Hopper-v5", "Walker2d-v5"]


def test_simulated_times_are_those_of_the_simulators():
    for name in ENVS:
        env = make_env(name)
        assert STEP_MS[robot_of(name)] == pytest.approx(1e3 * env.unwrapped.dt)  # type: ignore[attr-defined]
        env.close()
    assert set(map(robot_of, ENVS)) == set(STEP_MS)


def test_a_larger_plan_takes_longer_in_each_environment(tmp_path):
    small = plan_times(ENVS, model=SIZES, planning={"beam_width": 1, "horizon": 1})
    large = plan_times(ENVS, model=SIZES, planning={"beam_width": 64, "horizon": 4})
    assert list(small.columns) == list(COLUMNS)
    assert small["env"].tolist() == ENVS
    assert (large["plan_ms"].to_numpy() > 2 * small["plan_ms"].to_numpy()).all()
    write_rows(tmp_path / "times.csv", large)
    pd.testing.assert_frame_equal(read_plan_times(tmp_path / "times.csv"), large)


def test_a_timed_step_is_one_whole_step_with_a_full_context(monkeypatch):
    """It has the tokens of a step in mid-episode, and leaves the controller as it was."""
    config = ModelConfig(11, 3, 100, block_tokens=96, **SIZES)
    controller = Controller(untrained(config, env="Hopper-v5"), context=2, beam_width=2, horizon=2)
    lengths = []
    plan = Controller._actions

    def seen(self, contexts, chosen):
        lengths.append(contexts.shape)
        return plan(self, contexts, chosen)

    monkeypatch.setattr(Controller, "_actions", seen)
    assert controller.step_ms(plans=3) > 0
    assert lengths == [(1, 2 * 16 + 11)] * 4
    assert controller.step == 0


def test_random_weights_are_those_of_their_seed():
    config = ModelConfig(11, 3, 100, **SIZES)
    one, same, other = (untrained(config, env="Hopper-v5", seed=s).network for s in (0, 0, 1))
    vectors = [torch.nn.utils.parameters_to_vector(n.parameters()) for n in (one, same, other)]
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[0], vectors[2])
    bins = untrained(config, env="Hopper-v5").discretizer
    np.testing.assert_allclose(np.diff(bins.edges, axis=1), 0.02)


@pytest.mark.parametrize(("env", "plan_ms"), [("Hopper-v5", 0.0), ("Ant-v5", 3.0)])
def test_bad_rows(tmp_path, env: str, plan_ms: float):
    write_rows(tmp_path / "times.csv", pd.DataFrame([(env, plan_ms)], columns=list(COLUMNS)))
    with pytest.raises(TTOError, match="times above 0 of hopper, walker2d, halfcheetah"):
        read_plan_times(tmp_path / "times.csv")


def test_settings_that_do_not_fit():
    with pytest.raises(TTOError, match="horizon"):
        plan_times(ENVS, model=SIZES, planning={"horizon": 0})
