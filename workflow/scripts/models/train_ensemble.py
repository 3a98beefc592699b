"""Rule train_ensemble: a dataset's episodes to an ensemble that predicts the next state."""

from pathlib import Path

import torch

from tto.baselines.pets.ensemble_training import train_ensemble
from tto.data.episodes import open_dataset
from tto.job import job
from tto.model.device import device_named

with job(snakemake.log[0], snakemake.output, gpus=snakemake.resources.gpu):
    torch.set_num_threads(snakemake.threads)
    train_ensemble(
        open_dataset(snakemake.input[0]),
        Path(snakemake.output.weights).parent,
        seed=int(snakemake.wildcards.seed),
        device=device_named(snakemake.config["device"]),
        **snakemake.params.ensemble,
    )
