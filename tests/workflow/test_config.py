import copy
import csv
import datetime
import json
import math
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from running import ROOT, SHIPPED, shipped_config
from snakemake.utils import update_config

from tto.config.check import check_config
from tto.errors import TTOError
from tto.evaluation.rollout import evaluation_seeds

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
BASE = yaml.safe_load((ROOT / "config/config.yaml").read_text())
# Sections of which config/paper_values.csv holds every value of paper.yaml and official.yaml.
TABLED = [
    "discretizer",
    "discount",
    "rewards",
    "model",
    "training",
    "planning",
    "imitation",
    "goal_reaching",
    "model_analysis",
    "behavior_cloning",
    "ensemble",
    "baselines",
    "cql",
    "iql",
    "td3_bc",
    "dt",
    "mopo",
    "mbop",
    "plan_times",
    "seeds",
    "rollouts",
]
# A section, equation, figure or appendix of the paper; the other places where a value is written.
SOURCE = re.compile(
    r"\d(\.\d)?|equation \d|figure \d|A|E|poster|code|GPT|PETS|CQL|IQL|MOPO|MBOP|DT|TD3\+BC|"
    r"not mentioned|ours"
)


def with_overlay(overlay: dict[str, Any]) -> dict[str, Any]:
    config = copy.deepcopy(BASE)
    update_config(config, overlay)
    return config


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_configs_are_valid(path: Path):
    check_config(shipped_config(path), SCHEMA)


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
            "config: training.overrides.hopper-medium-replay-v2.threads cannot be set for one "
            "dataset; remove it",
        ),
        (
            {"datasets": {"four-rooms": {"env": "Hopper-v5", "source": "collect"}}},
            "config: dataset 'four-rooms' is defined both in datasets and in "
            "goal_reaching.datasets; rename one of them",
        ),
        (
            {"behavior_cloning": {"updates": 5000}},
            "config: unknown key 'updates' in behavior_cloning; "
            "known are batch_size, epochs, hidden, learning_rate",
        ),
        (
            {"behavior_cloning": {"epochs": 0}},
            "config: behavior_cloning.epochs must be above 0, not 0",
        ),
        (
            {"rewards": {"ignored": "yes"}},
            "config: rewards.ignored must be of type boolean, not 'yes'",
        ),
        (
            {"rewards": {"ignored": True}},
            "config: planning.objective must not be 'return' where rewards.ignored is true, since "
            "the tokens then hold no rewards; set it to likelihood",
        ),
        (
            {"goal_reaching": {"rewards": {"ignore": True}}},
            "config: unknown key 'ignore' in goal_reaching.rewards; did you mean 'ignored'?",
        ),
        ({"rollouts": 0}, "config: rollouts must be at least 1, not 0"),
        ({"rollouts": "3"}, "config: rollouts must be of type integer, not '3'; write 3"),
        (
            {"training": {"learning_rate": "1e-3"}},
            "config: training.learning_rate must be of type number, not '1e-3'; write 0.001",
        ),
        ({"run": "a b"}, "config: run must be letters, digits and _ . - only, not 'a b'"),
        ({"seeds": [0, 0]}, "config: seeds must be without repetition, not [0, 0]"),
        ({"rollouts": 2.0}, "config: rollouts must be of type integer, not 2.0; write 2"),
        (
            {"planning": {"beam_width": 1.0e3}},
            "config: planning.beam_width must be of type integer, not 1000.0; write 1000",
        ),
        ({"rollouts": True}, "config: rollouts must be of type integer, not True"),
        ({"rollouts": 1001}, "config: rollouts must be at most 1000, not 1001"),
        ({"seeds": [2**31]}, "config: seeds.0 must be at most 2147483647, not 2147483648"),
        (
            {"goal_reaching": {"pairs": 2001}},
            "config: goal_reaching.pairs must be at most 1000 for each of the 2 seeds, not 2001; "
            "lower it or add seeds",
        ),
        (
            {"training": {"learning_rate": math.nan}},
            "config: training.learning_rate must be a finite number, not nan",
        ),
        (
            {"planning": {"overrides": {"hopper-medium-replay-v2": {"temperature": math.inf}}}},
            "config: planning.overrides.hopper-medium-replay-v2.temperature must be a finite "
            "number, not inf",
        ),
        ({"seeds": [2**64]}, "config: seeds.0 must be below 2^63, not a larger number"),
        (
            {"datasets": {"ab" * 20: None}},
            f"config: the name '{'ab' * 20}' must not end in the same letters twenty times; "
            "choose another",
        ),
        ({1: 2}, "config: the key 1 in the top level is not text; write it in quotes"),
        (
            {"datasets": {True: None}},
            "config: the key True in datasets is not text; write it in quotes",
        ),
        (
            {"run": datetime.date(2020, 1, 1)},
            "config: run must be text, a number, true, false or null, not date; write it in quotes",
        ),
        (
            {"run": "a\n"},
            "config: run must be text of one line without control characters, not 'a\\n'",
        ),
        (
            {"datasets": {"a\n": None}},
            "config: the key 'a\\n' in datasets must be text of one line without control "
            "characters, not 'a\\n'",
        ),
        (
            {"run": "r" * 151},
            f"config: run must be text of at most 150 characters, not '{'r' * 79}...",
        ),
        (
            {"datasets": {"hopper-medium-replay-v2": {"transitions": "9"}}},
            "config: datasets.hopper-medium-replay-v2.transitions must be of type integer, "
            "not '9'; write 9",
        ),
        (
            {
                "datasets": {"hopper-medium-replay-v2": None},
                "planning": {"overrides": {"hopper-medium-replay-v2": {"horizon": 2}}},
            },
            "config: dataset 'hopper-medium-replay-v2' is taken out by null, but "
            "planning.overrides names it; remove it there, too",
        ),
        (
            {"model_analysis": {"datasets": {"hopper-analysis": None}}},
            "config: dataset 'hopper-analysis' is taken out by null, but "
            "model_analysis.prediction.dataset names it; remove it there, too",
        ),
        (
            {"model_analysis": {"attention": {"dataset": "hopper"}}},
            "config: unknown dataset 'hopper' in model_analysis.attention.dataset; did you mean "
            "'hopper-analysis'?",
        ),
    ],
)
def test_a_wrong_config_is_one_line(overlay: dict[str, Any], message: str):
    with pytest.raises(TTOError) as caught:
        check_config(with_overlay(overlay), SCHEMA)
    assert str(caught.value) == message


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Dotted keys of a config, and their values as config/paper_values.csv writes them."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, f"{key}.{name}" if key else name)
    else:
        yield key, value if isinstance(value, str) else json.dumps(value)


