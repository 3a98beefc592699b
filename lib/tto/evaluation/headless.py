"""Which renderer MuJoCo can draw by where there is no screen.

MuJoCo reads `MUJOCO_GL` while it is imported, and a renderer that is not there breaks the import.
So each candidate is tried in a process of its own; this file imports nothing of MuJoCo's.
"""

import contextlib
import functools
import os
import subprocess
import sys
from collections.abc import Callable, MutableMapping

from tto.errors import TTOError

RENDERERS = ("egl", "osmesa")  # the faster one first
_DRAWING = """
import mujoco

context = mujoco.GLContext(8, 8)
context.make_current()
mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), mujoco.mjtFontScale.mjFONTSCALE_100)
"""


def complaint(renderer: str) -> str | None:
    """None if MuJoCo draws a picture by this renderer here, else what it says (takes a second)."""
    done = subprocess.run(
        [sys.executable, "-c", _DRAWING],
        env=os.environ | {"MUJOCO_GL": renderer},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or ["no message"])[-1][:120]


@functools.cache
def working_renderer() -> str:
    """The first of `RENDERERS` that works here, or the one of them that MUJOCO_GL names.

    Raises:
        TTOError: none does.
    """
    asked = os.environ.get("MUJOCO_GL", "").lower()
    candidates = (asked,) if asked in RENDERERS else RENDERERS
    reasons = []
    for renderer in candidates:
        reason = complaint(renderer)
        if reason is None:
            return renderer
        reasons.append(f"{renderer}: {reason}")
    raise TTOError(
        f"rendering: expected {' or '.join(candidates)} to draw without a screen, got "
        f"{'; '.join(reasons)}; install Mesa (libegl1 or libosmesa6) or set MUJOCO_GL"
    )


def choose_renderer(
    environment: MutableMapping[str, str] = os.environ,
    find: Callable[[], str] = working_renderer,
) -> None:
    """Set `MUJOCO_GL` to the first renderer that works, before MuJoCo is imported.

    Nothing changes where the user has set it, where there is a screen, and off Linux. Where none
    works it stays unset, so that environments which need no renderer can still be filmed; drawing
    any other one then fails with a line that says what to install (`tto.evaluation.film`).
    """
    if sys.platform != "linux" or "MUJOCO_GL" in environment or "DISPLAY" in environment:
        return
    with contextlib.suppress(TTOError):
        environment["MUJOCO_GL"] = find()
