"""GPUs of its own for each job of a machine, so that jobs side by side do not share the first one.

Each GPU has a lock file in a folder of the user's. A job that asks for GPUs takes the locks of as
many, and shows only these to its libraries and child processes (`CUDA_VISIBLE_DEVICES`). The system
frees a lock when its job ends, however it ends.

A scheduler that gives a job its GPUs has set `CUDA_VISIBLE_DEVICES` already. If it names no more
GPUs than the job asks for, nothing is changed.
"""

import contextlib
import logging
import os
import re
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tto.errors import TTOError
from tto.files import exclusive_lock, is_private_folder, take_lock

logger = logging.getLogger(__name__)

_VISIBLE = "CUDA_VISIBLE_DEVICES"
_PAUSE = 0.5  # seconds between two looks for a free GPU
_GPU = re.compile(r"GPU \d+: .*\(UUID: (GPU-[^)]+)\)")
_PART = re.compile(r"\s+MIG .*\(UUID: (MIG-[^)]+)\)")


@contextlib.contextmanager
def own_gpus(count: int, *, folder: Path | None = None) -> Iterator[None]:
    """Have `count` GPUs of this machine for oneself in the block of the `with` statement.

    Waits while they are taken. It must begin before CUDA does, which reads `CUDA_VISIBLE_DEVICES`
    once. Where no GPUs are found, or where the user or a scheduler chose no more than `count`,
    nothing is changed.

    Args:
        count: number of GPUs; 0 changes nothing.
        folder: folder of the lock files; the user's own in the folder for temporary files if None.

    Raises:
        TTOError: the folder belongs to another user.
        OSError: the folder or a lock file cannot be made.
    """
    chosen = os.environ.get(_VISIBLE)
    gpus = [] if count == 0 else _gpus_of_machine() if chosen is None else _listed(chosen)
    if not gpus or (chosen is not None and len(gpus) <= count):
        yield
        return
    with contextlib.ExitStack() as locks:
        taken = _take(gpus, min(count, len(gpus)), folder or _own_folder(), locks)
        os.environ[_VISIBLE] = ",".join(taken)
        logger.info("computes on GPU %s", os.environ[_VISIBLE])
        try:
            yield
        finally:
            if chosen is None:
                del os.environ[_VISIBLE]
            else:
                os.environ[_VISIBLE] = chosen


def _take(
    gpus: Sequence[str], count: int, folder: Path, locks: contextlib.ExitStack
) -> Sequence[str]:
    """Lock `count` GPUs, in the order of `gpus`; jobs take theirs one job after another.

    So no two jobs wait for GPUs that the other one holds, and none is overtaken for ever.
    """
    taken: set[str] = set()
    waits = False
    with exclusive_lock(folder / _file_name("gate")):
        while True:
            for gpu in gpus:
                if (
                    len(taken) < count
                    and gpu not in taken
                    and take_lock(folder / _file_name(gpu), locks)
                ):
                    taken.add(gpu)
            if len(taken) == count:
                return [gpu for gpu in gpus if gpu in taken]
            if not waits:
                logger.info("waits for a GPU: other jobs use %s", ", ".join(gpus))
                waits = True
            time.sleep(_PAUSE)


def _file_name(gpu: str) -> str:
    """Name of a GPU's lock file.

    A cluster's job may number its own GPUs from 0, so numbers mean the same only within one job.
    """
    parts = [socket.gethostname(), os.environ.get("SLURM_JOB_ID", ""), gpu]
    return "-".join(re.sub(r"[^A-Za-z0-9]", "-", part)[:80] for part in parts if part) + ".lock"


def _own_folder() -> Path:
    folder = Path(tempfile.gettempdir()) / f"tto-gpus-{os.getuid()}"
    if not is_private_folder(folder):
        raise TTOError(
            f"{folder}: expected a folder of your own for the locks of GPUs, got another user's; "
            "remove it, or set TMPDIR to a folder of yours"
        )
    return folder


def _listed(visible: str) -> list[str]:
    """GPUs in the value of `CUDA_VISIBLE_DEVICES`; as for CUDA, those after a -1 do not count."""
    names = [name.strip() for name in visible.split(",")]
    end = next((i for i, name in enumerate(names) if name in ("", "-1")), len(names))
    return list(dict.fromkeys(names[:end]))


def _gpus_of_machine() -> list[str]:
    """Names of the machine's NVIDIA GPUs, in place of a divided one those of its parts.

    They come from the driver's own program, because asking CUDA would make it choose its devices.
    """
    try:
        listing = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    gpus: list[str] = []
    whole = False
    for line in listing.splitlines():
        if found := _GPU.match(line):
            gpus.append(found[1])
            whole = True
        elif found := _PART.match(line):
            if whole:  # CUDA refuses a GPU that is divided
                gpus.pop()
            gpus.append(found[1])
            whole = False
    return gpus
