"""The choice of a renderer when there is no screen."""

import sys

import pytest

from tto.errors import TTOError
from tto.evaluation import headless


@pytest.fixture
def there(monkeypatch):
    """A function that makes the named renderers work, and no others."""

    def working(*names):
        monkeypatch.setattr(
            headless, "complaint", lambda name: None if name in names else "missing"
        )

    monkeypatch.delenv("MUJOCO_GL", raising=False)
    return working


@pytest.mark.parametrize(
    ("working", "asked", "found"),
    [
        (("egl", "osmesa"), None, "egl"),
        (("osmesa",), None, "osmesa"),
        (("osmesa",), "OSMesa", "osmesa"),
    ],
)
def test_the_first_that_works_is_found(there, monkeypatch, working, asked, found):
    there(*working)
    if asked:
        monkeypatch.setenv("MUJOCO_GL", asked)
    assert headless.working_renderer.__wrapped__() == found


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("", r"expected egl or osmesa to render .*egl: missing; osmesa: missing; install Mesa"),
        ("egl", r"MUJOCO_GL: expected a renderer that works here, got 'egl' \(missing\); unset it"),
        ("foo", r"got 'foo' \(missing\); unset it, so that egl or osmesa is found"),
    ],
)
def test_no_way_to_draw_is_one_line(there, monkeypatch, asked, message):
    there("osmesa" if asked else "none")
    monkeypatch.setenv("MUJOCO_GL", asked)
    with pytest.raises(TTOError, match=message) as caught:
        headless.working_renderer.__wrapped__()
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems draw without a screen")
@pytest.mark.parametrize(
    ("before", "chosen"),
    [
        ({}, "osmesa"),
        ({"MUJOCO_GL": ""}, "osmesa"),
        ({"MUJOCO_GL": "glfw"}, "glfw"),
        ({"DISPLAY": ":0"}, None),
    ],
)
def test_it_is_set_unless_the_user_chose_or_has_a_screen(before, chosen):
    environment = dict(before)
    headless.choose_renderer(environment, find=lambda: "osmesa")
    assert environment.get("MUJOCO_GL") == chosen


def test_where_none_works_nothing_is_set():
    def find():
        raise TTOError("none")

    environment = {}
    headless.choose_renderer(environment, find=find)
    assert environment == {}


def test_a_renderer_that_is_not_there_does_not_draw():
    assert "none-such" in str(headless.complaint("none-such"))
