"""Models, policies, token files and rollouts cannot import a module by the id that they hold."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from tiny_models import save_model

from tto.cli.inspection import inspect
from tto.cli.play import play
from tto.cli.players import player
from tto.errors import TTOError
from tto.evaluation.rollout import Rollout
from tto.evaluation.rollout_file import Evaluation, read_rollout, write_rollouts
from tto.model.weights_file import CONFIG, WEIGHTS

PLANTED = "planted_in_file"
ENV = f"{PLANTED}:Hopper-v5"


def plant(folder: Path, change: Callable[[dict], None]) -> None:
    """Change config.json as an author could: without the digests."""
    (folder / WEIGHTS).write_bytes(save_tensors(load_tensors((folder / WEIGHTS).read_bytes())))
    config = json.loads((folder / CONFIG).read_text())
    del config["weights_sha256"]
    change(config)
    (folder / CONFIG).write_text(json.dumps(config))


@pytest.fixture(autouse=True)
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that must not run."""
    (tmp_path / f"{PLANTED}.py").write_text("raise SystemExit('the file ran code')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_a_models_environment(tmp_path):
    save_model(tmp_path / "model", "Hopper-v5")
    plant(tmp_path / "model", lambda config: config["tokens"].update(env=ENV))
    for use in (inspect, player):
        with pytest.raises(TTOError, match=r"tokens\.env: expected text .*without ':'"):
            use(tmp_path / "model")
    assert PLANTED not in sys.modules


def test_an_unknown_environment_of_a_model_says_how_to_name_its_module(tmp_path):
    save_model(tmp_path / "model", "Hopper-v5")
    plant(tmp_path / "model", lambda config: config["tokens"].update(env="Mine-v0"))
    with pytest.raises(
        TTOError, match="name the module that registers it: --env my_package:Mine-v0"
    ):
        play([player(tmp_path / "model")])


def test_a_rollouts_environment(tmp_path):
    rollout = Rollout(
        observations=np.zeros((2, 3), dtype=np.float32),
        actions=np.zeros((1, 1), dtype=np.float32),
        rewards=np.zeros(1),
        terminated=True,
        truncated=False,
        plan_seconds=np.ones(1),
        batch=np.ones(1, dtype=np.int64),
    )
    path = tmp_path / "rollout.h5"
    evaluation = Evaluation("Hopper-v5", "mine-v0", "file", "tto", seed=0, offset=0)
    write_rollouts([path], [rollout], evaluation, plan_ms_alone=1.0)
    with h5py.File(path, "a") as file:
        file.attrs["env_id"] = ENV
    with pytest.raises(TTOError, match="without a module in a file"):
        read_rollout(path)
    assert PLANTED not in sys.modules
