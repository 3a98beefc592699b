import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from running import SHIPPED, shipped_config
from snakemake.utils import update_config

from tto.config.check import check_config
from tto.config.settings import UNCHANGED
from tto.config.trials import ablation_trials, check_trials, tuning_trials
from tto.errors import TTOError

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
BASE = yaml.safe_load((ROOT / "config/config.yaml").read_text())
HOPPER = "hopper-medium-replay-v2"


def with_sweeps(
    *,
    planners: dict[str, Any] | None = None,
    cloning: dict[str, Any] | None = None,
    **sweeps: Any,
) -> dict[str, Any]:
    config = copy.deepcopy(BASE)
    tuning = {"planners": planners or {}, "cloning": cloning or {}}
    update_config(config, {"ablations": {"sweeps": sweeps}, "tuning": tuning})
    return config


def test_every_planner_on_every_dataset():
    config = with_sweeps(planners={"far": {"horizon": 9}, "plain": {}})
    trials = tuning_trials(config, "tto", ["a", "b"])
    assert [(t.dataset, t.value, t.name) for t in trials] == [
        ("a", "far", "planning.horizon=9"),
        ("a", "plain", UNCHANGED),
        ("b", "far", "planning.horizon=9"),
        ("b", "plain", UNCHANGED),
    ]


def test_every_length_of_cloning_on_every_dataset():
    usual = BASE["behavior_cloning"]["epochs"]
    config = with_sweeps(
        planners={"far": {"horizon": 9}},
        cloning={"long": {"epochs": 99}, "usual": {"epochs": usual}, "wide": {"hidden": [9, 8]}},
    )
    trials = tuning_trials(config, "bc", ["a", "b"])
    names = ["behavior_cloning.epochs=99", UNCHANGED, "behavior_cloning.hidden=9-8"]
    assert [(t.dataset, t.value, t.name) for t in trials] == [
        (dataset, *of)
        for dataset in ("a", "b")
        for of in zip(("long", "usual", "wide"), names, strict=True)
    ]
    check_trials(config, SCHEMA)


@pytest.mark.parametrize(
    ("cloning", "message"),
    [
        (
            {"long": {"epochs": 0}},
            "config: tuning.cloning.long.epochs must be above 0, not 0",
        ),
        (
            {"long": {"epoch": 9}},
            "config: unknown key 'epoch' in tuning.cloning.long; did you mean 'epochs'?",
        ),
        (
            {"a b": {}},
            "config: tuning.cloning must be letters, digits and _ . - only, not 'a b'",
        ),
    ],
)
def test_wrong_candidates_of_cloning_are_one_line(cloning: dict[str, Any], message: str):
    with pytest.raises(TTOError) as caught:
        check_config(with_sweeps(cloning=cloning), SCHEMA)
    assert str(caught.value) == message


def test_settings_that_a_dataset_has_anyway_make_no_trial_of_their_own():
    config = with_sweeps(
        planners={"usual": {"horizon": 2}, "far": {"horizon": 9}},
        horizon={"key": "planning.horizon", "values": [2, 9], "with": {"discount": 0.99}},
    )
    config["planning"] |= {"horizon": 2, "overrides": {"b": {"horizon": 9}}}
    names = [(t.dataset, t.value, t.name) for t in tuning_trials(config, "tto", ["a", "b"])]
    assert names == [
        ("a", "usual", UNCHANGED),
        ("a", "far", "planning.horizon=9"),
        ("b", "usual", "planning.horizon=2"),
        ("b", "far", UNCHANGED),
    ]
    assert [(t.value, t.name) for t in ablation_trials(config)] == [
        ("2", UNCHANGED),
        ("9", "planning.horizon=9"),
    ]


def test_every_value_on_every_line():
    config = with_sweeps(
        width={
            "key": "planning.beam_width",
            "values": [1, 2],
            "with": {"planning.horizon": 1},
            "lines": {"key": "planning.objective", "values": ["return", "likelihood"]},
        }
    )
    trials = ablation_trials(config)
    assert [(t.line, t.value) for t in trials] == [
        (f"{HOPPER}, return", "1"),
        (f"{HOPPER}, return", "2"),
        (f"{HOPPER}, likelihood", "1"),
        (f"{HOPPER}, likelihood", "2"),
    ]
    assert trials[2].settings == {
        "planning.beam_width": 1,
        "planning.horizon": 1,
        "planning.objective": "likelihood",
    }


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        (
            {"key": "planning.horizn", "values": [1]},
            "config: unknown key 'horizn' in planning; did you mean 'horizon'? "
            "(in ablations.sweeps.s)",
        ),
        (
            {"key": "planning.horizon", "values": [1, 0]},
            "config: planning.horizon must be at least 1, not 0 (in ablations.sweeps.s)",
        ),
        (
            {"key": "plannin.horizon", "values": [1]},
            "config: 'plannin.horizon' is not a setting that can be varied; "
            "did you mean 'planning'? (in ablations.sweeps.s)",
        ),
        (
            {"key": "behavior_cloning.epochs", "values": [1]},
            "config: 'behavior_cloning.epochs' is not a setting that can be varied; "
            "known are discount, discretizer, model, planning, rewards, training "
            "(in ablations.sweeps.s)",
        ),
        (
            {"key": "planning.horizon", "values": [1], "datasets": ["hoper-medium-replay-v2"]},
            "config: unknown dataset 'hoper-medium-replay-v2' in ablations; "
            f"did you mean '{HOPPER}'?",
        ),
    ],
)
def test_a_wrong_sweep_is_one_line(sweep: dict[str, Any], message: str):
    config = with_sweeps(s=sweep)
    with pytest.raises(TTOError) as caught:
        check_trials(config, SCHEMA)
    assert str(caught.value) == message


def test_a_sweep_without_a_dataset_is_one_line():
    sweep = {"key": "planning.horizon", "values": [1]}
    config = with_sweeps(s=sweep | {"datasets": [HOPPER]}, t=sweep)
    check_trials(config, SCHEMA)
    config["ablations"]["datasets"] = []
    with pytest.raises(TTOError, match=r"ablations\.datasets must be at least 1 long.*'t'"):
        check_trials(config, SCHEMA)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_sweeps_are_valid(path: Path):
    check_trials(shipped_config(path), SCHEMA)
