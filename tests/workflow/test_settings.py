"""The settings of a dataset, by everything that changes them."""

import copy
from pathlib import Path
from typing import Any

import yaml
from snakemake.utils import update_config

from tto.config.check import is_periodic
from tto.config.settings import (
    UNCHANGED,
    changes_in,
    datasets_of,
    experiment_of,
    name_of,
    part_of,
    settings_of,
)
from tto.config.trials import MODEL_SECTIONS, changes_of_candidate

BASE = yaml.safe_load((Path(__file__).parents[2] / "config/config.yaml").read_text())
HOPPER = "hopper-medium-replay-v2"


def config_with(overlay: dict[str, Any]) -> dict[str, Any]:
    config = copy.deepcopy(BASE)
    update_config(config, overlay)
    return config


def test_overrides_apply_to_their_dataset_only():
    config = config_with({"planning": {"horizon": 5, "overrides": {HOPPER: {"horizon": 7}}}})
    assert settings_of(config, "planning", HOPPER)["horizon"] == 7
    assert settings_of(config, "planning", "other")["horizon"] == 5
    assert "overrides" not in settings_of(config, "planning", HOPPER)
    assert config["planning"]["overrides"] == {HOPPER: {"horizon": 7}}  # left as it was


def test_an_experiments_settings_count_for_its_datasets():
    config = config_with({"imitation": {"datasets": {"expert": {}}, "planning": {"horizon": 9}}})
    assert settings_of(config, "planning", "expert")["horizon"] == 9
    assert settings_of(config, "planning", "expert")["objective"] == "likelihood"
    assert settings_of(config, "planning", HOPPER) == {
        key: value for key, value in sorted(BASE["planning"].items()) if key != "overrides"
    }
    assert settings_of(config, "model", "four-rooms")["goal"] is True
    assert settings_of(config, "rewards", "four-rooms")["ignored"] is True
    assert settings_of(config, "rewards", HOPPER)["ignored"] is False


def test_the_most_special_setting_counts():
    config = config_with(
        {
            "planning": {"overrides": {"expert": {"horizon": 2}}},
            "imitation": {"datasets": {"expert": {}}, "planning": {"horizon": 3, "context": 1}},
        }
    )
    settings = settings_of(config, "planning", "expert")
    assert (settings["horizon"], settings["context"]) == (2, 1)
    changes = {"planning.horizon": 4, "discount": 0.5, "model.width": 8}
    assert settings_of(config, "planning", "expert", changes)["horizon"] == 4
    assert settings_of(config, "discount", "expert", changes) == 0.5
    assert settings_of(config, "discount", "expert") == BASE["discount"]
    assert settings_of(config, "model", "expert", changes)["width"] == 8


def test_datasets_that_an_overlay_takes_out_are_gone():
    config = config_with({"datasets": {HOPPER: None}, "goal_reaching": {"datasets": {"a": {}}}})
    assert datasets_of(config) == {}
    assert list(datasets_of(config, "goal_reaching")) == ["four-rooms", "a"]
    assert experiment_of(config, "a") == "goal_reaching"
    assert experiment_of(config, HOPPER) is None


def test_variants_and_candidates_are_changes():
    assert changes_in({"model": {"width": 8, "heads": 2}, "discretizer": {"kind": "uniform"}}) == {
        "model.width": 8,
        "model.heads": 2,
        "discretizer.kind": "uniform",
    }
    config = config_with({"tuning": {"planners": {"far": {"horizon": 9}}}})
    assert changes_of_candidate(config, "tto", "far") == {"planning.horizon": 9}


def test_names_say_what_differs_whatever_its_order():
    assert name_of({}) == UNCHANGED
    one = name_of({"planning.horizon": 2, "model.goal": True})
    assert one == name_of({"model.goal": True, "planning.horizon": 2})
    assert one == "model.goal=true,planning.horizon=2"
    assert name_of({"behavior_cloning.hidden": [9, 8]}) == "behavior_cloning.hidden=9-8"


def test_changes_of_some_sections():
    changes = {"planning.horizon": 2, "model.width": 8, "discount": 0.5}
    assert part_of(changes, MODEL_SECTIONS) == {"model.width": 8, "discount": 0.5}


def test_names_of_any_length_fit_and_differ():
    long = {f"planning.{'k' * 20}{i}": i / 7 for i in range(40)}
    names = {name_of(long | {"planning.z": z}) for z in range(3)}
    names |= {name_of({"behavior_cloning.hidden": [9] * count}) for count in (5, 25, 26, 5000)}
    assert len(names) == 7
    assert max(map(len, names)) <= 150
    assert not any(is_periodic(name) for name in names)


def test_null_takes_an_override_out():
    config = config_with({"planning": {"overrides": {HOPPER: {"horizon": 7}}}})
    update_config(config, {"planning": {"overrides": {HOPPER: None}}})
    assert settings_of(config, "planning", HOPPER)["horizon"] == BASE["planning"]["horizon"]
