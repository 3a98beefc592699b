"""Only the user's own words import a module; an id in a file never does."""

import json
import sys
from pathlib import Path

import gymnasium
import minari
import pytest
from episode_samples import make_episode

from tto.data.d4rl import read_d4rl
from tto.data.environments import env_dimensions, env_spec, make_env, named_env
from tto.data.episodes import open_dataset, write_dataset
from tto.data.sources import read_file
from tto.errors import TTOError

PLANTED = """
import pathlib
pathlib.Path(__file__).with_name("ran").touch()
"""
OWN = """
import gymnasium
gymnasium.register(id="Own-v0", entry_point="gymnasium.envs.classic_control:PendulumEnv")
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of importable modules: one leaves a file when it runs, one registers Own-v0."""
    (tmp_path / "planted_module.py").write_text(PLANTED)
    (tmp_path / "own_module.py").write_text(OWN)
    (tmp_path / "broken_module.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("planted_module", "own_module", "broken_module"):
        sys.modules.pop(name, None)
    gymnasium.registry.pop("Own-v0", None)


def dataset(folder: Path) -> Path:
    episodes = [make_episode(5)]
    write_dataset(folder, episodes, env_id="Hopper-v5", algorithm="random", description="test")
    return folder


def change_metadata(folder: Path, **changes: object) -> None:
    path = folder / "data" / "metadata.json"
    metadata = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in metadata.items() if v is not None}))


@pytest.mark.parametrize("module", ["planted_module", "planted_module:x", ":planted_module", ""])
def test_no_function_that_opens_an_id_imports_its_module(modules, module):
    env_id = f"{module}:Hopper-v5"
    for open_id in (make_env, env_spec, env_dimensions):
        with pytest.raises(TTOError, match=r"without a module.*name it: --env PACKAGE:ID"):
            open_id(env_id)
    with pytest.raises(TTOError):
        next(iter(read_d4rl(modules / "none.h5", env_id=env_id)))
    assert not (modules / "ran").exists()


def test_a_datasets_metadata_runs_no_code(modules):
    folder = dataset(modules / "mine-v0")
    spec = json.loads(json.loads((folder / "data" / "metadata.json").read_text())["env_spec"])
    change_metadata(folder, env_spec=json.dumps(spec | {"id": "planted_module:Hopper-v5"}))
    with pytest.raises(TTOError, match="without a module"):
        open_dataset(folder)
    # Minari makes the environment where a space is missing, by this entry point
    for space in ("observation_space", "action_space"):
        planted = spec | {"entry_point": "planted_module:Hopper"}
        change_metadata(folder, env_spec=json.dumps(planted), **{space: None})
        with pytest.raises(TTOError, match="metadata with the entry"):
            list(read_file(folder, env_id="Hopper-v5"))
        assert not (modules / "ran").exists()
    with pytest.raises(AttributeError):
        minari.MinariDataset(folder / "data")
    assert (modules / "ran").exists(), "the trap itself does not work"


def test_the_users_own_word_may_name_a_module(modules):
    with pytest.raises(TTOError, match=r"registered .*name the package that registers it"):
        make_env("Own-v0")
    assert named_env("own_module:Own-v0") == "Own-v0"
    make_env("Own-v0").close()
    assert named_env("Hopper-v5") == "Hopper-v5"


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("absent_module:Own-v0", "can be imported, got ModuleNotFoundError"),
        ("broken_module:Own-v0", "can be imported, got ZeroDivisionError"),
        ("own_module:Other-v0", "own_module to register 'Other-v0'"),
        ("../own_module:Own-v0", "as the module"),
        (":Own-v0", "as the module"),
        ("a:own_module:Own-v0", "as the module"),
    ],
)
def test_a_wrong_module_is_one_line(modules, env, message):
    with pytest.raises(TTOError, match=message) as caught:
        named_env(env)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "env_id", ["", "Hopper", "Nothing-v0", "no/Hopper-v5", "GymV21Environment-v0", "a b"]
)
def test_an_id_that_cannot_be_made_is_one_line(env_id):
    if env_id == "Hopper":  # Gymnasium takes the newest version
        env_id = "Hopper-v0"
    with pytest.raises(TTOError, match="expected"):
        make_env(env_id)
