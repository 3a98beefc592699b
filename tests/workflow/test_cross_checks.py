"""Settings that contradict each other are found before the first job."""

# ruff: noqa: E501 (a case a line)

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from running import HOPPER, ROOT, SHIPPED, TINY, full_text, overlay, shipped_config, snakemake
from snakemake.utils import update_config

from tto.cross_checks import check_combinations
from tto.data.environments import env_dimensions
from tto.errors import TTOError

BASE = yaml.safe_load((ROOT / "config/config.yaml").read_text())
MASKED = {"env": "Hopper-v5", "source": "collect", "kind": "medium", "mask": 0.5}


def checked(change: dict[str, Any]) -> None:
    config = copy.deepcopy(BASE)
    update_config(config, change)
    check_combinations(config, env_dimensions)


@pytest.mark.parametrize("path", [*SHIPPED, TINY], ids=lambda path: path.stem)
def test_shipped_configs_hold_no_contradiction(path: Path):
    check_combinations(shipped_config(path), env_dimensions)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": {"heads": 5}}, rf"width divisible by heads, got 64 and 5 .*\(in datasets\.{HOPPER}\)"),
        ({"imitation": {"datasets": {"x-expert-v2": {"env": "Hopper-v5", "source": "collect"}}, "model": {"heads": 5}}}, r"divisible by heads.*\(in imitation\.datasets\.x-expert-v2\)"),
        ({"goal_reaching": {"model": {"width": 65}}}, r"divisible by heads.*\(in goal_reaching\.datasets\.four-rooms\)"),
        ({"model_analysis": {"variants": {"odd": {"model": {"heads": 7}}}}}, r"divisible by heads.*\(in model_analysis\.variants\.odd\)"),
        ({"ablations": {"sweeps": {"s": {"key": "model.heads", "values": [4, 5]}}}}, r"divisible by heads.*\(in ablations\.sweeps\.s\)"),
        ({"model": {"block_tokens": 15}}, r"expected a whole transition of 16 tokens in a block, got block_tokens 15"),
        ({"model_analysis": {"datasets": {"hopper-analysis": {"kind": "goal"}}}}, r"hopper-analysis\.kind must not be goal.*name another kind"),
        ({"goal_reaching": {"model": {"block_tokens": 6}}}, r"6 tokens after the goal in a block"),
        ({"model": {"stop_token": True, "output": "gaussian", "input": "values"}}, "stop token"),
        ({"model": {"output": "gaussian", "stop_token": False}}, r"model\.output gaussian needs bins of equal width"),
        ({"model": {"input": "values", "stop_token": False}}, "expected output gaussian with input values"),
        ({"model": {"output": "gaussian", "stop_token": False}, "discretizer": {"kind": "uniform"}}, r"cannot predict hidden states.*hopper-analysis-masked"),
        ({"planning": {"window": 7}}, r"planning\.window: expected 1 to 6 transitions.*got 7"),
        ({"planning": {"context": 6}}, r"planning\.context: expected at most 5 past transitions"),
        ({"planning": {"expansion": 1}}, r"expansion 1 with action_decode mean and beam_width 32 does not search: .*\(in datasets"),
        ({"tuning": {"planners": {"soft": {"expansion": 1}}}}, r"does not search: .*set expansion to 2 \(in tuning\.planners\.soft\)"),
        ({"planning": {"expansion": 1, "beam_width": 1, "action_decode": "best"}}, r"beam_width 1 does not search"),
        ({"planning": {"action_top": 0.01}}, r"action_top 0\.01 leaves one of 100 bins to draw from"),
        ({"imitation": {"datasets": {"x-expert-v2": {"env": "Hopper-v5", "source": "collect"}}, "planning": {"action_decode": "expected"}}}, r"imitation\.horizons \[1, 3\] all play the same with action_decode expected.*\(in imitation"),
        ({"imitation": {"datasets": {"x-expert-v2": {"env": "Hopper-v5", "source": "collect"}}, "planning": {"token_search": False, "expansion": 1}}}, r"does not search: .*\(in imitation"),
        ({"discount": 1}, r"rewards\.cut_episodes go_on needs a discount below 1"),
        ({"tuning": {"planners": {"far": {"context": 9}}}}, r"planning\.context: .*\(in tuning\.planners\.far\)"),
        ({"planning": {"window": 1}}, r"planning\.horizon: expected 1 with a model that sees one transition, got 3"),
        ({"imitation": {"datasets": {"x-expert-v2": {"env": "Hopper-v5", "source": "collect"}}, "horizons": [2], "model": {"max_transitions": 1}, "planning": {"context": 0}}}, r"planning\.horizon: expected 1 .*\(in imitation"),
        ({"goal_reaching": {"planning": {"objective": "return"}}}, r"must not be 'return' where rewards\.ignored is true.*four-rooms"),
        ({"goal_reaching": {"planning": {"objective": "likelihood"}}}, r"planning\.objective is likelihood, but model\.goal is true"),
        ({"planning": {"objective": "goal"}}, r"planning\.objective is goal, but model\.goal is false"),
        ({"plan_times": {"planning": {"context": 40}}}, r"planning\.context: .*\(in plan_times\)"),
        ({"plan_times": {"model": {"heads": 5}}}, r"divisible by heads.*\(in plan_times\)"),
        ({"datasets": {"masked": MASKED}}, r"models of masked data cannot plan.*\(in datasets\.masked\)"),
        ({"datasets": {"mine": {"env": "Hoper-v5", "source": "minari"}}}, r"env 'Hoper-v5': expected a registered.*\(in datasets\.mine\)"),
        ({"datasets": {"mine": {"env": "Hopper-v5", "source": "collect"}}}, r"dataset 'mine': expected one of the kinds"),
        ({"datasets": {"mine": {"env": "Hopper-v5", "source": "d4rl"}}}, r"dataset 'mine': expected D4RL's own id"),
        ({"model_analysis": {"datasets": {"hopper-analysis": {"env": "InvertedPendulum-v5"}}}}, r"prediction\.dataset must be of a robot .* draw \(hopper, .*not of InvertedPendulum-v5; name"),
        ({"mbop": {"trajectories": 100}, "baselines": {"methods": ["mbop"]}}, r"mbop\.trajectories: expected a multiple of mbop\.members \(3\), got 100"),
        ({"mbop": {"overrides": {HOPPER: {"members": 2}}}, "baselines": {"methods": ["mbop"]}}, rf"expected a multiple .*\(in datasets\.{HOPPER}\)"),
        ({"dt": {"width": 30, "heads": 4}, "baselines": {"methods": ["dt"]}}, r"dt\.width: expected a multiple of dt\.heads \(4\), got 30"),
        ({"baselines": {"methods": ["dt"]}, "tuning": {"dt": {"odd": {"heads": 5}}}}, r"dt\.width: expected a multiple .*\(in tuning\.dt\.odd\)"),
    ],
)  # fmt: skip
def test_a_contradiction_is_one_line_that_names_its_place(change: dict[str, Any], message: str):
    with pytest.raises(TTOError, match=message) as caught:
        checked(change)
    assert str(caught.value).startswith("config: ")


