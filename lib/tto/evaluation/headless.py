"""The choice of a renderer for MuJoCo when there is no screen.

MuJoCo reads `MUJOCO_GL` while it is imported, and the import fails if that renderer is missing. So
each candidate is tried in its own process, and this module does not import MuJoCo.
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
    """MuJoCo's error message with this renderer, or None if it works (takes a second)."""
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
    """The first of `RENDERERS` that works here; if MUJOCO_GL names one, only that one is tried.

    Raises:
        TTOError: none works.
    """
    chosen = os.environ.get("MUJOCO_GL", "").lower()
    reasons = {}
    for renderer in (chosen,) if chosen else RENDERERS:
        reason = complaint(renderer)
        if reason is None:
            return renderer
        reasons[renderer] = reason
    if chosen:
        raise TTOError(
            f"MUJOCO_GL: expected a renderer that works here, got {chosen!r} ({reasons[chosen]}); "
            f"unset it, so that {' or '.join(RENDERERS)} is found, or install that renderer"
        )
    raise TTOError(
        f"rendering: expected {' or '.join(RENDERERS)} to render without a screen, got "
        f"{'; '.join(f'{name}: {reason}' for name, reason in reasons.items())}; install Mesa "
        "(libegl1 or libosmesa6) or set MUJOCO_GL"
    )


def choose_renderer(
    environment: MutableMapping[str, str] = os.environ,
    find: Callable[[], str] = working_renderer,
) -> None:
    """Set `MUJOCO_GL` to the first renderer that works; call this before MuJoCo is imported.

    Nothing changes if the user has set it, if there is a screen, or on systems other than Linux.
    If no renderer works, it stays unset: environments that need none can still be filmed, and for
    the others the error says what to install (`tto.evaluation.film`).

    Args:
        environment: environment variables to change.
        find: function that returns a renderer or raises TTOError.
    """
    if not environment.get("MUJOCO_GL"):
        environment.pop("MUJOCO_GL", None)  # Gymnasium refuses the empty name
    if sys.platform != "linux" or "MUJOCO_GL" in environment or "DISPLAY" in environment:
        return
    with contextlib.suppress(TTOError):
        environment["MUJOCO_GL"] = find()
