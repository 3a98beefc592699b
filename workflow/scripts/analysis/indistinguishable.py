"""Rule indistinguishable: predicted and real trajectories to a classifier's right answers."""

from pathlib import Path

import torch

from tto.analysis.behavior import find_behavior
from tto.analysis.indistinguishable import indistinguishable_rows
from tto.analysis.likelihood import cells_of
from tto.analysis.log_likelihoods import held_out_truth
from tto.baselines.pets.ensemble import load_ensemble
from tto.data.episodes import open_dataset
from tto.job import job
from tto.model.device import device_named
from tto.model.trained import load
from tto.row_files import write_rows

with job(snakemake.log[0], snakemake.output, gpus=snakemake.resources.gpu):
    torch.set_num_threads(snakemake.threads)
    device = device_named(snakemake.config["device"])
    model = load(Path(snakemake.input.weights).parent, device=device)
    truth = held_out_truth(
        open_dataset(snakemake.input.held_out),
        dataset=snakemake.wildcards.dataset,
        cells=cells_of(model.discretizer, model.tokens.observation_dim),
        **snakemake.params.held_out,
    )
    rows = indistinguishable_rows(
        model,
        load_ensemble(Path(snakemake.input.ensemble).parent, device=device),
        truth,
        acting=find_behavior(**snakemake.params.behavior).acting,
        seed=int(snakemake.wildcards.seed),
    )
    write_rows(snakemake.output[0], rows)
