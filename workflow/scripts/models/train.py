"""Rule train: a token file to a trained Transformer."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from tto.job import job
from tto.model.device import device_named, precision_named
from tto.training.config import training_config
from tto.training.distributed import launch
from tto.training.train import train

if TYPE_CHECKING:
    from snakemake.script import Snakemake

    snakemake: Snakemake

processes = snakemake.config["training"]["processes"]
gpus = processes if snakemake.resources.gpu else 0  # Snakemake lowers the number to its limit

with job(snakemake.log[0], snakemake.output, gpus=gpus):
    params = snakemake.params
    device = device_named(snakemake.config["device"])
    training = dict(params.training)
    training["precision"] = precision_named(training["precision"], device)
    arguments = {
        "token_path": snakemake.input[0],
        "output": str(Path(snakemake.output.weights).parent),
        "model": params.model,
        "seed": int(snakemake.wildcards.seed),
        "checkpoints": params.checkpoints,
        "events": params.events,
    }
    if processes > 1:
        threads = max(1, snakemake.threads // processes)
        path = Path(snakemake.log[0]).with_suffix(".job.json")
        more = {"training": training, "device": device, "threads": threads}
        launch(arguments | more, path, processes=processes)
    else:
        torch.set_num_threads(snakemake.threads)
        train(**arguments, training=training_config(training), device=device)
