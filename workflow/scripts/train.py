"""Rule train: a token file to a trained Transformer."""

from dataclasses import fields
from pathlib import Path

import torch

from tto.job import job
from tto.model.device import device_named
from tto.model.loss import LossWeights
from tto.model.optimizers import OptimizerConfig
from tto.model.training import TrainingConfig, train

with job(snakemake.log[0]):
    torch.set_num_threads(snakemake.threads)
    settings = dict(snakemake.params.training)
    weights = LossWeights(**settings.pop("loss_weights"))
    optimizer = OptimizerConfig(**{f.name: settings.pop(f.name) for f in fields(OptimizerConfig)})
    train(
        snakemake.input[0],
        Path(snakemake.output.weights).parent,
        model=snakemake.params.model,
        training=TrainingConfig(optimizer=optimizer, loss_weights=weights, **settings),
        seed=int(snakemake.wildcards.seed),
        checkpoints=snakemake.params.checkpoints,
        device=device_named(snakemake.config["device"]),
    )
