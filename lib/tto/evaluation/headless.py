"""Which renderer MuJoCo can draw by where there is no screen.

MuJoCo reads `MUJOCO_GL` while it is imported, and a renderer that is not there breaks the import.
So each candidate is tried in a process of its own; this file imports nothing of MuJoCo's.
"""

import os
import subprocess
import sys
from collections.abc import Callable, MutableMapping

RENDERERS = ("egl", "osmesa")  # the faster one first
_DRAWING = """
import mujoco

context = mujoco.GLContext(8, 8)
context.make_current()
mujoco.MjrContext(mujoco.MjModel.from_xml_string("<mujoco/>"), mujoco.mjtFontScale.mjFONTSCALE_100)
"""


def draws(renderer: str) -> bool:
    """Whether MuJoCo draws a picture by this renderer here (takes a second)."""
    done = subprocess.run(
        [sys.executable, "-c", _DRAWING],
        env=os.environ | {"MUJOCO_GL": renderer},
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def choose_renderer(
    environment: MutableMapping[str, str] = os.environ, works: Callable[[str], bool] = draws
) -> None:
    """Set `MUJOCO_GL` to the first renderer that works, before MuJoCo is imported.

    Nothing changes where the user has set it, where there is a screen, and off Linux. Where none
    works it stays unset, so that environments which need no renderer can still be filmed; drawing
    any other one then fails with a line that says what to install (`tto.evaluation.film`).
    """
    if sys.platform != "linux" or "MUJOCO_GL" in environment or "DISPLAY" in environment:
        return
    for renderer in RENDERERS:
        if works(renderer):
            environment["MUJOCO_GL"] = renderer
            return
