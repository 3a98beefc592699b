"""Environments of a user's own: imported where the user names a module, recorded without it."""

import json
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from tto.data import environments
from tto.data.collect import collect
from tto.data.environments import env_spec, make_env, robot_of, split_module
from tto.data.episodes import open_dataset, write_dataset
from tto.errors import TTOError

MODULE = """
import gymnasium
import numpy as np


class Drift(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-9, 9, (2,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    data = "no simulator"

    def __init__(self, scale=1.0, render_mode=None):
        self.scale = scale

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self.state, {}

    def step(self, action):
        self.state = np.clip(self.state + 0.1 * self.scale * float(action[0]), -9, 9)
        return self.state.astype(np.float32), 1.0, False, False, {}


gymnasium.register("NAME-v0", entry_point=Drift, max_episode_steps=5)
gymnasium.register("NAMEEndless-v0", entry_point=Drift)
gymnasium.register("NAMEFunction-v0", entry_point=Drift, kwargs={"scale": abs})
gymnasium.register("NAMEBroken-v0", entry_point=Drift, kwargs={"size": 3})
gymnasium.register("NAMEText-v0", entry_point=Drift, kwargs={"scale": "x"}, max_episode_steps=5)
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module in the working directory that registers environments of that name."""
    name = f"own{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(MODULE.replace("NAME", name))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere", *environments.sys.path])
    return name


@pytest.mark.parametrize("way", ["id", "imports"])
def test_an_own_environment_is_collected_from_and_recorded_by_its_plain_id(
    own: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    if way == "imports":
        monkeypatch.setenv("TTO_IMPORTS", own)
    env_id = f"{own}:{own}-v0" if way == "id" else f"{own}-v0"
    episodes = list(collect(env_id, "random", transitions=12, seed=0, noise=0.0, actors="none"))
    assert [len(episode) for episode in episodes] == [5, 5, 5]
    write_dataset(tmp_path / "d", episodes, env_id=env_id, algorithm="", description="")
    assert open_dataset(tmp_path / "d").env_id == f"{own}-v0"
    stored = json.loads((tmp_path / "d/data/metadata.json").read_text())["env_spec"]
    assert json.loads(stored)["id"] == f"{own}-v0"


def test_a_time_limit_can_be_given(own: str):
    options = {"transitions": 4, "seed": 0, "noise": 0.0, "actors": "none"}
    with pytest.raises(TTOError, match=r"expected a time limit, got none.*max_steps"):
        list(collect(f"{own}:{own}Endless-v0", "random", **options))
    (episode,) = collect(f"{own}:{own}Endless-v0", "random", max_steps=7, **options)
    assert (len(episode), episode.truncated) == (7, True)


def test_an_error_in_an_environments_step_is_one_line(own: str):
    options = {"transitions": 4, "seed": 0, "noise": 0.0, "actors": "none"}
    with pytest.raises(TTOError, match=r"stepped, got an error in it \(.*\); mend the environment"):
        list(collect(f"{own}:{own}Text-v0", "random", **options))


def test_arguments_that_json_cannot_hold_are_named(own: str):
    with pytest.raises(TTOError, match=r"whose arguments JSON can hold.*register a class"):
        env_spec(f"{own}:{own}Function-v0")


def test_a_class_registered_by_itself_is_stored_by_its_name(own: str):
    assert env_spec(f"{own}:{own}-v0").entry_point == f"{own}:Drift"


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("not_installed", "module 'not_installed'.*No module named"),
        ("not-a-name", "module 'not-a-name'"),
        ("a:b", "module 'a:b'"),
        ("raising", "ZeroDivisionError: division by zero"),
        ("leaving", "SystemExit"),
        ("..above", "module '..above'"),
    ],
)
def test_a_module_that_cannot_be_imported_is_one_line(own: str, module: str, message: str):
    Path("raising.py").write_text("1 / 0")
    Path("leaving.py").write_text("raise SystemExit")
    with pytest.raises(TTOError, match=message) as error:
        make_env(f"{module}:{own}-v0")
    assert "\n" not in str(error.value)


def test_a_module_that_registers_nothing_is_named(own: str):
    Path("idle.py").write_text("")
    with pytest.raises(TTOError, match=r"'idle' was imported, but does not register idle-v0.;"):
        make_env("idle:idle-v0")


def test_an_environment_that_cannot_be_made_is_one_line(own: str):
    with pytest.raises(TTOError, match=r"TypeError.*mend the environment") as error:
        make_env(f"{own}:{own}Broken-v0")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("env_id", "message"),
    [
        ("Hopper-v3", "retired.*name Hopper-v4"),
        ("Hopper-v2", "retired.*name Hopper-v4"),
        ("HalfCheetah-v2", "retired.*name HalfCheetah-v4"),
        ("Hopper-v9", "check the id"),
        ("hopper-medium-replay-v2", "name of a dataset.; name its environment, Hopper-v5"),
        ("mujoco/walker2d/expert-v0", "name its environment, Walker2d-v5"),
        ("pen-expert-v1", "name the module that registers it"),
        ("mine/hopper-v0", "name the module that registers it"),
        ("Unheard-v0", "name the module that registers it: --env my_package:Unheard-v0"),
        ("CartPole-v1", "expected a Box of one dimension as the action space"),
        ("", "check the id"),
        ("a b", "check the id"),
    ],
)
def test_ids_that_name_no_usable_environment_are_one_line(env_id: str, message: str):
    with pytest.raises(TTOError, match=message) as error:
        make_env(env_id)
    assert "\n" not in str(error.value)


def test_a_renderer_that_cannot_work_is_named(monkeypatch: pytest.MonkeyPatch):
    def broken(*_: object, **__: object) -> gymnasium.Env:
        raise RuntimeError("invalid value for environment variable MUJOCO_GL: foo")

    monkeypatch.setenv("MUJOCO_GL", "foo")
    monkeypatch.setattr(gymnasium, "make", broken)
    with pytest.raises(TTOError, match="MUJOCO_GL is 'foo': unset it"):
        make_env("Hopper-v5")


def test_ids_with_a_module():
    assert split_module("a.b:ns/My-v0") == ("a.b", "ns/My-v0")
    assert split_module("My-v0") == (None, "My-v0")
    assert robot_of("mine:Hopper-v5") == "hopper"
    assert np.isfinite(environments.normalized_score("mine:Hopper-v5", 0.0))  # type: ignore[arg-type]
