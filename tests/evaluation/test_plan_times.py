"""Times of plans by models that were not trained: in real environments, and by the real clock."""

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from running import ROOT

from tto.data.environments import STEP_MS, TABLE1_ENVS, make_env, robot_of
from tto.errors import TTOError
from tto.evaluation.plan_times import COLUMNS, plan_times, read_plan_times
from tto.model.transformer import ModelConfig
from tto.model.untrained import untrained
from tto.planning.controller import Controller
from tto.planning.settings import SearchConfig
from tto.report.claims.control_measures import PAPER_PLAN
from tto.row_files import write_rows

NAMES = ("config", "paper")
SIZES = {"layers": 1, "heads": 1, "width": 8}


def test_simulated_times_are_those_of_the_simulators():
    for name in TABLE1_ENVS:
        env = make_env(name)
        assert STEP_MS[robot_of(name)] == pytest.approx(1e3 * env.unwrapped.dt)  # type: ignore[attr-defined]
        env.close()
    assert set(map(robot_of, TABLE1_ENVS)) == set(STEP_MS)


def test_rows_name_the_sizes_and_are_read_as_written(tmp_path, monkeypatch):
    monkeypatch.setattr(Controller, "plan_ms", lambda self, plans: 10.0 * plans)
    rows = plan_times(model=SIZES, planning={"beam_width": 6, "horizon": 4})
    threads = torch.get_num_threads()
    assert rows.to_numpy().tolist() == [
        [env, 1, 8, 6, 4, "cpu", threads, 30.0] for env in TABLE1_ENVS
    ]
    write_rows(tmp_path / "times.csv", rows)
    pd.testing.assert_frame_equal(read_plan_times(tmp_path / "times.csv"), rows)


def test_the_base_config_times_the_papers_sizes():
    """Of all settings that a plan's time depends on, but for one token more of a hundred."""
    base, paper = (yaml.safe_load((ROOT / f"config/{n}.yaml").read_text()) for n in NAMES)
    model, planning = base["plan_times"]["model"], base["plan_times"]["planning"]
    assert model == {key: paper["model"][key] for key in model}
    assert planning == {key: paper["planning"][key] for key in planning}
    assert {key: (model | planning)[key] for key in PAPER_PLAN} == PAPER_PLAN
    others = set(ModelConfig.__dataclass_fields__) & set(paper["model"]) - set(model)
    defaults = ModelConfig(3, 2, 100)
    same = {key for key in others if getattr(defaults, key) == paper["model"][key]}
    assert others - same == {"stop_token"}  # one more token of 101
    search = SearchConfig()
    fields = set(SearchConfig.__dataclass_fields__) - set(planning)
    assert {key: getattr(search, key) for key in fields} == {
        key: paper["planning"][key] for key in fields
    }


def test_a_timed_plan_is_one_whole_step_with_a_full_context(monkeypatch):
    """It has the tokens of a step in mid-episode, and leaves the controller as it was."""
    config = ModelConfig(11, 3, 100, block_tokens=96, **SIZES)
    controller = Controller(untrained(config, env="Hopper-v5"), context=2, beam_width=2, horizon=2)
    lengths = []
    plan = Controller._actions

    def seen(self, contexts, chosen):
        lengths.append(contexts.shape)
        return plan(self, contexts, chosen)

    monkeypatch.setattr(Controller, "_actions", seen)
    assert controller.plan_ms(plans=3) > 0
    assert lengths == [(1, 2 * 16 + 11)] * 4
    assert controller.step == 0
    with pytest.raises(TTOError, match="plans"):
        controller.plan_ms(plans=1)


def test_random_weights_are_those_of_their_seed():
    config = ModelConfig(11, 3, 100, **SIZES)
    one, same, other = (untrained(config, env="Hopper-v5", seed=s).network for s in (0, 0, 1))
    vectors = [torch.nn.utils.parameters_to_vector(n.parameters()) for n in (one, same, other)]
    assert torch.equal(vectors[0], vectors[1])
    assert not torch.equal(vectors[0], vectors[2])
    bins = untrained(config, env="Hopper-v5").discretizer
    np.testing.assert_allclose(np.diff(bins.edges, axis=1), 0.02)


@pytest.mark.parametrize(("env", "plan_ms"), [("Hopper-v5", 0.0), ("Ant-v5", 3.0), ("7", 3.0)])
def test_bad_rows(tmp_path, env: str, plan_ms: float):
    row = (env, 4, 192, 256, 10, "cpu", 1, plan_ms)
    write_rows(tmp_path / "times.csv", pd.DataFrame([row], columns=list(COLUMNS)))
    with pytest.raises(TTOError, match="times above 0 of hopper, walker2d, halfcheetah"):
        read_plan_times(tmp_path / "times.csv")


def test_settings_that_do_not_fit():
    with pytest.raises(TTOError, match="horizon"):
        plan_times(model=SIZES, planning={"horizon": 0})
