"""An id in a file never imports a module; only the user's own words do."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import minari
import mujoco
import pytest
from episode_samples import make_episode

from tto.data.environments import make_env, without_module
from tto.data.episodes import open_dataset, write_dataset
from tto.data.sources import read_file
from tto.errors import TTOError
from tto.report.drawing.poses import load_robot

PLANTED = """
import pathlib
pathlib.Path(__file__).with_name("ran").touch()
"""
MODULE = "planted_module"


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with a module that leaves the file `ran` when it is imported."""
    (tmp_path / f"{MODULE}.py").write_text(PLANTED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    sys.modules.pop(MODULE, None)


def change_metadata(folder: Path, **changes: object) -> None:
    path = folder / "data" / "metadata.json"
    metadata = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in metadata.items() if v is not None}))


@pytest.mark.parametrize("env_id", [f"{MODULE}:Hopper-v5", f"{MODULE}:x:Hopper-v5", ":Hopper-v5"])
def test_an_id_from_a_file_names_no_module(planted, env_id):
    with pytest.raises(TTOError, match=r"without a module in a file.*--env") as caught:
        without_module(env_id)
    assert "\n" not in str(caught.value)
    with pytest.raises(TTOError, match="without a module"):
        load_robot(env_id)
    assert not (planted / "ran").exists()
    assert without_module("tto/FourRooms-v0") == "tto/FourRooms-v0"


def test_a_datasets_metadata_runs_no_code(planted):
    folder = planted / "mine-v0"
    write_dataset(folder, [make_episode(5)], env_id="Hopper-v5", algorithm="", description="")
    spec = json.loads(json.loads((folder / "data" / "metadata.json").read_text())["env_spec"])
    change_metadata(folder, env_spec=json.dumps(spec | {"id": f"{MODULE}:Hopper-v5"}))
    with pytest.raises(TTOError, match="without a module"):
        open_dataset(folder)
    # Minari makes the environment where a space is missing, by this entry point
    entry = spec | {"entry_point": f"{MODULE}:Hopper"}
    change_metadata(folder, env_spec=json.dumps(entry), observation_space=None)
    assert len(list(read_file(folder, env_id="Hopper-v5"))) == 1
    assert open_dataset(folder).env_id == "Hopper-v5"
    assert not (planted / "ran").exists()
    with pytest.raises(AttributeError):
        minari.MinariDataset(folder / "data")
    assert (planted / "ran").exists(), "the trap itself does not work"


def test_the_users_own_word_may_name_a_module(planted):
    make_env(f"{MODULE}:Hopper-v5").close()
    assert (planted / "ran").exists()


def test_making_a_robot_prints_nothing_but_its_own_warnings(monkeypatch, capfd):
    """MuJoCo 4 prints that the halfcheetah's file, which Gymnasium ships, has an old attribute."""
    make_env("HalfCheetah-v5").close()
    assert capfd.readouterr() == ("", "")

    def warned(name: str, **options: object):
        mujoco.get_mju_user_warning()("one contact too many")
        return gymnasium.envs.mujoco.half_cheetah_v5.HalfCheetahEnv()

    monkeypatch.setattr(gymnasium, "make", warned)
    make_env("HalfCheetah-v5").close()
    assert capfd.readouterr().err == "MuJoCo: one contact too many\n"
    assert mujoco.get_mju_user_warning() is None


def test_an_environment_without_mujoco_needs_no_renderer():
    made = "from tto.data.environments import make_env; make_env('tto/FourRooms-v0')"
    wrong = os.environ | {"MUJOCO_GL": "no renderer"}
    subprocess.run([sys.executable, "-c", made], env=wrong, check=True)
