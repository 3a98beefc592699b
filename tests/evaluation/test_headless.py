"""Which renderer is taken where there is no screen."""

import sys

import pytest

from tto.evaluation.headless import choose_renderer, draws


@pytest.mark.skipif(sys.platform != "linux", reason="other systems draw without a screen")
@pytest.mark.parametrize(
    ("before", "working", "chosen"),
    [
        ({}, {"egl", "osmesa"}, "egl"),
        ({}, {"osmesa"}, "osmesa"),
        ({}, set(), None),
        ({"MUJOCO_GL": "glfw"}, {"egl"}, "glfw"),
        ({"DISPLAY": ":0"}, {"egl"}, None),
    ],
)
def test_the_first_that_works_is_chosen_unless_the_user_chose(before, working, chosen):
    environment = dict(before)
    choose_renderer(environment, works=working.__contains__)
    assert environment.get("MUJOCO_GL") == chosen


def test_a_renderer_that_is_not_there_does_not_draw():
    assert not draws("none-such")
