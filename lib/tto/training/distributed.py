"""Training by several processes: one a GPU, on one machine or several, started by torchrun.

Each process computes its share of every batch; gradients and losses are summed over all of them, so
that the result is that of one process with the whole batch, dropout's draws aside.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tto.errors import TTOError
from tto.files import StrPath, atomic_path
from tto.training.interruption import asked_to_stop

_TIMEOUT = timedelta(days=1)  # the others wait while the first one waits for a lock


@dataclass(frozen=True)
class Group:
    """The processes of one training; a single one where torchrun did not start it."""

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> "Group":
        """The group that `join` entered."""
        return cls(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else cls()

    @property
    def is_first(self) -> bool:
        """Whether this process writes checkpoints, metrics and the model."""
        return self.rank == 0

    def share(self, windows: Integer[np.ndarray, " B"]) -> Integer[np.ndarray, " b"]:
        """This process's part of a batch."""
        return windows[self.rank :: self.size]

    def sum(self, values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def any(self, value: bool, device: torch.device) -> bool:
        """Whether it is true in any process, so that all of them act as one."""
        return (
            value if self.size == 1 else bool(self.sum(torch.tensor(float(value), device=device)))
        )

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """The network with gradients averaged over the group by its backward pass."""
        if self.size == 1:
            return network
        return DistributedDataParallel(network, [device] if device.type == "cuda" else None)


def join(device: str) -> str:
    """Enter the group that torchrun made and return the device of this process.

    Raises:
        TTOError: more processes than GPUs.
    """
    local = int(os.environ["LOCAL_RANK"])
    if device == "cuda":
        if local >= torch.cuda.device_count():
            raise TTOError(
                f"training.processes: expected at most one for each of the "
                f"{torch.cuda.device_count()} GPUs of a machine, got more"
            )
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=_TIMEOUT)
    return f"cuda:{local}" if device == "cuda" else device


def launch(job: Mapping[str, Any], path: StrPath, *, processes: int) -> None:
    """Write a job of `tto.training.worker` to `path` and run it by torchrun on this machine.

    Raises:
        TTOError: a process failed; what it said stands in the log.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(job, indent=1) + "\n")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), "-m", "tto.training.worker", str(Path(path))]
    reason = "see the log"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as torchrun:
        assert torchrun.stderr is not None
        with asked_to_stop(then=torchrun.terminate):
            for line in torchrun.stderr:
                sys.stderr.write(line)
                if line.startswith("Error: "):
                    reason = line.removeprefix("Error: ").strip()
    if torchrun.returncode:
        raise TTOError(f"training by {processes} processes failed: {reason}")
