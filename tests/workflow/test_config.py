import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from tto.config import check_config, with_overrides
from tto.errors import TTOError

ROOT = Path(__file__).parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
BASE = yaml.safe_load((ROOT / "config/config.yaml").read_text())
OVERLAYS = sorted((ROOT / "config").glob("*.yaml"))


def with_overlay(overlay: dict[str, Any]) -> dict[str, Any]:
    config = copy.deepcopy(BASE)
    update_config(config, overlay)
    return config


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.stem)
def test_shipped_configs_are_valid(path: Path):
    check_config(with_overlay(yaml.safe_load(path.read_text())), SCHEMA)


@pytest.mark.parametrize(
    ("overlay", "message"),
    [
        (
            {"trainin": {}},
            "config: unknown key 'trainin' in the top level; did you mean 'training'?",
        ),
        (
            {"training": {"learning_rat": 1.0}},
            "config: unknown key 'learning_rat' in training; did you mean 'learning_rate'?",
        ),
        (
            {"planning": {"overrides": {"hopper-medium-replay-v2": {"horizn": 3}}}},
            "config: unknown key 'horizn' in planning.overrides.hopper-medium-replay-v2; "
            "did you mean 'horizon'?",
        ),
        (
            {"planning": {"overrides": {"hoper-medium-replay-v2": {}}}},
            "config: unknown dataset 'hoper-medium-replay-v2' in planning.overrides; "
            "did you mean 'hopper-medium-replay-v2'?",
        ),
        (
            {"datasets": {"mine": {"env": "Hopper-v5", "source": "d4r"}}},
            "config: datasets.mine.source must be one of collect, d4rl, minari, file, not 'd4r'",
        ),
        (
            {"datasets": {"mine": {"env": "Hopper-v5", "source": "file"}}},
            "config: datasets.mine lacks the key 'path'; config/config.yaml shows it",
        ),
        (
            {"model_analysis": {"variants": {"markovian": {"datasets": ["hoper-analysis"]}}}},
            "config: unknown dataset 'hoper-analysis' in model_analysis.variants.markovian.datasets"
            "; did you mean 'hopper-analysis'?",
        ),
        (
            {"model_analysis": {"variants": {"transformer_recorded": {}}}},
            "config: model_analysis.variants must be small letters, digits and _ only, not "
            "beginning with transformer, ensemble or marginal, not 'transformer_recorded'",
        ),
        (
            {"model_analysis": {"actions": ["own"]}},
            "config: model_analysis.actions.0 must be one of sampled, recorded, not 'own'",
        ),
        (
            {"model_analysis": {"starts": "two"}},
            "config: model_analysis.starts must be one of one, many, not 'two'",
        ),
        (
            {"training": {"overrides": {"hopper-medium-replay-v2": {"threads": 2}}}},
            "config: training.overrides.hopper-medium-replay-v2.threads cannot be set there",
        ),
        (
            {"datasets": {"four-rooms": {"env": "Hopper-v5", "source": "collect"}}},
            "config: dataset 'four-rooms' stands in datasets and in goal_reaching.datasets; "
            "give it another name in one of them",
        ),
        ({"rollouts": 0}, "config: rollouts must be at least 1, not 0"),
        ({"rollouts": "3"}, "config: rollouts must be of type integer, not '3'; write 3"),
        (
            {"training": {"learning_rate": "1e-3"}},
            "config: training.learning_rate must be of type number, not '1e-3'; write 0.001",
        ),
        ({"run": "a b"}, "config: run must be letters, digits and _ . - only, not 'a b'"),
        ({"seeds": [0, 0]}, "config: seeds must be without repetition, not [0, 0]"),
    ],
)
def test_a_wrong_config_is_one_line(overlay: dict[str, Any], message: str):
    with pytest.raises(TTOError) as caught:
        check_config(with_overlay(overlay), SCHEMA)
    assert str(caught.value) == message


def test_an_unknown_key_comes_before_other_errors():
    overlay = {"training": {"epohs": 1}, "rollouts": -1}
    with pytest.raises(TTOError, match="did you mean 'epochs'"):
        check_config(with_overlay(overlay), SCHEMA)


def test_every_setting_is_required():
    for section in ("model", "training", "planning", "collect", "evaluation", "rewards"):
        for key in BASE[section]:
            config = copy.deepcopy(BASE)
            del config[section][key]
            with pytest.raises(TTOError, match=f"config: {section} lacks the key '{key}'"):
                check_config(config, SCHEMA)


def test_planning_overrides_apply_to_their_dataset_only():
    name = "hopper-medium-replay-v2"
    config = with_overlay({"planning": {"horizon": 5, "overrides": {name: {"horizon": 7}}}})
    assert with_overrides(config["planning"], name)["horizon"] == 7
    assert with_overrides(config["planning"], "other")["horizon"] == 5
    assert "overrides" not in with_overrides(config["planning"], name)


def test_the_conda_environment_names_what_the_library_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    (listed,) = (entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    assert set(project["dependencies"]) <= set(listed)
    assert set(listed) <= {*project["dependencies"], *project["optional-dependencies"]["workflow"]}
