"""One of several training processes: `torchrun [--nnodes N ...] -m tto.training.worker JOB.json`.

The workflow writes the job and starts the processes on one machine
(`tto.training.distributed.launch`). On several machines, run the same command on each of them with
torchrun's options for a rendezvous.
"""

import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from tto.errors import TTOError
from tto.training.config import training_config
from tto.training.distributed import join
from tto.training.train import train


def main() -> None:
    """Train with the arguments in the job file."""
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job.pop("threads"))
    try:
        device = join(job.pop("device"))
        train(**(job | {"training": training_config(job["training"])}), device=device)
    except TTOError as error:
        # skip the clean-up, in which processes would wait for one another
        print(f"Error: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
