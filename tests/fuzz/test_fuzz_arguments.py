"""Random arguments of the public API: each call succeeds, or raises one `TTOError`.

The properties run in a process of their own, because this one's checks of annotated types
(`tests/conftest.py`) would refuse many arguments before the library sees them.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from outcome import outcome
from test_fuzz_config import BASE, SCHEMA

from tto.config.check import check_config
from tto.planning.settings import SearchConfig

PROPERTIES = Path(__file__).with_name("argument_properties.py")
MEMORY = 6 * 2**30  # bytes of address space, most of it PyTorch's


def test_any_argument_is_accepted_or_refused_by_name():
    paths = [str(PROPERTIES.parents[1]), str(PROPERTIES.parent), os.environ.get("PYTHONPATH", "")]
    run = subprocess.run(
        [sys.executable, PROPERTIES, str(MEMORY)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=60 + 2 * int(os.environ.get("TTO_FUZZ", "30")),
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-6000:]
    assert "checked 5 properties" in run.stdout


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("beam_width", [1, 32], [0, -1, 2.0, "3", True, None, float("nan")]),
        ("horizon", [1, 5], [0, -1, 2.0, "3", True, None]),
        ("expansion", [1, 2], [0, -1, 2.0, "3", True, None]),
        ("observation_top", [1, 2], [0, -1, 2.0, "3", True, None]),
        ("value_levels", [2, None], [1, 0, -1, 2.0, "3", True]),
        ("action_top", [0.2, 1], [0, -1, 1.5, "0.2", True, None, float("nan"), float("inf")]),
        ("action_mass", [0.2, 1.0], [0, -1, 1.5, "0.2", True, None, float("nan"), float("inf")]),
        ("temperature", [0.1, 3], [0, -1, "1", True, None, float("nan"), float("inf")]),
        ("reward_to_go", [True, False], [0, 1, "yes", None]),
        ("token_search", [True, False], [0, 1, "yes", None]),
        ("proposal", ["drawn", "beam"], ["x", 1, None, []]),
        ("value", ["mode", "sample"], ["bogus", 1, None, {}]),
    ],
)
def test_the_api_and_the_config_refuse_the_same(name: str, good: list, bad: list):
    for value, accepted in [*((v, True) for v in good), *((v, False) for v in bad)]:
        config = BASE | {"planning": BASE["planning"] | {name: value}}
        for _, line in (
            outcome(check_config, config, SCHEMA),
            outcome(SearchConfig.__post_init__, unchecked(name, value)),
        ):
            assert (line is None) == accepted, value
            assert line is None or f"planning.{name}" in line


def unchecked(name: str, value: object) -> SearchConfig:
    """Settings with one that nothing has checked."""
    config = SearchConfig()
    object.__setattr__(config, name, value)
    return config
