"""Random configs: each is accepted, or refused by one line, in bounded time."""

# ruff: noqa: E501

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from outcome import outcome
from running import ROOT
from snakemake.utils import update_config

from tto.config.check import check_config
from tto.config.file import read_config_file
from tto.config.settings import name_of
from tto.config.trials import ablation_trials, check_trials
from tto.cross_checks import check_combinations
from tto.data.environments import env_dimensions

SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
BASE = yaml.safe_load((ROOT / "config/config.yaml").read_text())
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 12),
    st.floats(),
    st.sampled_from([2.0, 1e3, 1e308, 5e-324, "1e-3", "3", "", "a\n", "../up", "x" * 300]),
    st.text(max_size=20),
)
HOSTILE = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


def keys_of(value: Any, above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """All keys of the base config as paths, those of sections included."""
    if not isinstance(value, dict):
        return [above]
    return [
        above,
        *(path for key, inner in value.items() for path in keys_of(inner, (*above, key))),
    ]


KEYS = [path for path in keys_of(BASE) if path]


def check_all(config: dict[str, Any]) -> None:
    check_config(config, SCHEMA)
    check_trials(config, SCHEMA)
    check_combinations(config, env_dimensions)


def is_accepted(config: dict[str, Any]) -> bool:
    _, line = outcome(check_all, config)
    assert line is None or line.startswith("config: ")
    return line is None


@given(st.lists(st.tuples(st.sampled_from(KEYS), HOSTILE), min_size=1, max_size=3))
def test_any_value_in_any_place_is_accepted_or_refused(changes):
    config = copy.deepcopy(BASE)
    for path, value in changes:
        place = config
        for key in path[:-1]:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[path[-1]] = copy.deepcopy(value)
    is_accepted(config)


@given(st.dictionaries(st.one_of(st.sampled_from(sorted(BASE)), SCALARS), HOSTILE, max_size=4))
def test_any_overlay_is_accepted_or_refused(overlay):
    config = copy.deepcopy(BASE)
    update_config(config, overlay)
    is_accepted(config)


def planner_values() -> st.SearchStrategy[dict[str, Any]]:
    numbers = st.one_of(st.integers(-1, 9), st.floats(0, 2), st.none(), st.booleans())
    keys = [key for key in BASE["planning"] if key != "overrides"]
    return st.dictionaries(st.sampled_from(keys), numbers, max_size=5)


@given(
    planner_values(),
    st.dictionaries(st.sampled_from(sorted(BASE["model"])), st.integers(0, 130), max_size=3),
    st.lists(SCALARS, min_size=1, max_size=4),
    st.sampled_from(
        ["planning.context", "model.heads", "planning.horizon", "training.epochs", "x"]
    ),
)
def test_accepted_trials_have_names_for_files(planner, model, values, key):
    config = copy.deepcopy(BASE)
    config["model"] |= model
    config["tuning"]["planners"] = {"a": planner}
    config["ablations"]["sweeps"] = {"s": {"key": key, "values": values}}
    if is_accepted(config):
        for trial in ablation_trials(config):
            assert len(name_of(trial.settings)) <= 150
            assert "/" not in name_of(trial.settings)


@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_a_config_or_refused(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
):
    read(content, tmp_path_factory.getbasetemp() / "any.yaml")


@given(
    parts=st.lists(
        st.sampled_from(
            ["a", "b", ": ", "- ", "\n", "  ", "{", "}", "[", "]", ", ", "&x ", "*x", "<<: ", "!!set ", "? ", "| ", '"', "'", "1", "2.0", ".nan", "1e3", "no", "2020-01-01", "!!binary ", "#", "\t", "---\n", "...\n", "%YAML 1.1\n", "0x7f", "1:30", "~"]
        ),
        max_size=30,
    )
)  # fmt: skip
def test_any_yaml_is_a_config_or_refused(parts, tmp_path_factory: pytest.TempPathFactory):
    read("".join(parts).encode(), tmp_path_factory.getbasetemp() / "any.yaml")


def read(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    config, line = outcome(read_config_file, path)
    assert isinstance(config, dict) if line is None else str(path) in line
