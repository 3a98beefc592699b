"""Training by several processes that torchrun starts: one for each GPU, on one or more machines.

Each process computes its share of every batch. Gradients and losses are summed over all processes,
so that the result equals that of one process with the whole batch, except for dropout's draws.
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
from tto.training.interruption import catch_stop_signals

_TIMEOUT = timedelta(days=1)  # processes wait for the first one, which may wait for a lock


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one training; a single process if torchrun did not start it.

    Attributes:
        rank: number of this process.
        size: number of processes.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def current(cls) -> "ProcessGroup":
        """The group that `join` joined."""
        return cls(dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else cls()

    @property
    def is_first(self) -> bool:
        """Whether this process writes checkpoints, metrics and the model."""
        return self.rank == 0

    def share(self, windows: Integer[np.ndarray, " B"]) -> Integer[np.ndarray, " b"]:
        """The part of a batch that this process computes."""
        return windows[self.rank :: self.size]

    def sum(self, values: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Replace `values` by their sum over all processes, in place, and return them."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def any(self, value: bool, device: torch.device) -> bool:
        """Whether `value` is true in any process, so that all processes take the same branch."""
        if self.size == 1:
            return value
        return bool(self.sum(torch.tensor(float(value), device=device)))

    def wait(self) -> None:
        """Wait until all processes have called this."""
        if self.size > 1:
            dist.barrier()

    def wrap(self, network: nn.Module, device: torch.device) -> nn.Module:
        """Wrap `network` so that its backward pass averages the gradients over the group."""
        if self.size == 1:
            return network
        return DistributedDataParallel(network, [device] if device.type == "cuda" else None)


def join(device: str) -> str:
    """Join the processes that torchrun started and return the device of this process.

    Raises:
        TTOError: more processes than GPUs.
    """
    local = int(os.environ["LOCAL_RANK"])
    if device == "cuda":
        if local >= torch.cuda.device_count():
            raise TTOError(
                "training.processes: expected at most one process for each of the "
                f"{torch.cuda.device_count()} GPUs of a machine, got more; lower it"
            )
        torch.cuda.set_device(local)
    dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=_TIMEOUT)
    return f"cuda:{local}" if device == "cuda" else device


def launch(job: Mapping[str, Any], path: StrPath, *, processes: int) -> None:
    """Write a job of `tto.training.worker` to `path` and run it with torchrun on this machine.

    Raises:
        TTOError: a process failed; the error holds its message, and the log all of its output.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(job, indent=1) + "\n")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), "-m", "tto.training.worker", str(Path(path))]
    reason = "see the log"
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as torchrun:
        assert torchrun.stderr is not None
        with catch_stop_signals(then=torchrun.terminate):
            for line in torchrun.stderr:
                sys.stderr.write(line)
                if line.startswith("Error: "):
                    reason = line.removeprefix("Error: ").strip()
    if torchrun.returncode:
        raise TTOError(f"training by {processes} processes failed: {reason}")