def test_the_best_of_several_is_a_search_and_a_sweep_may_hold_a_reference():
    checked({"planning": {"expansion": 1, "action_decode": "best"}})
    checked({"ablations": {"sweeps": {"s": {"key": "planning.expansion", "values": [1, 2]}}}})


def test_a_config_without_any_dataset_is_refused():
    gone = {"datasets": {HOPPER: None}, "goal_reaching": {"datasets": {"four-rooms": None}}}
    gone |= {"model_analysis": {"datasets": dict.fromkeys(BASE["model_analysis"]["datasets"])}}
    with pytest.raises(TTOError, match="must hold at least one that is not null"):
        checked(gone)


@pytest.mark.parametrize(
    ("arguments", "content", "line"),
    [
        ([], {"model": {"heads": 5}}, f"Error: config: model: expected width divisible by heads, got 64 and 5 (in datasets.{HOPPER})"),
        ([], {"seeds": {}}, "Error: config: seeds must be of type array, not {}"),
        (["--config", "rollouts={}"], {}, "Error: config: rollouts must be of type integer, not {}; --config reads numbers in lists and mappings as text: write `rollouts: {}` into a file mine.yaml and run with --configfile mine.yaml"),
        (["--config", "seeds=[0]"], {}, "Error: config: seeds.0 must be of type integer, not '0'; write 0; --config reads numbers in lists and mappings as text: write `seeds: [0]` into a file mine.yaml and run with --configfile mine.yaml"),
    ],
)  # fmt: skip
def test_snakemake_says_so_and_makes_nothing(tmp_path: Path, arguments, content, line: str):
    run = snakemake(tmp_path, "--configfile", overlay(tmp_path, content), *arguments)
    assert run.returncode != 0
    assert run.stdout.splitlines()[-1] == line
    assert "Traceback" not in run.stdout
    assert not (tmp_path / "results").exists()


def test_a_repeated_key_is_found_though_snakemake_reads_over_it(tmp_path: Path):
    path = tmp_path / "mine.yaml"
    path.write_text("seeds: [0]\nrun: mine\nseeds: [1]\n")
    run = snakemake(tmp_path, "--dry-run", "--configfile", path)
    assert run.returncode != 0
    assert (
        "line 3: the key 'seeds' is there twice; remove one of them" in run.stdout.splitlines()[-1]
    )


def test_the_longest_names_and_many_settings_make_files_that_fit(tmp_path: Path):
    name = "d0123456789" * 13 + "d012345"
    spec = {"env": "Hopper-v5", "source": "collect", "kind": "medium"}
    settings = {key: BASE["planning"][key] for key in BASE["planning"] if key != "overrides"}
    settings |= {"beam_width": 7, "horizon": 2, "expansion": 3, "temperature": 1.2345678901234567}
    settings |= {"action_top": 0.123456789012345, "action_mass": 0.987654321098765, "context": 1}
    settings |= {"observation_top": 3, "value": "sample", "value_levels": 12, "reward_to_go": False}
    other = settings | {"value_levels": 13}
    content = {
        "run": "r" * 150,
        "datasets": {HOPPER: None, name: spec},
        "tuning": {"planners": {"a" * 150: settings, "b" * 150: other}},
        "ablations": {"datasets": [name]},
        "loss_ladder": {"datasets": [name]},
    }
    run = snakemake(tmp_path, "--dry-run", "--configfile", overlay(tmp_path, content))
    assert run.returncode == 0, run.stdout
    paths = {word.strip(",") for word in full_text(tmp_path).split() if word.startswith("results/")}
    assert len({path for path in paths if "/trials/" in path and path.endswith("rollout0.h5")}) > 3
    # `.NAME.PID@MACHINE.tmp` is the longest name that is made of a file's
    assert max(len(part) for path in paths for part in path.split("/")) <= 255 - 64