def tabled(config: dict[str, Any]) -> dict[str, str]:
    return dict(leaves({section: config[section] for section in TABLED}))


@pytest.mark.parametrize("name", ["paper", "official"])
def test_no_inherited_key_changes_the_paper(name: str):
    with (ROOT / "config/paper_values.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row[name]]
    assert [row["key"] for row in rows if not SOURCE.fullmatch(row[f"{name}_source"])] == []
    expected = {row["key"]: row[name] for row in rows}
    assert len(expected) == len(rows)
    config = with_overlay(yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
    assert tabled(config) == expected
    # a key, a value, and a dataset more than the table has would be seen
    for change in (
        {"planning": {"new": None}},
        {"training": {"compile": 0}},
        {"goal_reaching": {"datasets": {"maze": {}}}},
    ):
        changed = copy.deepcopy(config)
        update_config(changed, change)
        assert tabled(changed) != expected


@pytest.mark.parametrize(
    ("overlay", "shared"),
    [
        ({"evaluation": {"seed": 0}, "trials": {"seed": 0}}, 0),
        ({"evaluation": {"seed": 500_000}, "rollouts": 1, "goal_reaching": {"pairs": 2}}, 500_000),
        ({"evaluation": {"seed": 499_998}}, 500_000),  # three rollouts, from that one on
        ({"evaluation": {"seed": 500_001}}, 500_001),  # two rollouts a model in trials
        ({"evaluation": {"seed": 499_001}, "seeds": [0, 1]}, 500_001),  # those of another model
        ({"evaluation": {"seed": 499_950}, "goal_reaching": {"pairs": 200}}, 500_000),
    ],
)
def test_trials_and_reported_episodes_share_none(overlay: dict[str, Any], shared: int):
    config = with_overlay(overlay)
    with pytest.raises(TTOError) as caught:
        check_config(config, SCHEMA)
    line = str(caught.value)
    assert line.startswith(
        "config: trials.seed must keep trials apart from reported episodes, but both use the "
        f"episode seed {shared}; set it to "
    )
    config["trials"]["seed"] = int(line.split()[-1])
    check_config(config, SCHEMA)


@pytest.mark.parametrize(
    "overlay",
    [
        {"evaluation": {"seed": 499_900}},  # a hundred pairs of each model, up to 499,999
        {"evaluation": {"seed": 500_002}, "seeds": [0]},
        {"evaluation": {"seed": 499_997}, "goal_reaching": {"datasets": {"four-rooms": None}}},
    ],
)
def test_neighbours_are_other_episodes(overlay: dict[str, Any]):
    config = with_overlay(overlay)
    check_config(config, SCHEMA)
    pairs = (
        config["goal_reaching"]["pairs"] if config["goal_reaching"]["datasets"]["four-rooms"] else 0
    )
    one, other = (
        {
            seed
            for model in config["seeds"]
            for seed in evaluation_seeds(seed=model, rollouts=rollouts, offset=config[name]["seed"])
        }
        for name, rollouts in (
            ("evaluation", max(config["rollouts"], pairs // len(config["seeds"]))),
            ("trials", config["trials"]["rollouts"]),
        )
    )
    assert not one & other


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


def test_the_conda_environment_names_what_the_library_needs():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    (listed,) = (entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    assert set(project["dependencies"]) <= set(listed)
    assert set(listed) <= {*project["dependencies"], *project["optional-dependencies"]["workflow"]}
