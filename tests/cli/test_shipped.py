"""The trained model in the repository: small, found by its name, and made by its recipe."""

from pathlib import Path

import pytest
import yaml
from running import ROOT
from typer.testing import CliRunner

import tto
from tto.cli.app import app
from tto.cli.names import find, models, policy_beside
from tto.config.check import check_config
from tto.config.file import read_config_file

RUN = ROOT / "resources/runs/hopper"
RECIPE = RUN / "recipe.yaml"


def test_it_is_small():
    size = sum(path.stat().st_size for path in RUN.rglob("*") if path.is_file())
    assert size <= 1.6e6
    assert find("hopper").joinpath("model.safetensors").stat().st_size <= 1.5e6


def test_it_plays_by_its_name_in_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["play", "hopper", "--no-video", "--max-steps", "3"]
    played = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert played.exit_code == 0
    assert "TTO" in played.output
    assert "hopper/hopper-medium-replay-v2/seed0" in [model.name for model in models()]
    assert policy_beside(find("hopper"), "bc") is not None


def test_a_run_of_the_same_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    mine = Path("results/hopper/models/hopper-medium-replay-v2/seed0")
    mine.parent.mkdir(parents=True)
    mine.symlink_to(find("hopper"))
    assert find("hopper") == mine
    assert [model.folder for model in models() if model.name.startswith("hopper/")] == [mine]


def test_the_recipe_is_a_valid_overlay_and_made_this_model():
    config = read_config_file(ROOT / "config/config.yaml")
    recipe = yaml.safe_load(RECIPE.read_text())
    for section, changes in recipe.items():
        config[section] = config[section] | changes if isinstance(changes, dict) else changes
    check_config(config, read_config_file(ROOT / "workflow/schemas/config.schema.yaml"))
    model = tto.load(find("hopper"))
    assert model.config.width == config["model"]["width"]
    assert model.config.layers == config["model"]["layers"]
    ran = read_config_file(RUN / "config.yaml")
    for section in ("model", "training", "collect"):
        assert {key: config[section][key] for key in ran[section]} == ran[section]
