"""Rule predict: the Transformer and the ensemble go on from one recorded state (figure 1)."""

from pathlib import Path

import torch

from tto.analysis.behavior import find_behavior
from tto.analysis.predictions import choose_origin, predict, write_predictions
from tto.baselines.pets.ensemble import load_ensemble
from tto.data.episodes import open_dataset
from tto.job import job
from tto.model.device import device_named
from tto.model.trained import load

with job(snakemake.log[0], snakemake.output, gpus=snakemake.resources.gpu):
    torch.set_num_threads(snakemake.threads)
    prediction, device = snakemake.params.prediction, device_named(snakemake.config["device"])
    held_out = open_dataset(snakemake.input.held_out)
    origin = choose_origin(held_out, start=prediction["start"], steps=prediction["steps"])
    write_predictions(
        snakemake.output[0],
        predict(
            load(Path(snakemake.input.weights).parent, device=device),
            load_ensemble(Path(snakemake.input.ensemble).parent, device=device),
            held_out[origin.episode],
            origin,
            acting=find_behavior(**snakemake.params.behavior).acting,
            steps=prediction["steps"],
            seed=int(snakemake.wildcards.seed),
        ),
    )
