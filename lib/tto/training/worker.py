"""One of several training processes: `torchrun [--nnodes N ...] -m tto.training.worker JOB.json`.

The workflow writes the job (`tto.training.distributed.launch`) and starts processes on one machine;
on several machines the same line runs on each, with torchrun's own options for a rendezvous.
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
    """Train as the job file says."""
    job = json.loads(Path(sys.argv[1]).read_text())
    torch.set_num_threads(job.pop("threads"))
    try:
        device = join(job.pop("device"))
        train(**(job | {"training": training_config(job["training"])}), device=device)
    except TTOError as error:
        # the others would wait for this process, so none cleans up
        print(f"Error: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
