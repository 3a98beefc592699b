"""Rule train_policy: a dataset's episodes to the policy of a baseline."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tto.baselines.policies import train_policy
from tto.data.episodes import open_dataset
from tto.job import job
from tto.model.device import device_named

if TYPE_CHECKING:
    from snakemake.script import Snakemake

    snakemake: Snakemake

with job(snakemake.log[0], snakemake.output, gpus=snakemake.resources.gpu):
    torch.set_num_threads(snakemake.threads)
    train_policy(
        open_dataset(snakemake.input[0]),
        Path(snakemake.output.weights).parent,
        method=snakemake.wildcards.method,
        seed=int(snakemake.wildcards.seed),
        checkpoints=snakemake.params.checkpoints,
        device=device_named(snakemake.config["device"]),
        events=snakemake.params.events,
        **snakemake.params.settings,
    )
