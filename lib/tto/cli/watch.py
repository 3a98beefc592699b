"""`tto watch`: TensorBoard on the losses of a run."""

import importlib.util
import os
import sys
from pathlib import Path

from tto.errors import TTOError


def watch(run: Path, *, port: int) -> None:
    """Replace this process by TensorBoard, which shows the trainings of a run while they go on.

    Args:
        run: folder of a run, or a folder of event files.
        port: port on this machine, at which a browser finds it.

    Raises:
        TTOError: no such logs, or TensorBoard is not installed.
    """
    logs = event_folder(run)
    if importlib.util.find_spec("tensorboard") is None:
        raise TTOError(
            "tto watch: expected the package tensorboard, which is not installed; install it by "
            "`pip install tensorboard`"
        )
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(logs), "--port", str(port)]
    os.execv(sys.executable, command)


def event_folder(run: Path) -> Path:
    """The folder with a run's event files.

    Raises:
        TTOError: there is none.
    """
    for folder in (run / "tensorboard", run):
        if next(folder.rglob("events.out.tfevents.*"), None) is not None:
            return folder
    raise TTOError(
        f"{run}: expected the folder of a run whose trainings have begun, as results/demo, found "
        "no event files; begin the run, or name another folder"
    )
